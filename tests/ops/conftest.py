"""The programs of Prometheus: installed where we may, else skipped on a laptop and missed in CI."""

import os
import shutil

import pytest

from tests.services.packages import UnavailableError, install


def _program(name: str) -> str:
    try:
        if shutil.which(name) is None:
            install("prometheus")
    except UnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    return shutil.which(name) or name


@pytest.fixture(scope="session")
def promtool() -> str:
    """Return the path of promtool."""
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Return the path of Prometheus itself."""
    return _program("prometheus")
