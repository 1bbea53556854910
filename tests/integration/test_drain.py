"""A stop while something is away or hangs: the process ends within its deadline, and nothing is lost."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from adapter.cirrus.sandbox import SandboxServer
from adapter.cli.console import Exit
from tests.integration import cli_kit as kit
from tests.services import proxy
from tests.services.processes import wait_until

DRAIN = 12
PATIENCE = 60.0
"""Seconds for whatever comes in its time; what hangs in these tests hangs for an hour."""

CONFIRMED = "cirrus.booking.confirmed.v1"


@dataclass
class Site:
    """An adapter whose broker and ledger are behind proxies."""

    file: Path
    broker: proxy.Proxy
    ledger: proxy.Proxy
    sandbox: SandboxServer
    amqp_url: str
    postgres_url: str

    def say(self, *events: dict[str, object]) -> None:
        """Publish events, past the proxy."""
        kit.publish(self.amqp_url, list(events))

    def calls(self, operation: str) -> int:
        """Return how often Cirrus was called for something."""
        return self.sandbox.control.counts().get(operation, 0)

    def rows(self, query: str) -> int:
        """Ask the database, past the proxy."""
        engine = sa.create_engine(self.postgres_url)
        with engine.connect() as connection:
            found = int(connection.execute(sa.text(query)).scalar_one())
        engine.dispose()
        return found

    def wait_stored(self, events: int) -> None:
        """Return when so many events are in the ledger."""
        wait_until(
            lambda: self.rows("SELECT count(*) FROM messages") == events, patience=PATIENCE, what=f"{events} events"
        )

    def stop(self, adapter: kit.Running) -> int:
        """Send SIGTERM and return the exit code; fails when the process does not end."""
        return adapter.terminate(PATIENCE)[0]

    def goes_on(self) -> None:
        """Check that the next process brings everything to its end: the booking is confirmed, in one schedule."""
        told: list[str] = []

        def confirmed() -> bool:
            told.extend(event["type"] for event in kit.heard(self.amqp_url))
            return CONFIRMED in told

        with kit.running(self.file) as adapter:
            wait_until(confirmed, patience=PATIENCE, what=f"confirmed; heard {told}")
            assert self.stop(adapter) == Exit.OK, adapter.text()
        assert list(self.sandbox.control.state()["tenants"][kit.TENANT]["schedules"]) == ["co-1"]
        assert told.count(CONFIRMED) == 1


@pytest.fixture
def site(tmp_path: Path, amqp_url: str, postgres_url: str) -> Iterator[Site]:
    """Lend an adapter that is set up and does not run yet."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(kit.cirrus())
        ways = []
        for url in (amqp_url, postgres_url):
            place = urlsplit(url)
            assert place.hostname is not None
            assert place.port is not None
            way = stack.enter_context(proxy.opened(place.hostname, place.port))
            ways.append((way, url.replace(f":{place.port}/", f":{way.port}/")))
        (broker, broker_url), (ledger, ledger_url) = ways
        more = f"[process]\ndrain_s = {DRAIN}"
        file = kit.write_settings(tmp_path, broker=broker_url, ledger=ledger_url, api=sandbox.url, more=more)
        file.write_text(file.read_text().replace("[observe]", "statement_timeout_s = 2\n[observe]"))
        assert kit.command("ledger", "migrate", file=file).returncode == 0
        kit.listen(amqp_url)
        yield Site(file, broker, ledger, sandbox, amqp_url, postgres_url)


def test_a_stop_cuts_off_a_call_that_hangs(site: Site) -> None:
    """Cirrus does what it was asked to and does not answer: that is recorded, and the next process reads first."""
    site.sandbox.control.fault("hang", when="after", method="POST", path="^/schedule$")
    with kit.running(site.file) as adapter:
        adapter.wait_ready()
        site.say(kit.exam(), kit.booking())
        wait_until(lambda: site.calls("POST /schedule") == 1, patience=PATIENCE, what="a call that hangs")
        assert site.stop(adapter) == Exit.OK, adapter.text()
        assert adapter.logged("calls_cut_off")
    assert site.rows("SELECT count(*) FROM work WHERE lease_by IS NOT NULL") == 0, "given back, not left to run out"
    site.goes_on()
    assert site.calls("POST /schedule") == 1


