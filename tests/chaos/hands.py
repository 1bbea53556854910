"""Hands: each works through its nemeses, over and over in an order of its own, until it is told to stop."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.chaos.nemesis import (
    CirrusTrouble,
    ClockStepped,
    LeaseOutlived,
    LinkHalfOpen,
    LinkRefused,
    LinkReset,
    Nemesis,
    Span,
    WorkerKilled,
)
from tests.chaos.server_nemesis import Crashed, DiskFull, Frozen, LedgerReadOnly, MemoryAlarm, QueueFull
from tests.chaos.stage import Stage
from tests.chaos.worker import Worker

DAY_S = 86_400

BEFORE = (
    {"kind": "status", "when": "before", "status": 500},
    {"kind": "maintenance", "when": "before"},
    {"kind": "throttle", "when": "before"},
    {"kind": "reset", "when": "before"},
)
AFTER = (
    {"kind": "status", "when": "after", "status": 502},
    {"kind": "reset", "when": "after"},
    {"kind": "hang", "when": "after", "hang_seconds": 3.0},
)


class Tally:
    """How often each kind has struck; safe to use from several threads."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._struck: Counter[str] = Counter(dict.fromkeys(kinds, 0))

    def add(self, kind: str, times: int) -> None:
        """Count strikes of one kind."""
        with self._lock:
            self._struck[kind] += times

    def counts(self) -> Counter[str]:
        """Return the strikes so far, also of kinds that have not struck yet."""
        with self._lock:
            return Counter(self._struck)


@dataclass(frozen=True, slots=True)
class Hand:
    """Several nemeses that take turns; `pause` is how long everything is left in peace between two."""

    nemeses: Sequence[Nemesis]
    pause: Span
    chance: Random = field(default_factory=Random)

    def work(self, stop: threading.Event, tally: Tally) -> None:
        """Strike and heal; whatever was begun is healed before this returns."""
        while not stop.is_set():
            for nemesis in self.chance.sample(self.nemeses, len(self.nemeses)):
                if stop.wait(self.chance.uniform(*self.pause)):
                    return
                nemesis.strike()
                try:
                    threading.Event().wait(self.chance.uniform(*nemesis.hold))
                finally:
                    tally.add(nemesis.name, nemesis.heal())


def on_links(worker: Worker, pause: Span) -> list[Hand]:
    """Break each way of a worker in every way; a way's hand knows nothing of the other two."""
    assert worker.links is not None
    ways = {"broker": worker.links.broker, "ledger": worker.links.ledger, "Cirrus": worker.links.cirrus}
    return [
        Hand((LinkReset(way, proxy), LinkHalfOpen(way, proxy), LinkRefused(way, proxy)), pause)
        for way, proxy in ways.items()
    ]


def on_process(worker: Worker, pause: Span, chance: Random) -> Hand:
    """Kill a worker, and put its clock wrong."""
    return Hand((WorkerKilled(worker), _clock(worker, chance)), pause)


def on_leases(stage: Stage, worker: Worker, pause: Span) -> Hand:
    """Freeze a worker for longer than its leases."""
    return Hand((LeaseOutlived(worker, stage.engine),), pause)


def on_cirrus(stage: Stage, pause: Span, chance: Random) -> Hand:
    """Let calls fail before they have an effect, and after it."""
    control = stage.cirrus.control
    before = CirrusTrouble("Cirrus failing", control, lambda: {**chance.choice(BEFORE), "count": 3})
    after = CirrusTrouble("Cirrus answer lost", control, lambda: {**chance.choice(AFTER), "count": 3})
    return Hand((before, after), pause)


def on_broker(stage: Stage, pause: Span) -> list[Hand]:
    """Freeze the broker, put it under alarm, and let its queues be full."""
    server, topology = stage.rabbit, stage.topology
    intake = QueueFull("intake queue full", server, stage.amqp, topology.intake_queue)
    outcomes = QueueFull("outcomes queue full", server, stage.amqp, topology.outcomes_queue or "")
    return [Hand((Frozen("broker frozen", server), MemoryAlarm(server)), pause), Hand((intake, outcomes), pause)]


def on_broker_restart(stage: Stage, pause: Span) -> Hand:
    """Crash the broker."""
    return Hand((Crashed("broker restarted", stage.rabbit),), pause)


def on_ledger(stage: Stage, pause: Span) -> Hand:
    """Freeze the database, crash it, and let it take no writes."""
    server = stage.postgres
    return Hand((Frozen("ledger frozen", server), Crashed("ledger restarted", server), LedgerReadOnly(server)), pause)


def on_disk(stage: Stage, pause: Span) -> Hand:
    """Fill the disk of the ledger."""
    assert stage.disk is not None
    logs = [worker.log for worker in stage.workers]
    return Hand((DiskFull(stage.disk, stage.disk.folder / "ledger.sqlite", logs),), pause)


def _clock(worker: Worker, chance: Random) -> ClockStepped:
    return ClockStepped(worker, lambda: chance.randint(-DAY_S, DAY_S))
