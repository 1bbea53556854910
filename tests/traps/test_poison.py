"""Traps of handling: what cannot be read is acknowledged, an exception ends the consumer, a publish re-enters it."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from adapter.broker.dead_letters import ERROR, REASON
from adapter.flow.brake import BrakeRules
from adapter.flow.intake import Batching, Intake
from adapter.flow.reader import Reader
from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics
from tests.contract.broker_kit import PATIENCE, Broker
from tests.unit.flow_kit import HANDLER, MAPPINGS, NOW, POLICY, TENANT, Desk, announced, delivery, desk_at, event

POISON = 600


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger."""
    with desk_at(tmp_path) as lent:
        yield lent


def intake_of(broker: Broker, desk: Desk, **options: int) -> Intake:
    """Return an intake between this broker and this ledger."""
    metrics = announced(Metrics(CollectorRegistry()))
    return Intake(
        broker.consumer(**options).consumer,
        broker.publisher(),
        desk.ledger,
        Reader([HANDLER], MAPPINGS, timedelta(minutes=5)),
        name="intake",
        topology=broker.topology,
        policies={TENANT: POLICY},
        batching=Batching(500, 0.02),
        metrics=metrics,
        heartbeats=Heartbeats((), metrics, lambda: NOW, lambda: 0.0),
        clock=lambda: NOW,
        nudge=lambda: None,
        stop=threading.Event(),
        brake=BrakeRules(fewest=10 * POISON),
    )


def stored(desk: Desk) -> list[str]:
    """Return the ids of the events in the ledger."""
    with desk.database.transaction("test") as tx:
        return [str(row.id) for row in tx.connection.execute(sa.text("SELECT id FROM messages ORDER BY id"))]


def put(broker: Broker, *written: object) -> None:
    """Publish these, each as JSON unless it is bytes."""
    messages = [broker.event(number, body=delivery(body).body) for number, body in enumerate(written)]
    assert all(type(receipt).__name__ == "Published" for receipt in broker.publisher().publish(messages))


def turn_until_buried(intake: Intake, broker: Broker, count: int) -> None:
    """Turn as the loop does until there are so many dead letters; what is unacked goes back with the goodbye."""
    until = monotonic() + PATIENCE
    while broker.depth(broker.topology.dead_letter_queue) < count:
        assert monotonic() < until
        intake.turn()
    intake.turn()
    intake.close()
    assert broker.depth() == 0


def test_p09_undecodable_and_acked(broker: Broker, desk: Desk) -> None:
    """P9: ConsumerMixin logs what it cannot decode and acks it: 2 published, 0 left. Here each is buried whole."""
    bad = [b"\xff\xfe", b"", b"{"]
    put(broker, *bad, event(1))
    turn_until_buried(intake_of(broker, desk), broker, 3)
    assert stored(desk) == ["e1"]
    found = broker.consumer(broker.topology.dead_letter_queue).take(3)
    assert sorted(letter.body for letter in found) == sorted(bad)
    assert {letter.headers[REASON] for letter in found} == {"not-json"}


def test_p08_an_exception_that_ends_the_consumer(broker: Broker, desk: Desk) -> None:
    """P8: what a callback raises ends `run()`. Here the handler that fails costs its own message and no other."""
    put(broker, event(1), event(2, data={"title": "x", "mood": "broken"}), event(3))
    turn_until_buried(intake_of(broker, desk), broker, 1)
    assert stored(desk) == ["e1", "e3"]
    [letter] = broker.consumer(broker.topology.dead_letter_queue).take(1)
    assert (letter.headers[REASON], letter.headers[ERROR]) == ("handler-failed", "RuntimeError")


def test_f07_publishing_that_re_enters_the_callback(broker: Broker, desk: Desk) -> None:
    """Finding 7: a publish on the consumer's connection reads from it, and calls back while a callback runs.

    Seen with a prefetch of 500: 76 levels deep, and 25 of 2,000 messages never processed. Here dead letters leave
    on a connection of their own, and each of many arrives.
    """
    put(broker, *(b"poison %d" % number for number in range(POISON)))
    turn_until_buried(intake_of(broker, desk, prefetch=500), broker, POISON)
    found = broker.consumer(broker.topology.dead_letter_queue).take(POISON)
    assert {letter.body for letter in found} == {b"poison %d" % number for number in range(POISON)}
    assert len(found) == POISON


def test_f10_a_key_stored_before_the_work(desk: Desk) -> None:
    """Finding 10: frameworks store the key of a message before its work, so a crash makes its redelivery a duplicate.

    Here the id is stored with the change or not at all: what failed as part of a batch is new when it comes again.
    """
    reader = Reader([HANDLER], MAPPINGS, timedelta(minutes=5))
    good = reader.read(delivery(event(1)), NOW)
    spoilt = reader.read(delivery(event(2, data={"title": "x", "mood": "unstorable"})), NOW)
    with pytest.raises(Exception, match="not JSON serializable"):
        desk.ledger.store_batch([good, spoilt], {TENANT: POLICY})
    assert stored(desk) == []
    assert desk.ledger.store_batch([good], {TENANT: POLICY}) == ["applied"]
    assert desk.ledger.store_batch([good], {TENANT: POLICY}) == ["duplicate"]
