"""The gauges loop: what the ledger counts, put on the gauges; what is old, taken out of it; what is new, analysed."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from adapter.domain.allowance import RESULTS_PER_DAY
from adapter.domain.policy import ResultPolicy
from adapter.ledger.gauges import Counts
from adapter.ledger.ledger import Ledger
from adapter.ledger.notices import NEW
from adapter.ledger.retention import Retention
from adapter.observe.metrics import Metrics

EVERY = 10.0
"""Seconds between two looks."""

TIDY_EVERY = 3600.0
"""Seconds between two rounds of deleting what is past its retention."""

_log = structlog.get_logger()


class Gauges:
    """Sets the gauges from the ledger; `turn` belongs to one thread."""

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[str, ResultPolicy],
        retention: Retention,
        *,
        metrics: Metrics,
        monotonic: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._policies = policies
        self._retention = retention
        self._metrics = metrics
        self._monotonic = monotonic
        self._stop = stop
        self._tidy_at = monotonic() + TIDY_EVERY

    def turn(self) -> None:
        """Look once, then wait."""
        self.look()
        if analysed := self._ledger.analyse_unknown():
            _log.info("tables_analysed", tables=analysed, why="they are large, and PostgreSQL knew nothing of them")
        if self._monotonic() >= self._tidy_at:
            self._ledger.tidy(self._retention)
            self._tidy_at = self._monotonic() + TIDY_EVERY
        self._stop.wait(EVERY)

    def look(self) -> None:
        """Set every gauge that the ledger knows the value of."""
        counts = self._ledger.count(tuple(self._policies))
        self._metrics.work_due.replace(counts.work_due)
        self._metrics.work_waiting.replace(counts.work_waiting)
        self._metrics.bookings_unconfirmed.replace(counts.unconfirmed)
        self._metrics.next_unconfirmed_exam.replace(
            {tenant: start.timestamp() for tenant, start in counts.next_unconfirmed.items()}
        )
        self._metrics.tasks_open.replace(counts.tasks_open)
        self._metrics.holds_open.replace(counts.holds_open)
        self._metrics.drift_items.replace(counts.drift)
        self._metrics.outbox_pending.set(counts.outbox_pending)
        self._metrics.outbox_oldest.set(counts.outbox_oldest.timestamp() if counts.outbox_oldest else 0)
        self._metrics.notices_pending.set(counts.notices.get(NEW, 0))
        self._look_at_results(counts)

    def _look_at_results(self, counts: Counts) -> None:
        overdue: Counter[tuple[str, ...]] = Counter()
        deletion: dict[tuple[str, ...], float] = {}
        left: dict[tuple[str, ...], float] = {}
        for missing in counts.missing:
            rules = self._policies[missing.tenant]
            if missing.end + rules.expected_after <= counts.at:
                overdue[missing.tenant,] += missing.results
            if rules.deleted_after is not None:
                at = (missing.end + rules.deleted_after).timestamp()
                deletion[missing.tenant,] = min(at, deletion.get((missing.tenant,), at))
        for tenant, rules in self._policies.items():
            allowance = rules.allowance
            remaining = allowance.left(counts.spent.get(tenant), counts.at) / allowance.calls
            left[tenant, RESULTS_PER_DAY] = remaining
        self._metrics.results_overdue.replace(dict(overdue))
        self._metrics.results_deletion.replace(deletion)
        self._metrics.cirrus_allowance_remaining.replace(left)
