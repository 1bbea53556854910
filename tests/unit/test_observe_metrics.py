"""Tests of the metrics: what is exported, from when on, and how many series there can be."""

import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from adapter.observe import catalogue as c
from adapter.observe.metrics import Metrics, catalogue

FORBIDDEN_LABELS = {"id", "event_id", "exam", "offering", "association", "person", "candidate", "student", "key"}


@pytest.fixture
def registry() -> CollectorRegistry:
    """Return a registry of its own for each test."""
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    """Return the metrics of a process with one tenant and two event types."""
    metrics = Metrics(registry)
    metrics.expect(
        tenants=("uni.example",),
        event_types=("sis.exam.booked.v1", "sis.exam.scheduled.v1"),
        kinds=("booking", "sitting"),
        outcome_types=("cirrus.booking.confirmed.v1",),
        task_kinds=("remove-candidate",),
        dead_letter_reasons=("not-json",),
    )
    return metrics


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """Return the exported value of one series, None when it is not exported."""
    return registry.get_sample_value(c.PREFIX + name, labels)


def test_every_entry_of_the_catalogue_is_exported_once() -> None:
    """No entry is declared and then forgotten, and no name is given twice."""
    declared = {entry.name for entry in vars(c).values() if isinstance(entry, c.Entry)}
    exported = [name.removeprefix(c.PREFIX) for name, _, _, _ in catalogue()]
    assert declared == set(exported)
    assert len(exported) == len(set(exported))


@pytest.mark.parametrize(("name", "kind", "labels", "text"), [pytest.param(*e, id=e[0]) for e in catalogue()])
def test_the_catalogue_keeps_its_rules(name: str, kind: str, labels: tuple[str, ...], text: str) -> None:
    """Counters end in `_total`, histograms in their unit, labels name no record, help says what to do."""
    assert (kind == "counter") == name.endswith("_total")
    if kind == "histogram":
        assert name.endswith(("_seconds", "_per_request"))
    assert not FORBIDDEN_LABELS & set(labels)
    assert text.endswith(".")
    assert len(text) > 60


def test_every_histogram_can_answer_the_service_levels() -> None:
    """The ages have a bucket edge at 60 s and at 5 min, the two promises made to the exam office."""
    for entry in (c.MESSAGE_AGE, c.DESIRED_AGE):
        assert {60.0, 300.0} <= set(entry.buckets)


def test_known_series_start_at_zero(registry: CollectorRegistry, metrics: Metrics) -> None:
    """A counter is exported before its first event, so its first increase is seen by `increase()`."""
    assert value(registry, "dead_letters_total", reason="not-json") == 0
    for outcome in c.HANDLED_OUTCOMES:
        labels = {"event_type": "sis.exam.booked.v1", "tenant": "uni.example", "outcome": outcome}
        assert value(registry, "messages_handled_total", **labels) == 0
    for horizon in c.HORIZONS:
        assert value(registry, "bookings_unconfirmed", tenant="uni.example", horizon=horizon) == 0
    for reason in c.HALT_REASONS:
        assert value(registry, "cirrus_tenant_halted", tenant="uni.example", reason=reason) == 0


def test_no_loop_is_said_to_have_ticked_before_it_did(registry: CollectorRegistry, metrics: Metrics) -> None:
    """Heartbeats are not started at 0, which would read as a loop that hangs since 1970."""
    assert value(registry, "loop_heartbeat_timestamp_seconds", loop="intake") is None


def test_created_series_are_not_exported(registry: CollectorRegistry, metrics: Metrics) -> None:
    """The `_created` series of the library are left out, without touching its global switch."""
    metrics.message_age.of("sis.exam.booked.v1", "intake").observe(2)
    text = generate_latest(registry).decode()
    assert "cirrus_adapter_message_age_seconds_bucket" in text
    assert "_created" not in text


def test_of_returns_the_same_child(metrics: Metrics) -> None:
    """Children are cached: the hot path pays a dict look-up, not the library's lock."""
    first = metrics.verdicts.of("booking", "confirmed")
    assert metrics.verdicts.of("booking", "confirmed") is first


def test_label_values_are_in_the_order_of_the_catalogue(registry: CollectorRegistry, metrics: Metrics) -> None:
    """`of` takes positional values: event type, then tenant."""
    metrics.messages_received.of("sis.exam.booked.v1", "uni.example").inc()
    assert value(registry, "messages_received_total", event_type="sis.exam.booked.v1", tenant="uni.example") == 1


def test_a_wrong_number_of_label_values_is_refused(metrics: Metrics) -> None:
    """A call site that forgets a label fails with the labels it should have given."""
    with pytest.raises(ValueError, match="event_type"):
        metrics.messages_received.of("sis.exam.booked.v1")


def test_what_a_message_says_does_not_make_series(registry: CollectorRegistry, metrics: Metrics) -> None:
    """Event types and tenants that nobody announced share one series, however many there are."""
    before = len(generate_latest(registry).splitlines())
    for number in range(50):
        metrics.messages_received.of(f"made.up.{number}", f"tenant-{number}").inc()
    assert value(registry, "messages_received_total", event_type="unknown", tenant="unknown") == 50
    assert len(generate_latest(registry).splitlines()) == before


def test_replace_sets_what_left_the_answer_to_zero(registry: CollectorRegistry, metrics: Metrics) -> None:
    """A gauge that is set from a query does not keep the value of a row that is gone."""
    metrics.work_waiting.replace({("booking", "sitting"): 4, ("booking", "candidate"): 1})
    metrics.work_waiting.replace({("booking", "candidate"): 2})
    assert value(registry, "work_waiting", kind="booking", waiting_for="sitting") == 0
    assert value(registry, "work_waiting", kind="booking", waiting_for="candidate") == 2


def test_replace_adds_up_what_shares_a_series(registry: CollectorRegistry, metrics: Metrics) -> None:
    """Two tenants that are not announced both count under `unknown`."""
    metrics.bookings_unconfirmed.replace({("a", "1h"): 2, ("b", "1h"): 3})
    assert value(registry, "bookings_unconfirmed", tenant="unknown", horizon="1h") == 5


def test_threads_share_one_child(registry: CollectorRegistry, metrics: Metrics) -> None:
    """Increments from several threads that meet a new label set at once are all counted."""
    start = threading.Barrier(8)

    def count() -> None:
        start.wait()
        for status in range(100):
            metrics.cirrus_requests.of("add-candidates", str(status)).inc()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for status in range(100):
        assert value(registry, "cirrus_requests_total", operation="add-candidates", status=str(status)) == 8


def test_two_processes_worth_of_metrics_do_not_meet() -> None:
    """Nothing is global: a second set of metrics on another registry starts at 0."""
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first).outbox_pending.set(3)
    Metrics(second)
    assert value(first, "outbox_pending") == 3
    assert value(second, "outbox_pending") == 0
