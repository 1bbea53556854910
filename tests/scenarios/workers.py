"""More workers beside the one of a world: on the same ledger and the same broker, in this process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

import handlers
from adapter import app as composition
from adapter.flow.process import App
from tests.scenarios.world import World
from tests.services.processes import free_port


@contextmanager
def worker_beside(world: World, *, clock_off_by: timedelta = timedelta(0)) -> Iterator[App]:
    """Run one more worker; `clock_off_by` is how wrong its host's clock is."""
    webhook = world.settings.webhook.model_copy(update={"port": free_port()})
    settings = world.settings.model_copy(update={"webhook": webhook})
    right = composition.utc_now

    def wrong() -> datetime:
        return right() + clock_off_by

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(composition, "utc_now", wrong)
        app = composition.build(settings, handlers.ALL)
    app.start()
    try:
        yield app
    finally:
        app.stop()
