"""A booking for an exam in ten minutes: behind all that is due in the ledger, and behind all that is unread."""

from collections.abc import Sequence

from tests.benchmarks.adapters import INTAKE_EXCHANGE, INTAKE_QUEUE, Adapter, adapter
from tests.benchmarks.bench import Bench
from tests.benchmarks.choices import Choices
from tests.benchmarks.probes import Probed, probe
from tests.benchmarks.race import as_event, publish
from tests.benchmarks.row import Measured, Row, at_most, percentile
from tests.benchmarks.season import Urgent, make_urgent
from tests.values import replace

SECONDS = 1.0
BOOKINGS_EACH = 20
"""Few bookings to a sitting, so that the backlog outlasts the probes at the pace that is set."""
SPARE = 1.25
"""The backlog is so much larger at first: Cirrus is called while it is still taken in."""


def behind_due(bench: Bench) -> Measured:
    """Take in a backlog that the pace lets shrink but slowly, then publish urgent bookings one after another."""
    choices, urgent = _paced(bench.choices), _urgent(bench)
    events = _backlog(bench, int(choices.due * SPARE), urgent)
    bench.say(f"urgent bookings with {choices.due:,} due in the ledger")
    with bench.open_place() as place, adapter(place, choices, workers=1) as stage:
        _publish(stage, events)
        stage.wait_handled(len(events))
        before = _due(stage)
        probed = probe(stage, urgent, bench.clock, every=choices.probe_every_s)
        notes = f"{len(probed)} probes, {before:,} bookings due at first, {_due(stage):,} at last; {_half(probed)}"
    slowest = percentile([one.seconds for one in probed], 99)
    return Measured((at_most("urgent, behind what is due: s to confirmed (p99)", slowest, SECONDS, ".2f", notes),))


def behind_unread(bench: Bench) -> Measured:
    """Let a worker start on a long queue, and publish urgent bookings to its end while it reads.

    They come out of it all at once, each for an exam of its own: so no more of them than the pace lets be called in
    half of the time.
    """
    choices = _paced(bench.choices)
    urgent = _urgent(bench)[: max(1, int(choices.pace * SECONDS / 2))]
    events = _backlog(bench, choices.unread, urgent)
    bench.say(f"urgent bookings behind {choices.unread:,} unread messages")
    with bench.open_place() as place, adapter(place, choices) as stage:
        _publish(stage, events)
        stage.start()
        reading = lambda: stage.broker.ready(INTAKE_QUEUE) > 0  # noqa: E731 - one word for the call below
        probed = probe(stage, urgent, bench.clock, every=choices.probe_every_s, going=reading)
    return Measured((_beyond_intake(probed),))


def _beyond_intake(probed: Sequence[Probed]) -> Row:
    longest = max(probed, key=lambda one: one.seconds)
    intake = (longest.received - longest.published).total_seconds()
    return at_most(
        "urgent, behind what is unread: s beyond its intake (p99)",
        percentile([one.after_intake for one in probed], 99),
        SECONDS,
        ".2f",
        f"{len(probed)} probes; the longest {longest.seconds:.1f} s, of which {intake:.1f} s in the queue",
    )


def _paced(choices: Choices) -> Choices:
    return replace(choices, calls_per_second=choices.pace, linger_s=1.0)


def _urgent(bench: Bench) -> list[Urgent]:
    return [make_urgent(number, now=bench.clock()) for number in range(bench.choices.probes)]


def _backlog(bench: Bench, bookings: int, urgent: Sequence[Urgent]) -> list[bytes]:
    season = bench.season(bookings, max(1, bookings // BOOKINGS_EACH))
    return [*(one.exam for one in urgent), *season.events]


def _publish(stage: Adapter, events: Sequence[bytes]) -> None:
    publish([as_event(number, event, INTAKE_EXCHANGE) for number, event in enumerate(events)], stage.place.amqp_url)


def _due(stage: Adapter) -> int:
    found = stage.place.query("SELECT count(*) FROM records WHERE kind = 'booking' AND status = 'due'")
    return int(found[0][0])


def _half(probed: Sequence[Probed]) -> str:
    return f"half of them within {percentile([one.seconds for one in probed], 50):.2f} s"
