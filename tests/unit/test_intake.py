"""The intake: every message ends in the ledger or among the dead letters, and nothing is acknowledged before."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from adapter.broker import Delivery, Message, Topology
from adapter.broker.confirms import Reason
from adapter.broker.dead_letters import ERROR, PATH, REASON
from adapter.errors import LedgerUnavailable
from adapter.flow.brake import PROBE, BrakeRules
from adapter.flow.burst import Burst
from adapter.flow.intake import Batching, Intake
from adapter.flow.reader import Reader
from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics
from tests.contract.broker_kit import broker_at
from tests.services.processes import wait_until
from tests.unit.flow_kit import (
    HANDLER,
    MAPPINGS,
    NOW,
    PATIENCE,
    POLICY,
    TENANT,
    TOPOLOGY,
    TYPE,
    Deliverer,
    Desk,
    Printer,
    Unhurried,
    announced,
    delivery,
    desk_at,
    event,
)


@dataclass
class Reception:
    """An intake with everything around it that a test may want to look at."""

    desk: Desk
    deliverer: Deliverer = field(default_factory=Deliverer)
    printer: Printer = field(default_factory=Printer)
    topology: Topology = TOPOLOGY
    stop: threading.Event = field(default_factory=Unhurried)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    nudges: list[None] = field(default_factory=list)
    beats: list[None] = field(default_factory=list)
    host: datetime = NOW
    """What the host takes for the present moment; the ledger's is `NOW`."""
    brake: BrakeRules = field(default_factory=BrakeRules)
    burst: Burst = field(default_factory=lambda: Burst(lambda: 0.0))

    def __post_init__(self) -> None:
        """Announce the labels."""
        self.metrics = announced(Metrics(self.registry))

    def intake(self, size: int = 100, name: str = "intake") -> Intake:
        """Return the intake."""
        return Intake(
            self.deliverer,  # type: ignore[arg-type]
            self.printer,  # type: ignore[arg-type]
            self.desk.ledger,
            Reader([HANDLER], MAPPINGS, timedelta(minutes=5)),
            name=name,
            topology=self.topology,
            policies={TENANT: POLICY},
            batching=Batching(size, 0.0),
            metrics=self.metrics,
            heartbeats=Heartbeats((), self.metrics, lambda: NOW, self._beat),
            clock=lambda: self.host,
            nudge=lambda: self.nudges.append(None),
            stop=self.stop,
            burst=self.burst,
            brake=self.brake,
        )

    def give(self, *messages: Delivery) -> None:
        """Let the broker have these messages."""
        self.deliverer.waiting += messages

    def stored(self) -> list[str]:
        """Return the ids of the events in the ledger."""
        with self.desk.database.transaction("test") as tx:
            return [str(row.id) for row in tx.connection.execute(sa.text("SELECT id FROM messages ORDER BY id"))]

    def buried(self) -> list[tuple[object, object]]:
        """Return reason and path of each dead letter."""
        return [(letter.headers[REASON], letter.headers[PATH]) for letter in self.printer.printed]

    def handled(self, outcome: str, event_type: str = TYPE, tenant: str = TENANT) -> float | None:
        """Return how many messages were counted with an outcome."""
        labels = {"event_type": event_type, "tenant": tenant, "outcome": outcome}
        return self.registry.get_sample_value("cirrus_adapter_messages_handled_total", labels)

    def paused_by(self, reason: str, loop: str = "intake") -> float | None:
        """Return the gauge of the brake."""
        return self.registry.get_sample_value("cirrus_adapter_intake_paused", {"loop": loop, "reason": reason})

    def _beat(self) -> float:
        self.beats.append(None)
        return 0.0


@pytest.fixture
def reception(tmp_path: Path) -> Iterator[Reception]:
    """Lend an intake on a ledger of its own."""
    with desk_at(tmp_path, patience=0.1) as desk:
        yield Reception(desk)


def test_a_batch_is_stored_and_then_acknowledged(reception: Reception) -> None:
    """All messages of the batch, once they are durable; then converge hears of it."""
    given = [delivery(event(n)) for n in range(1, 4)]
    reception.give(*given)
    reception.intake().turn()
    assert reception.stored() == ["e1", "e2", "e3"]
    assert reception.deliverer.settled == given
    assert (len(reception.nudges), reception.handled("applied")) == (1, 3)


