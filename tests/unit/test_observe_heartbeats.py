"""Tests of the heartbeats: which loop counts as stalled, and what is exported."""

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry

from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics

START = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)


class Seconds:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the present second."""
        return self.now


def test_a_loop_that_turns_is_not_stalled() -> None:
    """A loop is stalled only when its last beat is older than the limit."""
    seconds = Seconds()
    beats = Heartbeats(("intake", "converge"), Metrics(CollectorRegistry()), lambda: START, seconds)
    seconds.now += 100
    beats.beat("intake")
    seconds.now += 20
    assert beats.stalled(120) == []
    seconds.now += 0.5
    assert beats.stalled(120) == ["converge"]
    seconds.now += 120
    assert beats.stalled(120) == ["converge", "intake"]


def test_a_loop_that_never_turned_is_stalled_after_the_limit() -> None:
    """A loop that hangs in its first turn is found, and has its time to start."""
    seconds = Seconds()
    beats = Heartbeats(("publish",), Metrics(CollectorRegistry()), lambda: START, seconds)
    assert beats.stalled(60) == []
    seconds.now += 61
    assert beats.stalled(60) == ["publish"]


def test_a_clock_that_is_set_back_stalls_nobody() -> None:
    """The host's clock dates the metric but decides nothing."""
    registry, seconds = CollectorRegistry(), Seconds()
    times = iter((START, START.replace(year=2020)))
    beats = Heartbeats(("intake",), Metrics(registry), lambda: next(times), seconds)
    beats.beat("intake")
    assert beats.stalled(60) == []


def test_beats_are_exported_as_the_time_of_the_last_one() -> None:
    """The metric is a timestamp, for the loops of this process and no others."""
    registry = CollectorRegistry()
    beats = Heartbeats(("intake",), Metrics(registry), lambda: START, Seconds())
    beats.beat("intake")
    name = "cirrus_adapter_loop_heartbeat_timestamp_seconds"
    assert registry.get_sample_value(name, {"loop": "intake"}) == START.timestamp()
    assert registry.get_sample_value(name, {"loop": "converge"}) is None
