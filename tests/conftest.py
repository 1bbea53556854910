"""What every test needs: the plug-in that lends real servers, no haste, and loggers no test can spoil for the next."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import structlog
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, and nothing of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

pytest_plugins = ["tests.services.fixtures"]


@pytest.fixture(scope="session", autouse=True)
def _fresh_loggers() -> Iterator[None]:
    """Keep loggers from remembering the level and the stream of whichever test has used them first."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(structlog, "configure", partial(_configured, structlog.configure))
        yield


def _configured(configure: Callable[..., None], **chosen: object) -> None:
    configure(**{**chosen, "cache_logger_on_first_use": False})