@pytest.mark.parametrize("wrong", [timedelta(days=-1), timedelta(days=1)])
def test_a_wrong_host_clock_decides_nothing(reception: Reception, wrong: timedelta) -> None:
    """What is from the future is so by the ledger's time, on a host that is slow as on one that is fast."""
    future = event(2, time=(NOW + timedelta(hours=1)).isoformat())
    reception.give(delivery(event()), delivery(future))
    reception.host = NOW + wrong
    reception.intake().turn()
    assert reception.stored() == ["e1"]
    assert reception.buried() == [("from-the-future", "$.time")]


def test_a_batch_is_no_larger_than_asked_for(reception: Reception) -> None:
    """The rest waits at the broker for the next turn."""
    reception.give(*(delivery(event(n)) for n in range(1, 4)))
    intake = reception.intake(size=2)
    intake.turn()
    assert reception.stored() == ["e1", "e2"]
    intake.turn()
    assert reception.stored() == ["e1", "e2", "e3"]


def test_a_burst_lasts_until_its_last_batch_is_stored(reception: Reception, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins with a full batch; what came last belongs to it."""
    reception.give(*(delivery(event(n)) for n in range(1, 4)))
    store, seen = reception.desk.ledger.store_batch, list[float | None]()
    look = lambda: seen.append(reception.burst.seconds(TENANT))  # noqa: E731 - one word for two calls
    monkeypatch.setattr(reception.desk.ledger, "store_batch", lambda *given: look() or store(*given))
    intake = reception.intake(size=2)
    for act in (intake.turn, intake.turn, look):
        act()
    assert seen == [0.0, 0.0, None]


def test_without_messages_the_connections_are_kept_alive(reception: Reception) -> None:
    """The dead-letter publisher is seldom used and must not lose its connection."""
    reception.intake().turn()
    assert (reception.printer.ticks, reception.nudges) == (1, [])


def test_poison_does_not_hold_up_its_neighbours(reception: Reception) -> None:
    """What cannot be read is buried with reason and path; the others are stored; all are acknowledged."""
    given = [delivery(event(1)), delivery(b"{"), delivery(event(2, data={})), delivery(event(3, mood=1))]
    reception.give(*given)
    reception.intake().turn()
    assert reception.stored() == ["e1", "e3"]
    assert reception.buried() == [("not-json", "$"), ("bad-data", "$.data.title")]
    assert reception.deliverer.settled == given
    assert reception.handled("dead_lettered", "unknown", "unknown") == 2


def test_a_handler_that_fails_buries_only_its_message(reception: Reception) -> None:
    """A mistake of ours in one message's handler is named by its class, without what it says."""
    reception.give(delivery(event(1)), delivery(event(2, data={"title": "x", "mood": "broken"})), delivery(event(3)))
    reception.intake().turn()
    assert reception.stored() == ["e1", "e3"]
    [letter] = reception.printer.printed
    assert (letter.headers[REASON], letter.headers[ERROR]) == ("handler-failed", "RuntimeError")
    assert "a mistake in the handler" not in str(letter.headers)


def test_a_value_that_cannot_be_stored_is_found(reception: Reception) -> None:
    """The batch is halved until it is known whose the value is; everything else is stored."""
    spoilt = {3, 4, 9}
    moods = {n: "unstorable" if n in spoilt else "fine" for n in range(1, 12)}
    given = [delivery(event(n, data={"title": "x", "mood": mood})) for n, mood in moods.items()]
    reception.give(*given)
    reception.intake().turn()
    assert set(reception.stored()) == {f"e{n}" for n in moods if n not in spoilt}
    assert reception.buried() == [("ledger-refused", "$")] * 3
    assert reception.deliverer.settled == given
    assert (reception.handled("applied"), reception.handled("dead_lettered")) == (8, 3)


def test_an_event_id_with_other_content_is_buried(reception: Reception) -> None:
    """The first content holds; the second is for a person to look at."""
    intake = reception.intake()
    reception.give(delivery(event(1)), delivery(event(1, data={"title": "other"})))
    intake.turn()
    reception.give(delivery(event(1)), delivery(event(1, data={"title": "third"})))
    intake.turn()
    assert reception.buried() == [("conflict", "$.id")] * 2
    assert (reception.handled("applied"), reception.handled("duplicate")) == (1, 1)


def test_while_the_ledger_is_away_the_batch_is_kept(reception: Reception) -> None:
    """Nothing is acknowledged or buried, the connection is kept alive, and the batch is stored when it can be."""
    given = [delivery(event(1)), delivery(b"{")]
    reception.give(*given)
    beats = len(reception.beats)
    with closing(sqlite3.connect(reception.desk.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        turning = threading.Thread(target=reception.intake().turn)
        turning.start()
        wait_until(lambda: reception.deliverer.ticks >= 2, patience=PATIENCE, what="two waits")
        assert (reception.deliverer.settled, reception.printer.printed) == ([], [])
        assert len(reception.beats) >= beats + 2
        other.execute("ROLLBACK")
        turning.join(PATIENCE)
    assert reception.stored() == ["e1"]
    assert reception.deliverer.settled == given


def test_the_waits_for_the_ledger_grow(reception: Reception) -> None:
    """From a quarter of a second to ten; a stop ends them, and acknowledges nothing."""
    reception.stop = stop = Unhurried(limit=8)
    reception.give(delivery(event(1)))
    with closing(sqlite3.connect(reception.desk.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable):
            reception.intake().turn()
    assert stop.waited == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert (reception.deliverer.settled, reception.nudges) == ([], [])


def test_dead_letters_are_tried_until_the_broker_has_them(reception: Reception) -> None:
    """Only what failed is published again, and the batch is acknowledged after the last of it."""
    tries: list[str] = []

    def failing(_batch: Sequence[Message], message: Message) -> str | None:
        tries.append(message.id)
        assert reception.deliverer.settled == []
        return "timeout" if len(tries) in (2, 3) else None

    reception.printer.failing = failing  # type: ignore[assignment]
    given = [delivery(b"{"), delivery(b"["), delivery(event(1))]
    reception.give(*given)
    reception.intake().turn()
    assert [len(batch) for batch in reception.printer.batches] == [2, 1, 1]
    assert len(set(tries)) == 2
    assert reception.deliverer.settled == given
    assert reception.deliverer.ticks == 2


@pytest.mark.parametrize("reason", ["invalid", "refused"])
def test_a_dead_letter_that_the_broker_cannot_take_is_buried_bare(reception: Reception, reason: Reason) -> None:
    """Its odd properties hold up nobody: the body and the reason are kept, the neighbours go as they are."""

    def failing(_batch: Sequence[Message], message: Message) -> Reason | None:
        return reason if "odd" in message.headers else None

    reception.printer.failing = failing
    given = [delivery(b"{", headers={"odd": 1}), delivery(b"[", headers={"fine": 1})]
    reception.give(*given)
    reception.intake().turn()

    bodies = {message.body: set(message.headers) & {"odd", "fine"} for message in reception.printer.printed}
    assert bodies == {b"{": set(), b"[": {"fine"}}
    assert all(message.headers[REASON] == "not-json" for message in reception.printer.printed)
    assert reception.deliverer.settled == given


def test_a_stop_while_burying_acknowledges_nothing(reception: Reception) -> None:
    """The broker delivers all of it again, and the ledger knows what it has stored."""

    def failing(_batch: Sequence[Message], _message: Message) -> str:
        reception.stop.set()
        return "connection"

    reception.printer.failing = failing  # type: ignore[assignment]
    reception.give(delivery(b"{"), delivery(event(1)))
    reception.intake().turn()
    assert reception.deliverer.settled == []
    assert reception.stored() == ["e1"]
    assert reception.handled("dead_lettered", "unknown", "unknown") == 0


def test_a_dead_letter_is_buried_under_one_id(reception: Reception) -> None:
    """The same message delivered twice makes the same dead letter, so that a person sees it once."""
    intake = reception.intake()
    for _ in range(2):
        reception.give(delivery(b"{", properties={"message_id": "m1"}))
        intake.turn()
    first, second = reception.printer.printed
    assert first.id == second.id


def test_a_flood_of_one_failure_is_left_in_the_queue(reception: Reception) -> None:
    """What made it too much is buried, the rest is given back; good messages among it are stored."""
    reception.brake = BrakeRules(fewest=20, pause=60)
    given = [delivery(event(n, data={} if n != 30 else {"title": "x"})) for n in range(1, 101)]
    reception.give(*given)
    intake = reception.intake()
    intake.turn()
    assert reception.buried() == [("bad-data", "$.data.title")] * 20
    assert reception.deliverer.settled == [*given[:20], given[29]]
    assert reception.stored() == ["e30"]
    assert (reception.deliverer.closed, reception.deliverer.narrowed) == (True, [PROBE])
    assert reception.paused_by("bad-data") == 1
    assert intake.paused == (
        "paused because most messages fail as bad-data; some are tried in 60 s; the rest waits in the queue"
    )


def test_each_queue_has_a_brake_of_its_own(reception: Reception) -> None:
    """What comes by one queue and is bad does not stop what comes by the other; the gauge tells which is paused."""
    reception.brake = BrakeRules(fewest=20, pause=60)
    ordinary, urgent = (reception.intake(name=name) for name in ("intake", "urgent"))
    reception.give(*(delivery(event(n, data={})) for n in range(1, 21)))
    ordinary.turn()
    reception.give(delivery(event(21)))
    urgent.turn()
    assert reception.stored() == ["e21"]
    assert urgent.paused is None
    assert not reception.paused_by("bad-data", "urgent")
    assert reception.paused_by("bad-data") == 1
    assert ordinary.paused is not None


def test_a_paused_intake_takes_nothing_and_then_a_few(reception: Reception) -> None:
    """The loop goes on turning and the connection for dead letters is kept; a good probe ends the pause."""
    reception.brake = BrakeRules(fewest=20, pause=60)
    reception.give(*(delivery(event(n, data={})) for n in range(1, 21)))
    intake = reception.intake()
    intake.turn()
    reception.give(*(delivery(event(n)) for n in range(21, 41)))
    intake.turn()
    assert (len(reception.deliverer.waiting), reception.printer.ticks) == (20, 1)
    assert isinstance(reception.stop, Unhurried)
    assert reception.stop.waited == [1.0]
    reception.host += timedelta(seconds=60)
    intake.turn()
    assert len(reception.stored()) == PROBE
    assert (intake.paused, reception.paused_by("bad-data")) == (None, 0)
    assert reception.deliverer.narrowed == [PROBE, None]
    intake.turn()
    assert len(reception.stored()) == 20


def test_a_probe_that_fails_is_buried_and_the_pause_goes_on(reception: Reception) -> None:
    """The head of the queue moves on, or what was sent after the correction would never be reached."""
    reception.brake = BrakeRules(fewest=20, pause=60)
    reception.give(*(delivery(event(n, data={})) for n in range(1, 41)))
    intake = reception.intake()
    intake.turn()
    reception.give(*(delivery(event(n, data={})) for n in range(21, 41)))
    reception.host += timedelta(seconds=60)
    intake.turn()
    assert len(reception.buried()) == 20 + PROBE
    assert intake.paused is not None
    assert "in 120 s" in intake.paused
    intake.turn()
    assert len(reception.buried()) == 20 + PROBE


def test_closing_says_goodbye_on_both_connections(reception: Reception) -> None:
    """What is not acknowledged goes back to the broker."""
    reception.intake().close()
    assert (reception.deliverer.closed, reception.printer.closed) == (True, True)


def test_a_whole_turn_on_a_broker(reception: Reception) -> None:
    """From the queue into the ledger and the dead-letter queue."""
    with broker_at("memory://") as broker:
        made = [
            broker.event(1, body=delivery(event(1)).body),
            broker.event(2, body=b"not JSON"),
        ]
        broker.publisher().publish(made)
        reception.deliverer = broker.consumer().consumer  # type: ignore[assignment]
        reception.printer = broker.publisher()  # type: ignore[assignment]
        reception.topology = broker.topology
        intake = reception.intake()
        until = monotonic() + PATIENCE
        while reception.stored() != ["e1"] or broker.depth(broker.topology.dead_letter_queue) != 1:
            assert monotonic() < until
            intake.turn()
        [letter] = broker.consumer(broker.topology.dead_letter_queue).take(1)
        assert (letter.headers[REASON], letter.body) == ("not-json", b"not JSON")
