"""The settings of the webhook: what is refused, in which words, and what is read."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapter.settings.shown import lines, shown
from adapter.settings.webhook import ReceiverSettings, WebhookSettings

SECRET = "p4th-secret-0123456789"
PATH = {"path_secret": SECRET}
NO_NETWORK = "give an address or a network such as 192.0.2.0/24, without bits behind the mask"


def faults(**settings: Any) -> list[str]:  # noqa: ANN401 - handed on to the settings
    """Return what makes no sense about a tenant's settings."""
    return [f"{fault.key}: {fault.problem}" for fault in WebhookSettings(**settings).faults()]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        (PATH, []),
        ({"header_name": "X-Key", "header_value": "k"}, []),
        ({"basic_user": "u", "basic_password": "p"}, []),
        ({"hmac_secret": "s"}, []),
        ({"allow_from": ["192.0.2.0/24"]}, ["path_secret: nothing secret is set: anybody could announce results"]),
        ({"hmac_header": "X-Sum"}, ["path_secret: nothing secret is set: anybody could announce results"]),
        (
            {"header_name": "X-Key"},
            [
                "path_secret: nothing secret is set: anybody could announce results",
                "header_value: it is missing beside header_name",
            ],
        ),
        ({"path_secret": "a" * 15}, ["path_secret: it has fewer than 16 characters"]),
        ({"path_secret": "a" * 16}, []),
        ({"path_secret": "a/b" * 10}, ["path_secret: it has characters that a path would change"]),
        ({"path_secret": "é" * 20}, ["path_secret: it has characters that a path would change"]),
        ({"path_secret": " "}, ["path_secret: it is empty"]),
        (PATH | {"path_secret_file": "/f"}, ["path_secret: path_secret and path_secret_file are both set"]),
        (
            {"hmac_secret_file": "/nowhere/at/all"},
            ["hmac_secret_file: cannot read /nowhere/at/all: No such file or directory"],
        ),
        (PATH | {"header_name": "X-Key"}, ["header_value: it is missing beside header_name"]),
        (PATH | {"header_value": "k"}, ["header_name: it is missing beside header_value"]),
        (
            {"header_name": "X-Key", "header_value": "k\u20ac"},
            ["header_value: it has characters that no header has"],
        ),
        (PATH | {"basic_user": "u"}, ["basic_password: it is missing beside basic_user"]),
        (PATH | {"basic_password": "p"}, ["basic_user: it is missing beside basic_password"]),
        (
            {"header_name": "authorization", "header_value": "k", "basic_user": "u", "basic_password": "p"},
            ["header_name: basic authentication uses this header already"],
        ),
        (PATH | {"allow_from": ["192.0.2.1/24"]}, ["allow_from: '192.0.2.1/24' is no network"]),
        (PATH | {"allow_from": ["cirrus.example"]}, ["allow_from: 'cirrus.example' is no network"]),
        (PATH | {"allow_from": ["2001:db8::/32", "192.0.2.1"]}, []),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], expected: list[str]) -> None:
    """Something secret has to be set, whole, in one place, and fit to be sent."""
    assert faults(**settings) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"header_name": "X_Key"},
        {"header_name": "X-Key:"},
        {"basic_user": "a:b"},
        {"hmac_algorithm": "md5"},
        {"hmac_encoding": "binary"},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    """Types alone refuse a header that would never arrive, and what we cannot do."""
    with pytest.raises(ValidationError):
        WebhookSettings(**settings)


@pytest.mark.parametrize("kind", ["application", "application/json; charset=utf-8", "", "*", "a b/c"])
def test_a_content_type_is_bare(kind: str) -> None:
    """Without parameters, since only what stands before them is compared."""
    with pytest.raises(ValidationError):
        ReceiverSettings(content_types=(kind,))


def test_a_proxy_is_a_network() -> None:
    """As in the allow-list."""
    (fault,) = ReceiverSettings(trusted_proxies=("proxy.example",)).faults()

    assert fault == ("trusted_proxies", "'proxy.example' is no network", NO_NETWORK)
    assert list(ReceiverSettings(trusted_proxies=("10.0.0.0/8", "::1")).faults()) == []


def test_a_tenant_without_the_section_takes_no_notices() -> None:
    """The section is there or not; an empty one is none."""
    assert (WebhookSettings().wanted, WebhookSettings(path_secret=SECRET).wanted) == (False, True)


def test_secrets_are_read_from_files_again(tmp_path: Path) -> None:
    """Each time, so that they can be replaced without a restart; what is not set is None."""
    file = tmp_path / "secret"
    settings = WebhookSettings(
        path_secret_file=file, header_value_file=file, basic_password_file=file, hmac_secret_file=file
    )
    for text in ("first", "second"):
        file.write_text(f"{text}\n", encoding="utf-8")
        assert settings.read_path_secret() == text
        assert settings.read_header_value() == text
        assert settings.read_basic_password() == text
        assert settings.read_hmac_secret() == text
    nothing = WebhookSettings()
    assert nothing.read_path_secret() is nothing.read_header_value() is None
    assert nothing.read_basic_password() is nothing.read_hmac_secret() is None


def test_no_secret_is_shown() -> None:
    """Neither by `check-config --show` nor in a repr."""
    settings = WebhookSettings(
        path_secret=SECRET,
        header_name="X-Key",
        header_value="h3ader-secret",
        basic_user="cirrus",
        basic_password="b4sic-secret",
        hmac_secret="hm4c-secret",
        allow_from=("192.0.2.0/24",),
    )
    told = dict(lines(shown(settings)))

    assert told["path_secret"] == told["header_value"] == told["basic_password"] == told["hmac_secret"] == "***"
    assert told["allow_from"] == ["192.0.2.0/24"]
    assert "secret-" not in repr(settings)
    assert "-secret" not in f"{told} {settings!r}"
