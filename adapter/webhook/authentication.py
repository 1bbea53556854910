"""Who may announce results: everything that a tenant's settings ask for has to fit, and nothing else is looked at.

Secrets are compared in constant time, as bytes. Somebody who guesses at tenants is put through the same work as
somebody who guesses at a secret.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

from adapter.errors import ConfigurationError
from adapter.webhook.networks import Address, Networks

Environ = Mapping[str, object]
"""A WSGI environment, whose headers are `HTTP_X_SOME_NAME`."""


class Asked(Protocol):
    """What is asked of a tenant's Cirrus; a secret that is None is not asked for.

    Secrets are read at each request, so that one that was replaced is seen; they raise `ConfigurationError` while
    they cannot be read.
    """

    @property
    def header_name(self) -> str | None: ...  # noqa: D102 - the settings say what each is
    @property
    def basic_user(self) -> str | None: ...  # noqa: D102
    @property
    def hmac_header(self) -> str: ...  # noqa: D102
    @property
    def hmac_algorithm(self) -> Literal["sha256", "sha1", "sha512"]: ...  # noqa: D102
    @property
    def hmac_encoding(self) -> Literal["hex", "base64"]: ...  # noqa: D102
    @property
    def hmac_prefix(self) -> str: ...  # noqa: D102
    @property
    def allow_from(self) -> tuple[str, ...]: ...  # noqa: D102

    def read_path_secret(self) -> str | None: ...  # noqa: D102
    def read_header_value(self) -> str | None: ...  # noqa: D102
    def read_basic_password(self) -> str | None: ...  # noqa: D102
    def read_hmac_secret(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Credentials:
    """What notices for one tenant have to show; `tenant` is the name under which they are stored."""

    tenant: str
    asked: Asked = field(repr=False)
    networks: Networks

    @classmethod
    def of(cls, tenant: str, asked: Asked) -> Self:
        """Take them from a tenant's settings; raises `ConfigurationError` when they would let everybody in."""
        readers = (asked.read_path_secret, asked.read_header_value, asked.read_basic_password, asked.read_hmac_secret)
        if all(read() is None for read in readers):
            raise ConfigurationError(
                f"the webhook of {tenant}", "nothing secret is set: anybody could announce results", "set a path_secret"
            )
        return cls(tenant, asked, Networks.of(asked.allow_from))

    def fit_path(self, segment: str | None) -> bool:
        """Tell whether the last part of the path is the secret one; without one, it has to be left out."""
        secret = self.asked.read_path_secret()
        same = _same(segment or "", secret or "")
        return same and (segment is None) is (secret is None)

    def fit_address(self, address: Address | None) -> bool:
        """Tell whether notices are taken from there."""
        return not self.networks or address in self.networks

    def fit_headers(self, environ: Environ) -> bool:
        """Tell whether the secret header and basic authentication are right, where they are asked for."""
        value, password = self.asked.read_header_value(), self.asked.read_basic_password()
        fits = value is None or _same(_header(environ, self.asked.header_name or ""), value)
        if password is not None:
            scheme, _, token = _header(environ, "Authorization").partition(" ")
            right = b64encode(f"{self.asked.basic_user}:{password}".encode()).decode()
            fits &= _same(token.strip(), right) and scheme.lower() == "basic"
        return fits

    def fit_signature(self, environ: Environ, body: bytes) -> bool:
        """Tell whether the signature of the body is right, where one is asked for."""
        secret = self.asked.read_hmac_secret()
        if secret is None:
            return True
        digest = hmac.digest(secret.encode(), body, self.asked.hmac_algorithm)
        written = _header(environ, self.asked.hmac_header)
        given = written.removeprefix(self.asked.hmac_prefix)
        if self.asked.hmac_encoding == "hex":
            same = _same(given.lower(), digest.hex())
        else:
            same = _same(given, b64encode(digest).decode())
        return same and written.startswith(self.asked.hmac_prefix)


class Gatekeeper:
    """Knows the tenants by the slugs in their paths."""

    def __init__(self, tenants: Mapping[str, Credentials]) -> None:
        self._tenants = dict(tenants)
        self._nobody = next(iter(self._tenants.values()), None)

    def knows(self, slug: str) -> bool:
        """Tell whether there is such a tenant."""
        return slug in self._tenants

    def find(self, slug: str, segment: str | None) -> Credentials | None:
        """Return whom a path belongs to; None when there is no such tenant, or the secret part of it is wrong.

        Raises `ConfigurationError` when the tenant's secret cannot be read.
        """
        found = self._tenants.get(slug)
        asked = found or self._nobody  # for an unknown tenant, another one's secret is compared, and the result dropped
        fits = asked is not None and asked.fit_path(segment)
        return found if fits else None


def _header(environ: Environ, name: str) -> str:
    return str(environ.get("HTTP_" + name.upper().replace("-", "_"), ""))


def _same(given: str, right: str) -> bool:
    # What was given came as bytes, one for each character (PEP 3333); what is right was read as UTF-8.
    return hmac.compare_digest(given.encode("latin-1", "replace"), right.encode())
