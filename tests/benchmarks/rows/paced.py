"""The season at so many calls a second: what counts is how many bookings go with each call."""

from tests.benchmarks.bench import Bench
from tests.benchmarks.contestants import run_adapter
from tests.benchmarks.row import Measured, at_least
from tests.values import replace

SHARE = 0.8


def measure(bench: Bench) -> Measured:
    """Run the adapter alone: a baseline makes one call for each booking, so its pace is known without a run."""
    choices = replace(bench.choices, calls_per_second=bench.choices.pace)
    season = bench.season(choices.bookings, choices.sittings)
    bench.say(f"the season at {choices.pace:g} calls a second")
    with bench.open_place() as place:
        run = run_adapter(place, season, choices)
    rate = len(season.bookings) / run.race.confirmed_in
    best = len(season.bookings) / season.least_calls(choices.batch_size) * choices.pace
    row = at_least(
        f"season at {choices.pace:g} calls/s: bookings/s",
        rate,
        SHARE * best,
        ",.0f",
        f"{best:,.0f} with the fewest calls; a baseline {choices.pace:g} at best: {rate / choices.pace:.0f} times less",
    )
    return Measured((row,), run.problems, (run,))
