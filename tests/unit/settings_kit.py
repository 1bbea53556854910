"""Settings that are valid, to be made wrong in one point, and the lines with which they are refused then."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from adapter.settings import ConfigurationErrors, load

TENANT = """
[tenants.uni]
name = "uni.example"
base_url = "https://api.cirrus.example"
token = "s3cret-token"
[tenants.uni.mapping]
default_hierarchy = {id = "EXAMS", name = "All exams"}
"""
BASE = {
    "CIRRUS_ADAPTER_TENANTS__UNI__NAME": "uni.example",
    "CIRRUS_ADAPTER_TENANTS__UNI__REGION": "eu",
    "CIRRUS_ADAPTER_TENANTS__UNI__TOKEN": "s3cret-token",
    "CIRRUS_ADAPTER_TENANTS__UNI__MAPPING__DEFAULT_HIERARCHY__ID": "EXAMS",
    "CIRRUS_ADAPTER_TENANTS__UNI__MAPPING__DEFAULT_HIERARCHY__NAME": "All exams",
}
UNI = "CIRRUS_ADAPTER_TENANTS__UNI__"


def written(text: str) -> Path:
    """Write a settings file into the working directory."""
    file = Path("settings.toml")
    file.write_text(text, encoding="utf-8")
    return file


def refused(path: Path | None, environ: Mapping[str, str]) -> list[str]:
    """Return the lines with which settings are refused."""
    with pytest.raises(ConfigurationErrors) as caught:
        load(path, environ)
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
    return str(caught.value).splitlines()


def without(key: str) -> dict[str, str]:
    """Return a tenant's variables but for one."""
    return {name: value for name, value in BASE.items() if name != UNI + key}
