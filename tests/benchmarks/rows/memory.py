"""Memory: what a worker holds at most must not grow with what waits for it in the queue."""

from tests.benchmarks.adapters import INTAKE_EXCHANGE, adapter
from tests.benchmarks.bench import Bench
from tests.benchmarks.race import as_event, publish
from tests.benchmarks.row import Measured, at_most

TENTH = 10
FLAT = 1.2


def measure(bench: Bench) -> Measured:
    """Let a worker take in a backlog, and one a tenth as long, and compare its peaks."""
    many = bench.choices.unread
    few = many // TENTH
    peaks = {backlog: _peak(bench, backlog) / 2**20 for backlog in (few, many)}
    notes = f"{peaks[few]:.0f} MB behind {few:,} messages, {peaks[many]:.0f} MB behind {many:,}"
    return Measured(
        (
            at_most(f"peak memory MB behind {many:,} messages", peaks[many], 200, ".0f"),
            at_most("peak memory, ten times the backlog", peaks[many] / peaks[few], FLAT, ".2f", notes),
        )
    )


def _peak(bench: Bench, backlog: int) -> int:
    bench.say(f"a worker behind {backlog:,} messages")
    season = bench.season(backlog, max(1, backlog // bench.choices.batch_size))
    messages = [as_event(number, event, INTAKE_EXCHANGE) for number, event in enumerate(season.events)]
    with bench.open_place() as place, adapter(place, bench.choices) as stage:
        publish(messages, place.amqp_url)
        stage.start()
        stage.wait_handled(len(messages))
        return stage.use().peak
