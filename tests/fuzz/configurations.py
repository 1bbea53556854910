"""The surface of the settings: a file and an environment; whatever stands in them, problems are told with their key."""

import json
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from adapter.errors import ConfigurationError
from adapter.settings import ConfigurationErrors, load
from adapter.settings.shown import shown
from tests.fuzz.promises import CANARY, Broken, Feed, Surface, joined, parts, promise, unquoted

EXAMPLE = Path(__file__).parents[2] / "config" / "adapter.example.toml"
PREFIX = "CIRRUS_ADAPTER_"
SECRETS = frozenset({"url", "token", "path_secret", "header_value", "basic_password", "hmac_secret", "seal_key"})
PATH_SECRET = f"{CANARY}-0123456789"

TENANT = f"""
[broker]
url = "amqp://user:{CANARY}@broker.example:5672/v"
[ledger]
url = "postgresql://user:{CANARY}@db.example/ledger"
[tenants.uni]
name = "uni.example"
region = "eu"
token = "{CANARY}"
[tenants.uni.mapping]
default_hierarchy = {{id = "EXAMS", name = "All exams"}}
hierarchies = {{"FAC-LAW" = {{id = "LAW", name = "Law"}}}}
assessments = {{"LAW101" = "LAW101exam"}}
[tenants.uni.policy]
mode = "before_start"
modes = {{"ORAL*" = "at_once"}}
[tenants.uni.paths]
list_candidates = "/external/schedule/{{externalId}}/candidates"
"""
HOOK = f"""
[webhook]
trusted_proxies = ["10.0.0.0/24"]
[tenants.uni.webhook]
path_secret = "{PATH_SECRET}"
header_name = "X-Key"
header_value = "{CANARY}"
basic_user = "cirrus"
basic_password = "{CANARY}"
hmac_secret = "{CANARY}"
hmac_prefix = "sha256="
allow_from = ["192.0.2.0/24"]
"""
ENVIRON = {
    f"{PREFIX}TENANTS__UNI__NAME": "uni.example",
    f"{PREFIX}TENANTS__UNI__BASE_URL": "https://api.cirrus.example",
    f"{PREFIX}TENANTS__UNI__TOKEN": CANARY,
    f"{PREFIX}TENANTS__UNI__MAPPING__DEFAULT_HIERARCHY__ID": "EXAMS",
    f"{PREFIX}TENANTS__UNI__MAPPING__DEFAULT_HIERARCHY__NAME": "All exams",
    f"{PREFIX}TENANTS__UNI__MAPPING__ASSESSMENTS": '{"A": "B"}',
    f"{PREFIX}TENANTS__UNI__ZONE": "Europe/Amsterdam",
    f"{PREFIX}BROKER__BINDINGS": '["#"]',
    f"{PREFIX}BROKER__PREFETCH": "500",
    f"{PREFIX}WEBHOOK__TRUSTED_PROXIES": '["127.0.0.1"]',
}

LONGEST_VARIABLE = 131_072
"""Bytes of an environment variable with its name: the system allows no more."""


@contextmanager
def settings() -> Iterator[Feed]:
    """Feed settings: variables in the first part, the file in the second."""
    with tempfile.TemporaryDirectory() as folder:
        yield partial(_loaded, Path(folder) / "settings.toml")


def _loaded(file: Path, given: bytes) -> str:
    head, text = parts(given, 2)
    environ = _environ(head)
    file.unlink(missing_ok=True)  # a new file is written faster than an old one is cut
    file.write_bytes(text)
    try:
        loaded = load(file, environ)
    except ConfigurationErrors as error:
        promise(error.problems, "settings are refused without a problem")
        for problem in error.problems:
            promise(problem.key and problem.problem and problem.remedy, f"half a problem: {problem}")
        _keeps_secrets(text, environ, str(error))
        return "refused"
    _keeps_secrets(text, environ, f"{loaded!r} {loaded} {shown(loaded)}")
    for tenant in loaded.tenants.values():
        _used(tenant)
    return "loaded"


def _used(tenant: Any) -> None:  # noqa: ANN401 - a tenant's settings
    """Turn a tenant's settings into what the parts of the adapter are built with: that must not fail any more."""
    try:
        for taken in (tenant.api_url, tenant.api_paths, tenant.id_mapping, tenant.to_policy, tenant.read_token):
            taken()
    except ConfigurationError as error:
        raise Broken(f"settings that were found good are refused later: {error}") from error


def _environ(head: bytes) -> dict[str, str]:
    try:
        said: Any = json.loads(head or b"{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    texts = {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
    return {name: text for name, text in texts.items() if len(text) < LONGEST_VARIABLE}


def _keeps_secrets(text: bytes, environ: Mapping[str, str], told: str) -> None:
    """Look for the canary in what is told, if it stood only where secrets stand."""
    if CANARY not in told:
        return
    beside = any(CANARY in f"{name}={value}" and not _secret_variable(name, value) for name, value in environ.items())
    with suppress(ValueError, RecursionError):  # what cannot be read is never quoted
        beside = beside or any(_beside(tomllib.loads(text.decode())))
    if not beside:
        unquoted("what is told of the settings", told)


def _secret_variable(name: str, value: str) -> bool:
    return CANARY not in name and name.lower().rpartition("__")[2] in SECRETS and _masked(value)


def _beside(value: object, key: str = "") -> Iterator[bool]:
    """Yield true for each canary that stands where no secret stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield CANARY in name
            yield from _beside(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _beside(inner)
    elif isinstance(value, str) and CANARY in value:
        yield key not in SECRETS or not _masked(value)


def _masked(value: str) -> bool:
    """Tell whether an address holds the canary where credentials stand; anything else may be a secret as a whole."""
    return "://" not in value or CANARY not in value.rpartition("@")[2]


def _settings() -> Iterator[bytes]:
    example = EXAMPLE.read_bytes()
    for environ in ({}, ENVIRON):
        head = json.dumps(environ).encode()
        for text in (TENANT.encode(), (TENANT + HOOK).encode(), b""):
            yield joined(head, text)
    yield joined(b"{}", example)
    nested = {**ENVIRON, f"{PREFIX}BROKER__BINDINGS": "[" * 3_000}
    yield joined(json.dumps(nested).encode(), b"")
    for odd in ('"a\\u0000b"', '"' + "a" * 5000 + '"', '"/dev/null"', '"."', '""'):
        for key in ("token_file", "webhook.path_secret_file"):
            text = TENANT.replace(f'token = "{CANARY}"', "") if key == "token_file" else TENANT
            yield joined(b"{}", text.replace("[tenants.uni]", f"[tenants.uni]\n{key} = {odd}").encode())
    for value in ("[" * 3_000, "{a=" * 3_000, "9" * 5000, "1e999", "nan", "0x" + "f" * 99, "1979-05-27T07:32:00Z"):
        yield joined(b"{}", TENANT.replace('"eu"', value).encode())


SETTINGS = Surface("settings", settings, tuple(_settings()))
