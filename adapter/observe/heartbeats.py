"""Heartbeats: which loops of this process still turn."""

from collections.abc import Callable, Iterable
from threading import Lock

from adapter.domain.ports import Clock
from adapter.observe.metrics import Metrics


class Heartbeats:
    """When each loop last turned; every loop beats from its own thread, the operations server asks.

    `loops` are the loops this process runs: each has until its first beat as long as between two beats.
    `monotonic` gives seconds that never jump and decides what is stalled; `clock` dates the metric. A loop
    beats on every turn and at least every half minute while it waits for Cirrus, the broker or the ledger.
    """

    def __init__(self, loops: Iterable[str], metrics: Metrics, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._lock = Lock()
        self._last: dict[str, float] = {}
        for loop in loops:
            self.beat(loop)

    def beat(self, loop: str) -> None:
        """Note that `loop` turns."""
        now = self._monotonic()
        with self._lock:
            self._last[loop] = now
        self._metrics.loop_heartbeat.of(loop).set(self._clock().timestamp())

    def stalled(self, limit: float) -> list[str]:
        """Return the loops that have not turned for more than `limit` seconds, sorted."""
        now = self._monotonic()
        with self._lock:
            return sorted(loop for loop, last in self._last.items() if now - last > limit)
