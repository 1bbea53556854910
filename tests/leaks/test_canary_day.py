"""A whole bad day of a student made of canaries, through the real loops: nobody who reads along learns who it is."""

import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

import handlers
from adapter.observe.logging import Format
from adapter.settings import Settings
from tests.leaks.canaries import MARKS, PATH_SECRET, PERSON, SEAL_KEY, SECRETS, TOKEN, leaks
from tests.leaks.day import PATIENCE, Seen, break_handlers, links, live, look
from tests.leaks.gateway import gateway
from tests.scenarios.conftest import Begin
from tests.unit.webhook_kit import logged

LOUD = ("amqp", "kombu", "urllib3", "urllib3.connectionpool", "waitress", "alembic")
"""What SQLAlchemy would say, row by row, is looked at in `test_log_words`: here it would take most of the time."""

MAY_HOLD = {
    "ledger records.facets": (PERSON,),
    "ledger records.confirmed": (PERSON, MARKS),
    "ledger outbox.body": (MARKS,),
    "outcome result.published": (MARKS,),
}
"""Where what is stored or told is meant to be: the ledger's own columns, and the events whose purpose it is."""

EXPECTED = (
    "dead_lettered", "handler_failed", "intake_waits", "converge_failed", "loop_failed", "notices_unreadable",
    "webhook_answered", "tenant_halted", "cirrus call",
)  # fmt: skip
"""Lines that the log has to hold: else the day has not gone as badly as it should."""


@pytest.fixture
def _talkative() -> Iterator[None]:
    """Have every library say all it can, as somebody in search of a fault would."""
    levels = {name: logging.getLogger(name).level for name in LOUD}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _with_canaries(settings: Settings, cirrus: str) -> Settings:
    tenant = settings.tenants["uni"]
    webhook = tenant.webhook.model_copy(update={"path_secret": SecretStr(PATH_SECRET)})
    ledger = settings.ledger.model_copy(update={"seal_key": SecretStr(SEAL_KEY)})
    uni = tenant.model_copy(update={"base_url": cirrus, "token": SecretStr(TOKEN), "webhook": webhook})
    return settings.model_copy(update={"ledger": ledger, "tenants": {"uni": uni}})


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("_talkative")
@pytest.mark.parametrize("fmt", ["json", "console"])
def test_nobody_who_reads_along_learns_who_it_is(
    fmt: Format,
    begin: Begin,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """No name, address, link, secret or mark: in the log, on the pages, in dead letters, events and the ledger."""
    monkeypatch.setattr(handlers, "ALL", break_handlers(handlers.ALL))
    seen = Seen()
    world = begin(sandbox={"tokens": {TOKEN: "uni"}}, start=False)
    with gateway(world.server.url) as cirrus, logged("debug", fmt) as log:
        for name in LOUD:
            logging.getLogger(name).setLevel(logging.DEBUG)
        world.settings = _with_canaries(world.settings, cirrus.url)
        world.start()
        live(world, cirrus, postgres_url)
        world.until(lambda: all(event in log.getvalue() for event in EXPECTED), "a bad day", patience=PATIENCE)
        look(world, seen)
        assert set(cirrus.spent) == set(cirrus.rude)
        assert world.stop()
    seen.add("log", log.getvalue())
    seen.add("output", capfd.readouterr())
    hidden = links(world)
    assert hidden
    found = {
        place: leaks(shown, PERSON, SECRETS, MARKS, hidden).difference(*MAY_HOLD.get(place, ()))
        for place, shown in seen.places.items()
        if place != "outcome launch-link.issued"
    }
    assert {place: names for place, names in found.items() if names} == {}
    assert set(MAY_HOLD) <= set(seen.places)
