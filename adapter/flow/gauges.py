"""The gauges loop: what the ledger counts, put on the gauges; and what is old, taken out of the ledger."""

import threading
from collections.abc import Callable

from adapter.ledger.ledger import Ledger
from adapter.ledger.retention import Retention
from adapter.observe.metrics import Metrics

EVERY = 10.0
"""Seconds between two looks."""

TIDY_EVERY = 3600.0
"""Seconds between two rounds of deleting what is past its retention."""


class Gauges:
    """Sets the gauges from the ledger; `turn` belongs to one thread."""

    def __init__(
        self,
        ledger: Ledger,
        tenants: tuple[str, ...],
        retention: Retention,
        *,
        metrics: Metrics,
        monotonic: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._tenants = tenants
        self._retention = retention
        self._metrics = metrics
        self._monotonic = monotonic
        self._stop = stop
        self._tidy_at = monotonic() + TIDY_EVERY

    def turn(self) -> None:
        """Look once, then wait."""
        self.look()
        if self._monotonic() >= self._tidy_at:
            self._ledger.tidy(self._retention)
            self._tidy_at = self._monotonic() + TIDY_EVERY
        self._stop.wait(EVERY)

    def look(self) -> None:
        """Set every gauge that the ledger knows the value of."""
        counts = self._ledger.count(self._tenants)
        self._metrics.work_due.replace(counts.work_due)
        self._metrics.work_waiting.replace(counts.work_waiting)
        self._metrics.bookings_unconfirmed.replace(counts.unconfirmed)
        self._metrics.next_unconfirmed_exam.replace(
            {tenant: start.timestamp() for tenant, start in counts.next_unconfirmed.items()}
        )
        self._metrics.tasks_open.replace(counts.tasks_open)
        self._metrics.outbox_pending.set(counts.outbox_pending)
        self._metrics.outbox_oldest.set(counts.outbox_oldest.timestamp() if counts.outbox_oldest else 0)
