"""The settings of the webhook: where notices are received, and what a tenant's Cirrus has to show to be believed.

What Cirrus can show is not documented (cirrus-api.md, section C), so there are four ways, and all that are set
have to fit. A secret in the path works with anything that can send to a URL.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from adapter.settings.section import Fault, Section, either_fault, read_secret

SHORTEST_PATH_SECRET = 16

ContentType = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+|\*/\*)$", max_length=127)
]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
"""Without underscores: the server drops such headers, since they could pass for others."""

Network = Annotated[str, StringConstraints(min_length=1, max_length=60)]

_URL_SAFE = re.compile(r"[A-Za-z0-9_-]+")


class ReceiverSettings(Section):
    """The port that Cirrus' webhook sends its notices to. Plain HTTP: put a proxy with TLS in front of it."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a container."""

    port: int = Field(default=9465, ge=0, le=65_535)
    """Port to listen on; 0 takes any free one."""

    threads: int = Field(default=16, ge=1, le=256)
    """Notices that may be under way to the ledger at once."""

    largest_body: int = Field(default=1_000_000, ge=1_000, le=100_000_000)
    """Bytes of a notice, at most; a larger one is refused."""

    content_types: tuple[ContentType, ...] = Field(
        default=("application/json", "text/json", "text/plain"), min_length=1
    )
    """Content types that are taken, besides none at all; `*/*` is any. A notice that is no JSON is kept, too."""

    trusted_proxies: tuple[Network, ...] = Field(default=(), examples=[["127.0.0.1", "10.0.0.0/24"]])
    """Addresses and networks of our own proxies: whom they name in X-Forwarded-For is taken for the sender."""

    keep_deadline_s: float = Field(default=10, gt=0, le=120)
    """Seconds that a notice may take to be stored; after that Cirrus is told to send it again."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        yield from _network_faults("trusted_proxies", self.trusted_proxies)


class WebhookSettings(Section):
    """What this tenant's Cirrus shows with each notice. Left out altogether, no notices are taken for the tenant."""

    path_secret: SecretStr | None = Field(default=None, examples=["change-me-0123456789"])
    """Last part of the Payload URL, `/webhook/<slug>/<path_secret>`: 16 or more letters, digits, `-` and `_`, at
    random."""

    path_secret_file: Path | None = Field(default=None, examples=["/run/secrets/webhook-path"])
    """Name of a file that holds `path_secret`, instead of `path_secret`; it is read again with each notice."""

    header_name: HeaderName | None = Field(default=None, examples=["X-Webhook-Key"])
    """Header that has to have the value `header_value`."""

    header_value: SecretStr | None = Field(default=None, examples=["change-me"])
    """Its value, whole."""

    header_value_file: Path | None = Field(default=None, examples=["/run/secrets/webhook-header"])
    """Name of a file that holds `header_value`, instead of `header_value`; it is read again with each notice."""

    basic_user: Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f]{1,200}$")] | None = Field(
        default=None, examples=["cirrus"]
    )
    """User of HTTP basic authentication."""

    basic_password: SecretStr | None = Field(default=None, examples=["change-me"])
    """Password of HTTP basic authentication."""

    basic_password_file: Path | None = Field(default=None, examples=["/run/secrets/webhook-password"])
    """Name of a file that holds `basic_password`, instead of `basic_password`; it is read again with each notice."""

    hmac_secret: SecretStr | None = Field(default=None, examples=["change-me"])
    """Secret with which the body is signed, in the header `hmac_header`."""

    hmac_secret_file: Path | None = Field(default=None, examples=["/run/secrets/webhook-hmac"])
    """Name of a file that holds `hmac_secret`, instead of `hmac_secret`; it is read again with each notice."""

    hmac_header: HeaderName = "X-Signature"
    """Header that holds the signature."""

    hmac_algorithm: Literal["sha256", "sha1", "sha512"] = "sha256"
    """Hash function of the signature."""

    hmac_encoding: Literal["hex", "base64"] = "hex"
    """How the signature is written."""

    hmac_prefix: Annotated[str, StringConstraints(max_length=50)] = ""
    """What stands before it, such as `sha256=`."""

    allow_from: tuple[Network, ...] = Field(default=(), examples=[["192.0.2.0/24", "2001:db8::/32"]])
    """Addresses and networks that notices are taken from; empty is any."""

    @property
    def wanted(self) -> bool:
        """Whether notices are taken for the tenant."""
        return bool(self.model_fields_set)

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        secrets = (
            ("path_secret", self.path_secret, self.path_secret_file),
            ("header_value", self.header_value, self.header_value_file),
            ("basic_password", self.basic_password, self.basic_password_file),
            ("hmac_secret", self.hmac_secret, self.hmac_secret_file),
        )
        problems = [fault for secret in secrets for fault in either_fault(*secret, required=False)]
        yield from problems
        if self.wanted and all(value is None and file is None for _, value, file in secrets):
            yield Fault("path_secret", "nothing secret is set: anybody could announce results", "set a path_secret")
        elif not problems:
            yield from _path_faults(self.read_path_secret())
            yield from _value_faults(self.read_header_value())
        yield from self._pair_faults()
        yield from _network_faults("allow_from", self.allow_from)

    def _pair_faults(self) -> Iterator[Fault]:
        valued = self.header_value is not None or self.header_value_file is not None
        passworded = self.basic_password is not None or self.basic_password_file is not None
        if valued is not (self.header_name is not None):
            key, other = ("header_name", "header_value") if valued else ("header_value", "header_name")
            yield Fault(key, f"it is missing beside {other}", f"set {key}, or leave {other} out")
        if passworded is not (self.basic_user is not None):
            key, other = ("basic_user", "basic_password") if passworded else ("basic_password", "basic_user")
            yield Fault(key, f"it is missing beside {other}", f"set {key}, or leave {other} out")
        if self.basic_user is not None and (self.header_name or "").lower() == "authorization":
            yield Fault("header_name", "basic authentication uses this header already", "set one of the two")

    def read_path_secret(self) -> str | None:
        """Return the last part of the path, None when there is none; files are read on every call.

        Raises `ConfigurationError`, as the other three do.
        """
        return _read("path_secret", self.path_secret, self.path_secret_file)

    def read_header_value(self) -> str | None:
        """Return the value of the secret header, None when there is none."""
        return _read("header_value", self.header_value, self.header_value_file)

    def read_basic_password(self) -> str | None:
        """Return the password of basic authentication, None when there is none."""
        return _read("basic_password", self.basic_password, self.basic_password_file)

    def read_hmac_secret(self) -> str | None:
        """Return the secret that signs the body, None when there is none."""
        return _read("hmac_secret", self.hmac_secret, self.hmac_secret_file)


def _read(key: str, value: SecretStr | None, file: Path | None) -> str | None:
    if file is not None:
        return read_secret(key, file)
    return None if value is None else value.get_secret_value().strip()


def _path_faults(secret: str | None) -> Iterator[Fault]:
    if secret is None:
        return
    if not _URL_SAFE.fullmatch(secret):
        yield Fault(
            "path_secret",
            "it has characters that a path would change",
            "use letters, digits, - and _ (openssl rand -hex 24)",
        )
    elif len(secret) < SHORTEST_PATH_SECRET:
        yield Fault(
            "path_secret", f"it has fewer than {SHORTEST_PATH_SECRET} characters", "make one with: openssl rand -hex 24"
        )


def _value_faults(value: str | None) -> Iterator[Fault]:
    if value is not None and not (value.isascii() and value.isprintable()):
        yield Fault("header_value", "it has characters that no header has", "use printable ASCII")


def _network_faults(key: str, networks: tuple[str, ...]) -> Iterator[Fault]:
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            like = "give an address or a network such as 192.0.2.0/24, without bits behind the mask"
            yield Fault(key, f"'{network}' is no network", like)
