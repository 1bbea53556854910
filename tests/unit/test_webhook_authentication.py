"""Who is believed: one table for each way in which a tenant's Cirrus can show that it is itself."""

import hashlib
import hmac
from base64 import b64encode
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from adapter.errors import ConfigurationError
from adapter.settings.webhook import WebhookSettings
from adapter.webhook.authentication import Credentials, Gatekeeper
from adapter.webhook.networks import Networks, sender

SECRET = "p4th-secret-0123456789"
BODY = b'{"CandidateExtId": "S1"}'


def asked(**settings: Any) -> Credentials:  # noqa: ANN401 - handed on to the settings
    """Return what a tenant with these settings asks for."""
    return Credentials.of("uni.example", WebhookSettings(**settings))


def test_nobody_is_let_in_for_nothing() -> None:
    """Without anything secret there is no webhook, whatever else is set."""
    with pytest.raises(ConfigurationError, match="anybody could announce results"):
        asked(allow_from=("192.0.2.0/24",), header_name="X-Key")


def basic(user: str, password: str, scheme: str = "Basic") -> dict[str, str]:
    """Return the header of basic authentication."""
    return {"HTTP_AUTHORIZATION": f"{scheme} {b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize(
    ("secret", "segment", "fits"),
    [
        (SECRET, SECRET, True),
        (SECRET, SECRET[:-1], False),
        (SECRET, SECRET + "0", False),
        (SECRET, SECRET.upper(), False),
        (SECRET, "", False),
        (SECRET, None, False),
        (None, None, True),
        (None, "anything", False),
        (None, "", False),
    ],
)
def test_the_path_holds_the_secret_or_nothing(secret: str | None, segment: str | None, *, fits: bool) -> None:
    """With a secret it has to be there, whole; without one, there is no last part."""
    assert asked(path_secret=secret, hmac_secret="s1gn").fit_path(segment) is fits


HEADER = {"header_name": "X-Webhook-Key", "header_value": "k3y"}
BASIC = {"basic_user": "cirrus", "basic_password": "pässword"}


@pytest.mark.parametrize(
    ("settings", "environ", "fits"),
    [
        ({"hmac_secret": "s1gn"}, {}, True),
        (HEADER, {"HTTP_X_WEBHOOK_KEY": "k3y"}, True),
        (HEADER, {"HTTP_X_WEBHOOK_KEY": "K3y"}, False),
        (HEADER, {"HTTP_X_WEBHOOK_KEY": "k3y, k3y"}, False),
        (HEADER, {"HTTP_X_WEBHOOK_KEY": ""}, False),
        (HEADER, {"HTTP_X_WEBHOOK_KEY": "k\xe9y\u20ac"}, False),
        (HEADER, {}, False),
        ({"header_name": "Authorization", "header_value": "Bearer abc"}, {"HTTP_AUTHORIZATION": "Bearer abc"}, True),
        (BASIC, basic("cirrus", "pässword"), True),
        (BASIC, basic("cirrus", "pässword", "bASIC"), True),
        (BASIC, basic("cirrus", "password"), False),
        (BASIC, basic("other", "pässword"), False),
        (BASIC, basic("cirrus", "pässword", "Bearer"), False),
        (BASIC, {"HTTP_AUTHORIZATION": "Basic"}, False),
        (BASIC, {"HTTP_AUTHORIZATION": "Basic !!!"}, False),
        (BASIC, {"HTTP_AUTHORIZATION": "cirrus:pässword"}, False),
        (BASIC, {}, False),
        (HEADER | BASIC, {"HTTP_X_WEBHOOK_KEY": "k3y"} | basic("cirrus", "pässword"), True),
        (HEADER | BASIC, {"HTTP_X_WEBHOOK_KEY": "k3y"}, False),
        (HEADER | BASIC, basic("cirrus", "pässword"), False),
    ],
)
def test_every_header_that_is_asked_for_fits(settings: dict[str, str], environ: dict[str, str], *, fits: bool) -> None:
    """A secret header and basic authentication are asked for alone or together."""
    assert asked(**settings).fit_headers(environ) is fits


def signature(algorithm: str, encoding: str, secret: bytes = b"s1gn", body: bytes = BODY) -> str:
    """Sign as a sender would."""
    digest = hmac.new(secret, body, getattr(hashlib, algorithm)).digest()
    return digest.hex() if encoding == "hex" else b64encode(digest).decode()


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_signature_of_the_body_fits(algorithm: str, encoding: str, prefix: str) -> None:
    """Each hash function in each spelling; another body, secret, function or prefix does not fit."""
    credentials = asked(
        hmac_secret="s1gn",
        hmac_header="X-Hub-Signature",
        hmac_algorithm=algorithm,
        hmac_encoding=encoding,
        hmac_prefix=prefix,
    )
    right = signature(algorithm, encoding)
    wrong = [
        "",
        right,
        prefix,
        prefix + right[:-1],
        prefix + signature(algorithm, encoding, secret=b"other"),
        prefix + signature(algorithm, encoding, body=BODY + b" "),
        prefix + signature("md5", encoding),
        prefix + b64encode(b"\xff").decode(),
        f"{prefix}\xe9\xff",
    ]

    assert credentials.fit_signature({"HTTP_X_HUB_SIGNATURE": prefix + right}, BODY)
    assert [text for text in wrong if text != prefix + right and fits_signed(credentials, text)] == []
    assert not credentials.fit_signature({}, BODY)


