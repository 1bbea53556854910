"""The relay: what the ledger has to tell is published until the broker has it, and no event keeps in the others."""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa

from adapter.broker import Message
from adapter.domain.findings import Finding, Settled
from adapter.domain.outcomes import Outcome
from adapter.errors import LedgerUnavailable
from adapter.flow import publish
from adapter.flow.leases import LEASE
from adapter.flow.publish import CONTENT_TYPE, Relay
from adapter.ledger.outbox import STEP_BACK, Pending
from adapter.ledger.sealing import new_key
from adapter.ledger.work import Release
from tests.contract.broker_kit import broker_at
from tests.unit.flow_kit import NOW, PATIENCE, POLICY, ROOT, TENANT, Desk, Printer, Unhurried, desk_at


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger."""
    with desk_at(tmp_path) as lent:
        yield lent


def tell(desk: Desk, *subjects: str) -> None:
    """Put an outcome about each subject into the outbox."""
    desk.say(len(desk.ledger.explain(ROOT.key)) and int(desk.clock.now.timestamp()))
    [claim] = desk.ledger.claim(TENANT, 1, LEASE)
    aggregate, _ = desk.ledger.load(claim)
    outcomes = tuple(Outcome("cirrus.note.v1", key, "v1", {}, cause="e1") for key in subjects)
    desk.ledger.record(claim, aggregate, [Finding(ROOT, Settled(), outcomes=outcomes)], POLICY, LEASE)
    desk.ledger.release(claim, Release(POLICY.linger))
    desk.ledger.let_go(claim)


def relay(desk: Desk, printer: object, stop: threading.Event | None = None) -> Relay:
    """Return a relay."""
    return Relay(
        printer,  # type: ignore[arg-type]
        desk.ledger,
        exchange="cirrus.events",
        metrics=desk.metrics,
        stop=stop or Unhurried(),
        wake=threading.Event(),
    )


def subjects(messages: Sequence[Message]) -> list[str]:
    """Return whom the messages are about."""
    return [message.body.decode().split('"subject":"')[1].split('"')[0] for message in messages]


def pending(desk: Desk) -> int:
    """Return how many events are not published."""
    return desk.ledger.count((TENANT,)).outbox_pending


def published(desk: Desk) -> float:
    """Return how many published events were counted."""
    return desk.metrics.outcomes_published.of("cirrus.note.v1")._value.get()


def test_what_is_told_is_published_once(desk: Desk) -> None:
    """The message carries the event's id, type, cause and time, and goes to the tenant's routing key."""
    tell(desk, "b1")
    printer = Printer()
    running = relay(desk, printer)
    assert running.publish_batch()
    [message] = printer.printed
    assert (message.exchange, message.routing_key) == ("cirrus.events", "uni.example.cirrus.note.v1")
    assert (message.id, message.type) == (str(Outcome("cirrus.note.v1", "b1", "v1", {}).id(TENANT)), "cirrus.note.v1")
    assert (message.correlation_id, message.timestamp, message.content_type) == ("e1", NOW, CONTENT_TYPE)
    assert not running.publish_batch()
    assert (pending(desk), published(desk)) == (0, 1)


def test_an_idle_turn_keeps_the_connection_alive(desk: Desk) -> None:
    """Without anything to publish there are heartbeats to answer; a nudge ends the wait."""
    printer = Printer()
    running = relay(desk, printer)
    running.nudge()
    running.turn()
    assert (printer.ticks, printer.batches) == (1, [])


def test_what_failed_is_published_later_and_the_rest_is_not_held_up(desk: Desk) -> None:
    """The reason is kept beside the event; after stepping back it is tried again under the same id."""
    tell(desk, "b1", "b2", "b3")
    printer = Printer(failing=lambda _batch, message: "returned" if b'"b2"' in message.body else None)
    stop = Unhurried()
    running = relay(desk, printer, stop)
    assert running.publish_batch()
    assert (subjects(printer.printed), pending(desk), stop.waited) == (["b1", "b3"], 1, [publish.PAUSE])
    assert not running.publish_batch()
    printer.failing = lambda _batch, _message: None
    desk.clock.advance(STEP_BACK.total_seconds())
    assert running.publish_batch()
    assert (subjects(printer.printed), pending(desk)) == (["b1", "b3", "b2"], 0)
    assert {message.id for message in printer.batches[0]} == {message.id for message in printer.printed}


def test_the_next_batch_is_taken_while_the_broker_is_busy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full batch is seldom the last: what follows is leased already when the broker has confirmed it."""
    monkeypatch.setattr(publish, "BATCH", 2)
    tell(desk, *(f"b{n}" for n in range(5)))
    leased: list[int] = []

    def failing(_batch: Sequence[Message], _message: Message) -> None:
        with desk.database.transaction("test") as tx:
            leased.append(
                tx.connection.execute(sa.text("SELECT count(*) FROM outbox WHERE lease_until IS NOT NULL")).scalar_one()
            )

    running = relay(desk, Printer(failing=failing))
    assert [running.publish_batch() for _ in range(4)] == [True, True, True, False]
    assert leased == [4, 4, 3, 3, 1]


