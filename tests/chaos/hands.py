"""Hands: each works through its nemeses, over and over in an order of its own, until it is told to stop."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from random import Random
from subprocess import SubprocessError

import psycopg

from tests.chaos.nemesis import (
    CirrusTrouble,
    ClockStepped,
    LinkHalfOpen,
    LinkRefused,
    LinkReset,
    Nemesis,
    Span,
    WorkerKilled,
)
from tests.chaos.server_nemesis import Crashed, DiskFull, Frozen, LedgerReadOnly, MemoryAlarm, QueueFull
from tests.chaos.stage import Stage
from tests.chaos.worker import Links, Worker
from tests.services.processes import ServerFailedError
from tests.services.proxy import Proxy

DAY_S = 86_400
MOST_TRIES = 5
"""How often something is healed before a run is given up."""

TOOL_FAILURES = (ServerFailedError, SubprocessError, OSError, HTTPException, psycopg.Error)
"""What the tools raise that break and heal a server."""

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

    def least(self) -> int:
        """Return how often the kind has struck that has struck least."""
        return min(self.counts().values())

    def counts(self) -> Counter[str]:
        """Return the strikes so far, also of kinds that have not struck yet."""
        with self._lock:
            return Counter(self._struck)


@dataclass(frozen=True, slots=True)
class Hand:
    """Several nemeses that take turns; `pause` is how long everything is left in peace between two."""

    nemeses: Sequence[Nemesis]
    pause: Span

    def work(self, chance: Random, stop: threading.Event, tally: Tally) -> None:
        """Strike and heal; whatever was begun is healed before this returns."""
        while not stop.is_set():
            for nemesis in chance.sample(self.nemeses, len(self.nemeses)):
                if stop.wait(chance.uniform(*self.pause)):
                    return
                begun = self._strike(nemesis)
                threading.Event().wait(chance.uniform(*nemesis.hold))
                struck = self._heal(nemesis)
                tally.add(nemesis.name, struck if begun else 0)

    def _strike(self, nemesis: Nemesis) -> bool:
        """Strike; tell whether the tool for it did its work, which on a busy machine it may not do in time."""
        try:
            nemesis.strike()
        except TOOL_FAILURES:
            return False
        return True

    def _heal(self, nemesis: Nemesis) -> int:
        for _ in range(MOST_TRIES - 1):
            with suppress(*TOOL_FAILURES):
                return nemesis.heal()
        return nemesis.heal()


def of_link(way: str, proxy: Proxy) -> tuple[Nemesis, ...]:
    """Break one way of a worker in every way."""
    return (LinkReset(way, proxy), LinkHalfOpen(way, proxy), LinkRefused(way, proxy))


def of_links(links: Links) -> tuple[Nemesis, ...]:
    """Break all of a worker's ways in every way."""
    return tuple(nemesis for way in links.ways() for nemesis in of_link(*way))


def of_process(worker: Worker, chance: Random) -> tuple[Nemesis, ...]:
    """Kill a worker, and put its clock wrong."""
    return (WorkerKilled(worker), ClockStepped(worker, lambda: chance.randint(-DAY_S, DAY_S)))


def of_cirrus(stage: Stage, chance: Random) -> tuple[Nemesis, ...]:
    """Let calls fail before they have an effect, and after it."""
    control = stage.cirrus.control
    return (
        CirrusTrouble("Cirrus failing", control, lambda: {**chance.choice(BEFORE), "count": 3}),
        CirrusTrouble("Cirrus answer lost", control, lambda: {**chance.choice(AFTER), "count": 3}),
    )


def of_queues(stage: Stage) -> tuple[Nemesis, ...]:
    """Let the broker's queues be full."""
    server, topology = stage.rabbit, stage.topology
    return (
        QueueFull("intake queue full", server, stage.amqp, topology.intake_queue),
        QueueFull("outcomes queue full", server, stage.amqp, topology.outcomes_queue or ""),
    )


def of_broker(stage: Stage) -> tuple[Nemesis, ...]:
    """Freeze the broker, and put it under alarm."""
    return (Frozen("broker frozen", stage.rabbit), MemoryAlarm(stage.rabbit))


def of_broker_restart(stage: Stage) -> tuple[Nemesis, ...]:
    """Crash the broker."""
    return (Crashed("broker restarted", stage.rabbit),)


def of_ledger(stage: Stage) -> tuple[Nemesis, ...]:
    """Freeze the database, crash it, and let it take no writes."""
    server = stage.postgres
    return (Frozen("ledger frozen", server), Crashed("ledger restarted", server), LedgerReadOnly(server))


def of_disk(stage: Stage) -> tuple[Nemesis, ...]:
    """Fill the disk of the ledger."""
    assert stage.disk is not None
    logs = [worker.log for worker in stage.workers]
    return (DiskFull(stage.disk, stage.disk.folder / "ledger.sqlite", logs),)