def fits_signed(credentials: Credentials, text: str) -> bool:
    """Tell whether this signature is taken."""
    return credentials.fit_signature({"HTTP_X_HUB_SIGNATURE": text}, BODY)


def test_a_hexadecimal_signature_may_have_large_letters() -> None:
    """It is the same number; base64 is not."""
    hexadecimal, base64 = asked(hmac_secret="s1gn"), asked(hmac_secret="s1gn", hmac_encoding="base64")

    assert hexadecimal.fit_signature({"HTTP_X_SIGNATURE": signature("sha256", "hex").upper()}, BODY)
    assert not base64.fit_signature({"HTTP_X_SIGNATURE": signature("sha256", "base64").upper()}, BODY)


def test_without_a_signature_every_body_fits() -> None:
    """What is not asked for is not looked at."""
    assert asked(path_secret=SECRET).fit_signature({"HTTP_X_SIGNATURE": "nonsense"}, BODY)


@pytest.mark.parametrize(
    ("allowed", "address", "fits"),
    [
        ((), "203.0.113.9", True),
        ((), None, True),
        (("192.0.2.0/24",), "192.0.2.7", True),
        (("192.0.2.0/24",), "192.0.3.7", False),
        (("192.0.2.7",), "192.0.2.7", True),
        (("192.0.2.0/24",), "2001:db8::1", False),
        (("192.0.2.0/24",), None, False),
        (("2001:db8::/32", "192.0.2.0/24"), "2001:db8::1", True),
        (("2001:db8::/32",), "2001:db9::1", False),
        (("::ffff:192.0.2.0/120",), "192.0.2.9", True),
        (("::/0",), "192.0.2.9", False),
    ],
)
def test_addresses_are_allowed_by_network(allowed: tuple[str, ...], address: str | None, *, fits: bool) -> None:
    """An empty list is any; with a list, an address that cannot be told is refused."""
    credentials = asked(path_secret=SECRET, allow_from=allowed)

    assert credentials.fit_address(None if address is None else ip_address(address)) is fits


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "192.0.2.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.66, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1,10.0.0.2 ,  10.0.0.3", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "192.0.2.1:4711", "192.0.2.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("fd00::1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "192.0.2.1, unknown", None),
        ("10.0.0.1", "192.0.2.1,", None),
        ("10.0.0.1", "unknown, 10.0.0.2", None),
        ("", "192.0.2.1", None),
    ],
)
def test_the_sender_is_whom_our_own_proxies_name(peer: str, forwarded: str, expected: str | None) -> None:
    """X-Forwarded-For is read from its end, as long as a trusted proxy speaks; anybody can write the rest."""
    trusted = Networks.of(["10.0.0.0/24", "fd00::/8"])

    assert sender(peer, forwarded, trusted) == (None if expected is None else ip_address(expected))


def test_nobody_is_trusted_by_default() -> None:
    """Without trusted proxies the header means nothing."""
    assert sender("10.0.0.1", "192.0.2.1", Networks()) == ip_address("10.0.0.1")


@pytest.mark.parametrize(
    ("slug", "segment", "found"),
    [
        ("uni", SECRET, "uni.example"),
        ("college", SECRET + "-college", "college.example"),
        ("open", None, "open.example"),
        ("uni", SECRET + "-college", None),
        ("college", SECRET, None),
        ("uni", None, None),
        ("open", SECRET, None),
        ("nobody", SECRET, None),
        ("nobody", None, None),
        ("", SECRET, None),
    ],
)
def test_a_path_belongs_to_the_tenant_whose_secret_it_holds(slug: str, segment: str | None, found: str | None) -> None:
    """One tenant's secret opens nothing of another's, and nothing of an unknown one's."""
    gatekeeper = Gatekeeper(
        {
            "uni": Credentials.of("uni.example", WebhookSettings(path_secret=SECRET)),
            "college": Credentials.of("college.example", WebhookSettings(path_secret=SECRET + "-college")),
            "open": Credentials.of("open.example", WebhookSettings(**HEADER)),
        }
    )
    credentials = gatekeeper.find(slug, segment)

    assert (credentials and credentials.tenant) == found


def test_without_tenants_there_is_nobody_to_find() -> None:
    """No path is right."""
    assert Gatekeeper({}).find("uni", SECRET) is None


def test_an_unknown_tenant_costs_the_same_work() -> None:
    """A guess at a slug is compared with a secret, too, and fits none even when that one is right."""
    compared: list[str | None] = []

    class Watched(Credentials):
        def fit_path(self, segment: str | None) -> bool:
            compared.append(segment)
            return super().fit_path(segment)

    gatekeeper = Gatekeeper({"uni": Watched.of("uni.example", WebhookSettings(path_secret=SECRET))})

    assert gatekeeper.find("nobody", SECRET) is None
    assert compared == [SECRET]


def test_a_replaced_secret_counts_at_once(tmp_path: Path) -> None:
    """Files are read with each request; while one cannot be read, nobody is believed."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    credentials = asked(path_secret_file=file)
    assert credentials.fit_path(SECRET)

    file.write_text("another-secret-0123456789", encoding="utf-8")
    assert not credentials.fit_path(SECRET)
    assert credentials.fit_path("another-secret-0123456789")

    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot read"):
        credentials.fit_path(SECRET)


def test_no_secret_is_in_a_repr() -> None:
    """Credentials may end up in a traceback."""
    credentials = asked(path_secret=SECRET, header_name="X-Key", header_value="k3y-secret")

    assert not [secret for secret in (SECRET, "k3y-secret") if secret in repr(credentials)]