def test_a_ledger_that_goes_away_meanwhile_costs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the broker has confirmed is marked, and the next batch is taken later."""
    monkeypatch.setattr(publish, "BATCH", 2)
    tell(desk, *(f"b{n}" for n in range(3)))
    running = relay(desk, Printer())
    take, away = desk.ledger.claim_outbox, iter([False, True, False, False])

    def claim(limit: int, lease: timedelta) -> list[Pending]:
        if next(away):
            raise LedgerUnavailable("away")
        return take(limit, lease)

    monkeypatch.setattr(desk.ledger, "claim_outbox", claim)
    assert [running.publish_batch() for _ in range(3)] == [True, True, False]
    assert pending(desk) == 0


def test_a_broker_that_takes_nothing_is_no_progress(desk: Desk) -> None:
    """The relay says so, and pauses."""
    tell(desk, "b1")
    running = relay(desk, Printer(failing=lambda _batch, _message: "connection"))
    assert not running.publish_batch()
    assert (pending(desk), published(desk)) == (1, 0)


def test_a_refused_batch_is_published_one_by_one(desk: Desk) -> None:
    """The broker does not say which of the batch it refused: alone, only that one fails."""
    tell(desk, *(f"b{n}" for n in range(5)))

    def failing(batch: Sequence[Message], message: Message) -> str | None:
        bodies = [one.body for one in batch]
        bad = next((index for index, body in enumerate(bodies) if b'"b2"' in body), None)
        return "refused" if bad is not None and bodies.index(message.body) >= bad else None

    printer = Printer(failing=failing)  # type: ignore[arg-type]
    assert relay(desk, printer).publish_batch()
    assert sorted(subjects(printer.printed)) == ["b0", "b1", "b3", "b4"]
    assert [len(batch) for batch in printer.batches] == [5, 1, 1, 1]
    assert pending(desk) == 1


def test_an_event_under_a_lost_key_keeps_in_no_other(desk: Desk) -> None:
    """It stays in the outbox with its reason until the key is there again."""
    former, newest = new_key(), new_key()
    desk.ledger = desk.worker("w1", former)
    tell(desk, "b1")
    desk.ledger = desk.worker("w1", newest, former)
    desk.clock.advance(1)
    tell(desk, "b2")
    desk.ledger = desk.worker("w1", newest)
    printer = Printer()
    assert relay(desk, printer).publish_batch()
    assert (subjects(printer.printed), pending(desk)) == (["b2"], 1)
    with desk.database.transaction("test") as tx:
        assert (
            tx.connection.execute(sa.text("SELECT failure FROM outbox WHERE subject = 'b1'")).scalar_one() == "sealed"
        )
    desk.ledger = desk.worker("w1", newest, former)
    desk.clock.advance(STEP_BACK.total_seconds())
    assert relay(desk, printer).publish_batch()
    assert subjects(printer.printed) == ["b2", "b1"]


def test_closing_publishes_what_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the last passes told goes out before the connection is closed, in as many batches as it takes."""
    monkeypatch.setattr(publish, "BATCH", 2)
    tell(desk, *(f"b{n}" for n in range(5)))
    printer = Printer()
    assert relay(desk, printer).close()
    assert (len(printer.printed), pending(desk), printer.closed) == (5, 0, True)


def test_closing_does_not_last_for_ever(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long outbox is left to whoever starts next, a broker that takes nothing to nobody."""
    monkeypatch.setattr(publish, "BATCH", 2)
    tell(desk, *(f"b{n}" for n in range(5)))
    for printer in (Printer(), Printer(failing=lambda _batch, _message: "timeout")):
        assert not relay(desk, printer).close(seconds=0.0)
        assert (len(printer.batches), printer.closed) == (1, True)
    assert pending(desk) == 3


def test_closing_tells_of_what_the_broker_never_took(desk: Desk) -> None:
    """What stepped back after a failure is not due now, and all the same it is not published."""
    tell(desk, "b1")
    taken = [False]
    printer = Printer(failing=lambda _batch, _message: None if taken[0] else "timeout")
    running = relay(desk, printer)
    assert not running.publish_batch()
    assert not running.close()
    desk.clock.advance(STEP_BACK.total_seconds())
    taken[0] = True
    assert running.close()


def test_what_another_worker_has_published_is_nobodys_debt(desk: Desk) -> None:
    """Who once failed to publish an event owes nothing any more when somebody else has done it."""
    tell(desk, "b1")
    running = relay(desk, Printer(failing=lambda _batch, _message: "timeout"))
    assert not running.publish_batch()
    desk.clock.advance(STEP_BACK.total_seconds())
    assert relay(desk, Printer()).publish_batch()
    assert running.close()


def test_closing_without_a_ledger_still_says_goodbye(desk: Desk) -> None:
    """The broker's connection is closed in order, whatever the ledger does."""
    with desk.database.transaction("test") as tx:
        tx.connection.execute(sa.text("DROP TABLE outbox"))
    printer = Printer()
    with pytest.raises(LedgerUnavailable):
        relay(desk, printer).close()
    assert printer.closed


def test_a_whole_turn_on_a_broker(desk: Desk) -> None:
    """From the outbox to a queue that is bound for outcomes."""
    tell(desk, "b1", "b2")
    with broker_at("memory://") as broker:
        running = Relay(
            broker.publisher(mandatory=False),
            desk.ledger,
            exchange=broker.topology.events_exchange,
            metrics=desk.metrics,
            stop=threading.Event(),
            wake=threading.Event(),
        )
        until = monotonic() + PATIENCE
        while pending(desk):
            assert monotonic() < until
            running.turn()
        assert sorted(one.routing_key for one in broker.consumer().take(2)) == ["uni.example.cirrus.note.v1"] * 2
