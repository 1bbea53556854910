"""Settings that are shown: no secret in any form of them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from adapter.errors import ConfigurationError
from adapter.settings import Settings, load
from adapter.settings.shown import lines, shown
from adapter.settings.urls import masked_url

SECRETS = ("s3cret-token", "br0ker-pw", "l3dger-pw", "A" * 43 + "=")


def configured() -> Settings:
    """Return settings with a secret in every place that can hold one."""
    return load(
        None,
        {
            "CIRRUS_ADAPTER_BROKER__URL": "amqp://adapter:br0ker-pw@broker:5672/%2F;amqp://adapter:br0ker-pw@other:5672/%2F",
            "CIRRUS_ADAPTER_LEDGER__URL": "postgresql+psycopg://adapter:l3dger-pw@db:5432/adapter?password=l3dger-pw",
            "CIRRUS_ADAPTER_LEDGER__SEAL_KEY": "A" * 43 + "=",
            "CIRRUS_ADAPTER_TENANTS__UNI__NAME": "uni.example",
            "CIRRUS_ADAPTER_TENANTS__UNI__REGION": "eu",
            "CIRRUS_ADAPTER_TENANTS__UNI__TOKEN": "s3cret-token",
            "CIRRUS_ADAPTER_TENANTS__UNI__MAPPING__DEFAULT_HIERARCHY__ID": "EXAMS",
            "CIRRUS_ADAPTER_TENANTS__UNI__MAPPING__DEFAULT_HIERARCHY__NAME": "All exams",
        },
    )


def test_no_secret_is_shown() -> None:
    """Addresses lose their credentials and options, everything else that is secret is masked whole."""
    told = dict(lines(shown(configured())))

    assert told["broker.url"] == "amqp://***@broker:5672/%2F;amqp://***@other:5672/%2F"
    assert told["ledger.url"] == "postgresql+psycopg://***@db:5432/adapter"
    assert told["ledger.seal_key"] == "***"
    assert told["tenants.uni.token"] == "***"
    assert told["broker.bindings"] == ["#"]
    assert told["tenants.uni.mapping.default_hierarchy.id"] == "EXAMS"
    assert not [secret for secret in SECRETS if secret in str(told)]


def test_no_secret_is_in_a_repr() -> None:
    """Settings may end up in a log or a traceback."""
    settings = configured()

    assert not [secret for secret in SECRETS if secret in f"{settings!r} {settings}"]


def test_a_default_that_a_file_replaces_is_not_shown(tmp_path: Path) -> None:
    """With `url_file` set, the default of `url` is not in force."""
    (tmp_path / "url").write_text("sqlite://", encoding="utf-8")
    settings = configured()
    ledger = settings.ledger.model_copy(update={"url_file": tmp_path / "url"})

    assert shown(ledger)["url"] is None
    assert shown(ledger)["url_file"] == str(tmp_path / "url")


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("memory://", "memory://"),
        ("sqlite:///var/ledger.db", "sqlite:///var/ledger.db"),
        ("amqp://h:5672/v", "amqp://h:5672/v"),
        ("amqps://u:p@[::1]:5671//", "amqps://***@[::1]:5671//"),
        ("postgresql://u:p@a:1,b:2/d?sslmode=require", "postgresql://***@a:1,b:2/d"),
        ("amqp://u:p@ss@h/v", "***"),
        ("amqp://u:p/ss@h/v", "***"),
        ("amqp://u:p;ss@h/v", "***"),
        ("amqp://u:p?ss@h/v", "***"),
        ("nonsense", "***"),
    ],
)
def test_an_address_is_masked_whole_when_its_parts_are_in_doubt(url: str, masked: str) -> None:
    """A password with unquoted characters must not be taken for a host."""
    assert masked_url(url) == masked


def test_settings_do_not_change() -> None:
    """What was checked at the start holds until the end."""
    settings = configured()

    with pytest.raises(ValidationError, match="frozen"):
        settings.broker.prefetch = 1  # type: ignore[misc]


def test_a_wrong_secret_is_not_repeated() -> None:
    """The line names the key, never the value."""
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"CIRRUS_ADAPTER_LEDGER__URL": "mysql://u:l3dger-pw@h/d", "CIRRUS_ADAPTER_TENANTS__UNI__NAME": "u"})

    assert "l3dger-pw" not in str(caught.value)
