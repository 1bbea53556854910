"""The same events again: as many a second as the intake can tell to be known, and nothing is asked of Cirrus."""

import time

from tests.benchmarks.adapters import INTAKE_EXCHANGE, adapter
from tests.benchmarks.bench import Bench
from tests.benchmarks.checks import adapter_problems
from tests.benchmarks.contestants import race_adapter
from tests.benchmarks.race import as_event, publish
from tests.benchmarks.row import Measured, at_least, at_most

EVENTS_PER_SECOND = 5_000


def measure(bench: Bench) -> Measured:
    """Run a season, then publish it once more to the same worker, and take the time until all is in the ledger."""
    season = bench.season(bench.choices.bookings, bench.choices.sittings)
    messages = [as_event(number, event, INTAKE_EXCHANGE) for number, event in enumerate(season.events)]
    bench.say("a season, and the same events again")
    with bench.open_place() as place, adapter(place, bench.choices, workers=1) as stage:
        race_adapter(stage, season, bench.choices)
        calls, handled = stage.sandbox.control.tally()["calls"], stage.handled()
        started = time.monotonic()
        publish(messages, place.amqp_url)  # nobody asks for metrics meanwhile: 20 times a second costs a quarter
        stage.wait_handled(int(handled) + len(messages))
        seconds = time.monotonic() - started
        more = stage.sandbox.control.tally()["calls"] - calls
        problems = adapter_problems(stage, season, stage.outcomes())
    rate = len(messages) / seconds
    return Measured(
        (
            at_least("the same events again: events/s", rate, EVENTS_PER_SECOND, ",.0f", "published meanwhile"),
            at_most("the same events again: Cirrus calls", more, 0, ",.0f"),
        ),
        problems,
    )
