"""The start: seconds until a worker is ready, on a ledger and a broker that are there."""

from statistics import median

from tests.benchmarks.adapters import adapter
from tests.benchmarks.bench import Bench
from tests.benchmarks.row import Measured, at_most

SECONDS = 1.0


def measure(bench: Bench) -> Measured:
    """Start a worker several times; the first start, which nothing is cached for, counts like the others."""
    bench.say(f"{bench.choices.starts} starts")
    took: list[float] = []
    with bench.open_place() as place, adapter(place, bench.choices) as stage:
        for _ in range(bench.choices.starts):
            took.append(stage.start())
            stage.stop()
    notes = f"median of {len(took)}, {min(took):.2f} to {max(took):.2f}"
    return Measured((at_most("seconds from start to ready", median(took), SECONDS, ".2f", notes),))
