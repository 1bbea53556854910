"""The metrics of one process: one typed attribute for each entry of the catalogue.

    metrics = Metrics(CollectorRegistry())
    metrics.expect(tenants=("uni.example",), event_types=("sis.exam.booked.v1",), kinds=("booking",))
    metrics.messages_received.of("sis.exam.booked.v1", "uni.example").inc()

`of` takes the label values in the order of the catalogue and finds the child in one dict look-up. Where
other code hands in an `event_type` or `tenant` that nobody announced, the label becomes `unknown`: what a
message says never decides how many series there are.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric as MetricFamily

from adapter.observe import catalogue as c

_CLOSED_LABELS = ("event_type", "tenant")

Child = TypeVar("Child", Counter, Gauge, Histogram)


class Labelled(Generic[Child]):
    """A metric with labels; `of` returns the child for one set of label values."""

    def __init__(self, parent: Child, labels: tuple[str, ...], known: Mapping[str, frozenset[str]]) -> None:
        self._parent: Child = parent
        self._labels = labels
        self._known = known
        self._children: dict[tuple[str, ...], Child] = {}
        self._expected: list[tuple[str, ...]] = []

    def of(self, *values: str) -> Child:
        """Return the child for these label values, given in the order of the catalogue."""
        child = self._children.get(values)
        return self._admit(values) if child is None else child

    def _admit(self, values: tuple[str, ...]) -> Child:
        if len(values) != len(self._labels):
            raise ValueError(f"labels are {self._labels}, got {len(values)} values")
        admitted = tuple(
            value if label not in self._known or value in self._known[label] else c.UNKNOWN
            for label, value in zip(self._labels, values, strict=True)
        )
        child = self._children.get(admitted)
        if child is None:
            # prometheus_client locks here, so two threads that race store the same child
            child = self._children[admitted] = self._parent.labels(*admitted)
        return child

    def expect(self, *values: Iterable[str]) -> None:
        """Export 0 from the start for each combination: a series that appears late hides its first increase."""
        self._expected += product(*values)

    def meet(self) -> None:
        """Make the children that are expected, before anybody looks at them; whom nobody looks at needs none."""
        for values in self._expected:
            self.of(*values)


class LabelledGauge(Labelled[Gauge]):
    """A gauge with labels that can be set from one query's whole answer."""

    def replace(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Set these children, and every other one to 0: what left the answer must not stay on the gauge."""
        current: dict[Gauge, float] = {}
        for labels, value in values.items():
            child = self.of(*labels)
            current[child] = current.get(child, 0.0) + value
        for child in tuple(self._children.values()):
            child.set(current.get(child, 0.0))


class _Families:
    """Metrics as one collector, in the order in which they are made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        registry.register(self)
        self._entries: list[tuple[c.Entry, Counter | Gauge | Histogram]] = []
        self._labelled: list[Labelled[Counter] | Labelled[Histogram] | LabelledGauge] = []
        self._known: dict[str, frozenset[str]] = {}

    def entries(self) -> Iterator[c.Entry]:
        """Yield the catalogue entries in the order in which they are exported."""
        return (entry for entry, _ in self._entries)

    def collect(self) -> Iterator[MetricFamily]:
        """Yield every family for the registry, without the `_created` series.

        They double the number of series, and the library's own switch is global to the process.
        """
        for labelled in self._labelled:
            labelled.meet()
        for _, metric in self._entries:
            for family in metric.collect():
                family.samples = [s for s in family.samples if not s.name.endswith("_created")]
                yield family

    def _counter(self, entry: c.Entry) -> Labelled[Counter]:
        counter = Labelled(self._plain_counter(entry), entry.labels, self._known)
        self._labelled.append(counter)
        return counter

    def _plain_counter(self, entry: c.Entry) -> Counter:
        counter = Counter(c.PREFIX + entry.name, entry.help, entry.labels, registry=None)
        self._entries.append((entry, counter))
        return counter

    def _histogram(self, entry: c.Entry) -> Labelled[Histogram]:
        histogram = Histogram(c.PREFIX + entry.name, entry.help, entry.labels, registry=None, buckets=entry.buckets)
        self._entries.append((entry, histogram))
        labelled = Labelled(histogram, entry.labels, self._known)
        self._labelled.append(labelled)
        return labelled

    def _gauge(self, entry: c.Entry) -> LabelledGauge:
        gauge = LabelledGauge(self._plain_gauge(entry), entry.labels, self._known)
        self._labelled.append(gauge)
        return gauge

    def _plain_gauge(self, entry: c.Entry) -> Gauge:
        gauge = Gauge(c.PREFIX + entry.name, entry.help, entry.labels, registry=None)
        self._entries.append((entry, gauge))
        return gauge


class Metrics(_Families):
    """All metrics, registered with `registry` as one collector."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.messages_received = self._counter(c.MESSAGES_RECEIVED)
        self.messages_handled = self._counter(c.MESSAGES_HANDLED)
        self.message_age = self._histogram(c.MESSAGE_AGE)
        self.desired_age = self._histogram(c.DESIRED_AGE)
        self.work_due = self._gauge(c.WORK_DUE)
        self.work_waiting = self._gauge(c.WORK_WAITING)
        self.bookings_unconfirmed = self._gauge(c.BOOKINGS_UNCONFIRMED)
        self.next_unconfirmed_exam = self._gauge(c.NEXT_UNCONFIRMED_EXAM)
        self.verdicts = self._counter(c.VERDICTS_TOTAL)
        self.cirrus_requests = self._counter(c.CIRRUS_REQUESTS)
        self.cirrus_request_seconds = self._histogram(c.CIRRUS_REQUEST_SECONDS)
        self.cirrus_items = self._histogram(c.CIRRUS_ITEMS)
        self.cirrus_tenant_halted = self._gauge(c.CIRRUS_TENANT_HALTED)
        self.cirrus_circuit_state = self._gauge(c.CIRRUS_CIRCUIT_STATE)
        self.cirrus_pace, self.cirrus_slowed = self._gauge(c.CIRRUS_PACE), self._gauge(c.CIRRUS_SLOWED)
        self.retries_delayed = self._counter(c.RETRIES_DELAYED)
        self.outcomes_published = self._counter(c.OUTCOMES_PUBLISHED)
        self.outbox_pending = self._plain_gauge(c.OUTBOX_PENDING)
        self.outbox_oldest = self._plain_gauge(c.OUTBOX_OLDEST)
        self.publish_failures = self._counter(c.PUBLISH_FAILURES)
        self.dead_letters = self._counter(c.DEAD_LETTERS)
        self.intake_paused, self.intake_burst = self._gauge(c.INTAKE_PAUSED), self._gauge(c.INTAKE_BURST)
        self.tasks_open = self._gauge(c.TASKS_OPEN)
        self.holds_open = self._gauge(c.HOLDS_OPEN)
        self.drift_items, self.drift_check = self._gauge(c.DRIFT_ITEMS), self._gauge(c.DRIFT_CHECK)
        self.cirrus_allowance_remaining = self._gauge(c.CIRRUS_ALLOWANCE_REMAINING)
        self.results_overdue, self.results_deletion = self._gauge(c.RESULTS_OVERDUE), self._gauge(c.RESULTS_DELETION)
        self.notices = self._counter(c.NOTICES_TOTAL)
        self.notices_pending = self._plain_gauge(c.NOTICES_PENDING)
        self.webhook_requests = self._counter(c.WEBHOOK_REQUESTS)
        self.webhook_request_seconds = self._histogram(c.WEBHOOK_REQUEST_SECONDS)
        self.ledger_transaction = self._histogram(c.LEDGER_TRANSACTION)
        self.ledger_errors = self._counter(c.LEDGER_ERRORS)
        self.broker_connected = self._gauge(c.BROKER_CONNECTED)
        self.broker_reconnects = self._counter(c.BROKER_RECONNECTS)
        self.consumer_watchdog = self._plain_counter(c.CONSUMER_WATCHDOG)
        self.loop_heartbeat = self._gauge(c.LOOP_HEARTBEAT)
        self.build_info = self._gauge(c.BUILD_INFO)

    def expect(
        self,
        *,
        tenants: Iterable[str],
        event_types: Iterable[str],
        kinds: Iterable[str],
        outcome_types: Iterable[str] = (),
        task_kinds: Iterable[str] = (),
        dead_letter_reasons: Iterable[str] = (),
        loops: Iterable[str] = c.LOOPS,
    ) -> None:
        """Announce the label values that exist, and start their series at 0.

        Event types and tenants that are not announced here are counted as `unknown` from now on.
        """
        tenants, kinds, loops = tuple(tenants), tuple(kinds), tuple(loops)
        received = (*event_types, c.UNKNOWN)
        outcomes = tuple(outcome_types)
        self._known["tenant"] = frozenset((*tenants, c.UNKNOWN))
        self._known["event_type"] = frozenset((*received, *outcomes))
        self.messages_received.expect(received, (*tenants, c.UNKNOWN))
        self.messages_handled.expect(received, (*tenants, c.UNKNOWN), c.HANDLED_OUTCOMES)
        intakes = [loop for loop in c.INTAKES if loop in loops]
        self.message_age.expect(received, intakes)
        self.desired_age.expect(kinds)
        self.work_due.expect(kinds)
        self.verdicts.expect(kinds, c.VERDICTS)
        self._expect_tenants(tenants)
        self.drift_check.expect(c.DRIFTING)
        self.notices.expect(c.NOTICE_OUTCOMES)
        self.webhook_requests.expect(c.WEBHOOK_STATUSES)
        self.outcomes_published.expect(outcomes)
        reasons = tuple(dead_letter_reasons)
        self.dead_letters.expect(reasons)
        self.intake_paused.expect(intakes, reasons)
        self.tasks_open.expect(task_kinds)
        connecting = [loop for loop in c.BROKER_LOOPS if loop in loops]
        self.broker_connected.expect(connecting)
        self.broker_reconnects.expect(connecting)

    def _expect_tenants(self, tenants: tuple[str, ...]) -> None:
        self.intake_burst.expect(tenants)
        self.bookings_unconfirmed.expect(tenants, c.HORIZONS)
        self.next_unconfirmed_exam.expect(tenants)
        self.cirrus_tenant_halted.expect(tenants, c.HALT_REASONS)
        self.cirrus_circuit_state.expect(tenants, c.CIRCUIT_STATES)
        self.cirrus_pace.expect(tenants)
        self.cirrus_slowed.expect(tenants, c.SLOWED_BY)
        self.retries_delayed.expect(tenants)
        self.drift_items.expect(tenants, c.DRIFTING)
        self.cirrus_allowance_remaining.expect(tenants, c.ALLOWANCES)
        self.holds_open.expect(tenants)
        self.results_overdue.expect(tenants)
        self.results_deletion.expect(tenants)


def catalogue() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Yield (full name, type, labels, help) of every metric, for the reference page and the checks."""
    for entry in Metrics(CollectorRegistry()).entries():
        yield c.PREFIX + entry.name, entry.type, entry.labels, entry.help
