"""Loading settings: where they come from, and what goes before what."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from adapter.broker.topology import Topology
from adapter.domain.steps import Hierarchy
from adapter.errors import ConfigurationError
from adapter.settings import load
from tests.unit.settings_kit import BASE, TENANT, UNI, refused, without, written


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_tenant_is_enough() -> None:
    """A tenant with a name, a place, a token and a hierarchy runs; everything else has a default."""
    settings = load(written(TENANT), {})

    uni = settings.tenants["uni"]
    assert uni.api_url() == "https://api.cirrus.example/api/v1/integrations"
    assert uni.read_token() == "s3cret-token"
    assert uni.id_mapping().default_hierarchy == Hierarchy("EXAMS", "All exams")
    assert settings.broker.topology() == Topology()
    assert settings.ledger.read_url() == "sqlite:///var/ledger.db"
    assert settings.named("uni.example") is uni
    assert settings.named("other.example") is None


def test_the_environment_alone_is_enough() -> None:
    """No file is needed: every key can be spelled as a variable, lists and tables as JSON."""
    environ = {
        **BASE,
        "CIRRUS_ADAPTER_BROKER__BINDINGS": '["uni.example.#"]',
        f"{UNI}MAPPING__ASSESSMENTS": '{"LAW101": "LAW101exam"}',
        f"{UNI}POLICY__LINGER_S": "0.5",
        f"{UNI}UPSERT": "true",
    }

    settings = load(None, environ)

    uni = settings.tenants["uni"]
    assert settings.broker.topology().bindings == ("uni.example.#",)
    assert uni.id_mapping().assessment("LAW101") == "LAW101exam"
    assert uni.to_policy().linger == timedelta(seconds=0.5)
    assert uni.upsert is True
    assert uni.api_url().endswith("/api/v1/integrations")


def test_a_variable_goes_before_the_file() -> None:
    """What both set is taken from the environment; the rest of the section stays."""
    file = written(TENANT + "[broker]\nprefetch = 7\nbatch_size = 9\n")

    settings = load(file, {"CIRRUS_ADAPTER_BROKER__PREFETCH": "8"})

    assert (settings.broker.prefetch, settings.broker.batch_size) == (8, 9)


def test_the_file_is_named_by_the_caller_or_a_variable_or_lies_in_the_working_directory() -> None:
    """`--config` goes before CIRRUS_ADAPTER_CONFIG, which goes before ./adapter.toml."""
    for name in ("given", "named", "adapter"):
        Path(f"{name}.toml").write_text(f"{TENANT}[observe]\nhost = '{name}'\n", encoding="utf-8")
    named = {"CIRRUS_ADAPTER_CONFIG": "named.toml"}

    assert load(Path("given.toml"), named).observe.host == "given"
    assert load(None, named).observe.host == "named"
    assert load(None, {}).observe.host == "adapter"


def test_variables_of_tests_and_of_others_are_let_be() -> None:
    """CIRRUS_ADAPTER_TEST_* belongs to the test suite, and what has another prefix to others."""
    settings = load(None, {**BASE, "CIRRUS_ADAPTER_TEST_AMQP_URL": "x", "CIRRUS_OTHER": "y", "PATH": "z"})

    assert list(settings.tenants) == ["uni"]


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("http://127.0.0.1:8900", "http://127.0.0.1:8900/api/v1/integrations"),
        ("http://[::1]:8900/", "http://[::1]:8900/api/v1/integrations"),
        ("http://localhost:8900", "http://localhost:8900/api/v1/integrations"),
        ("https://proxy.uni.example/cirrus/", "https://proxy.uni.example/cirrus"),
    ],
)
def test_an_address_without_a_path_gets_the_documented_one(url: str, api: str) -> None:
    """A path of the address's own is kept, as behind a proxy."""
    settings = load(None, {**without("REGION"), f"{UNI}BASE_URL": url})

    assert settings.tenants["uni"].api_url() == api


def test_a_token_file_is_read_anew() -> None:
    """A rotated token is picked up without a restart, and white space around it does not count."""
    Path("token").write_text("first\n", encoding="utf-8")
    uni = load(None, {**without("TOKEN"), f"{UNI}TOKEN_FILE": "token"}).tenants["uni"]
    before = uni.read_token()
    Path("token").write_text("second\n", encoding="utf-8")

    assert (before, uni.read_token()) == ("first", "second")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[broker", "it is not TOML: "),
        (b"a = '\xff'", "it is not UTF-8 text; save it as UTF-8"),
        (None, "there is no such file; "),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, problem: str) -> None:
    """The line begins with the file's name."""
    file = Path("settings.toml")
    if content is not None:
        file.write_bytes(content)

    (line,) = refused(file, {})

    assert line.startswith(f"settings.toml: {problem}")


def test_the_broker_is_asked_for_when_it_is_needed() -> None:
    """Commands that do without a broker run without its address."""
    settings = load(None, BASE)

    with pytest.raises(ConfigurationError, match=r"broker\.url: it is missing"):
        settings.broker.read_url()
    assert load(None, {**BASE, "CIRRUS_ADAPTER_BROKER__URL": "memory://"}).broker.read_url() == "memory://"


def test_nothing_is_taken_from_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not handed in does not count, so a test or a demo is never changed by its surroundings."""
    monkeypatch.setitem(os.environ, "BROKER", '{"prefetch": 5}')
    monkeypatch.setitem(os.environ, "CIRRUS_ADAPTER_BROKER__PREFETCH", "5")

    assert load(None, BASE).broker.prefetch == 1000