@pytest.mark.parametrize("trouble", ["refuse", "freeze"])
def test_a_stop_without_the_ledger(site: Site, trouble: str) -> None:
    """The connection is refused, or nothing comes back: what was not stored is delivered again."""
    with kit.running(site.file) as adapter:
        adapter.wait_ready()
        getattr(site.ledger, trouble)()
        site.say(kit.exam(), kit.booking())
        wait_until(lambda: bool(adapter.logged("intake_waits")), patience=PATIENCE, what="a batch that waits")
        assert adapter.get("/livez")[0] == 200, "it waits, and does not hang"
        assert site.stop(adapter) == Exit.UNFINISHED, adapter.text()
        assert "error: not everything was finished in time" in adapter.text()
    site.ledger.thaw() if trouble == "freeze" else site.ledger.accept()
    assert site.rows("SELECT count(*) FROM messages") == 0
    site.goes_on()


@pytest.mark.parametrize("trouble", ["refuse", "freeze"])
def test_a_stop_with_outcomes_that_cannot_be_published(site: Site, trouble: str) -> None:
    """The broker went away, or is silent, after the booking was made: the outcomes stay in the outbox."""
    site.sandbox.control.fault("latency", method="POST", path="^/schedule$", latency_ms=1500)
    with kit.running(site.file) as adapter:
        adapter.wait_ready()
        site.say(kit.exam(), kit.booking())
        wait_until(lambda: site.calls("POST /schedule") == 1, patience=PATIENCE, what="a call")
        site.wait_stored(2)
        getattr(site.broker, trouble)()
        pending = "SELECT count(*) FROM outbox WHERE published_at IS NULL AND type LIKE '%booking.confirmed%'"
        wait_until(lambda: site.rows(pending) == 1, patience=PATIENCE, what="an outcome")
        assert site.stop(adapter) == Exit.UNFINISHED, adapter.text()
    assert site.rows(pending) == 1
    site.broker.thaw() if trouble == "freeze" else site.broker.accept()
    site.goes_on()


def test_a_second_signal_leaves_at_once(site: Site) -> None:
    """Somebody is in a hurry: no part of the stop is waited for."""
    site.sandbox.control.fault("hang", method="POST", path="^/schedule$")
    with kit.running(site.file) as adapter:
        adapter.wait_ready()
        site.say(kit.exam(), kit.booking())
        wait_until(lambda: site.calls("POST /schedule") == 1, patience=PATIENCE, what="a call that hangs")
        adapter.process.send_signal(signal.SIGTERM)
        wait_until(lambda: bool(adapter.logged("stopping")), patience=PATIENCE, what="the first signal")
        adapter.process.send_signal(signal.SIGTERM)
        assert adapter.process.wait(PATIENCE) == 128 + signal.SIGTERM
        assert not adapter.logged("stopped")
    site.goes_on()


def test_a_ledger_that_was_frozen_is_taken_up_again(site: Site) -> None:
    """Nobody restarts anything: while it is frozen nothing is lost, and after it everything goes on."""
    with kit.running(site.file) as adapter:
        adapter.wait_ready()
        site.ledger.freeze()
        site.say(kit.exam(), kit.booking())
        wait_until(lambda: bool(adapter.logged("intake_waits")), patience=PATIENCE, what="a batch that waits")
        assert adapter.get("/readyz")[0] != 200
        site.ledger.thaw()
        wait_until(
            lambda: CONFIRMED in [event["type"] for event in kit.heard(site.amqp_url)], patience=PATIENCE, what="booked"
        )
        assert site.stop(adapter) == Exit.OK, adapter.text()
