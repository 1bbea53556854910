"""The webhook's receiver: notices a second, and how long Cirrus waits for its answer."""

from dataclasses import asdict

from tests.benchmarks.bench import Bench
from tests.benchmarks.notices import measure_notices
from tests.benchmarks.row import Measured, at_least, at_most


def measure(bench: Bench) -> Measured:
    """Send notices at full throttle, then at a pace."""
    bench.say("the webhook's receiver")
    with bench.open_place() as place:
        rates = measure_notices(place, bench.choices.notices)
    pace = f"{rates.paced_per_second:g}/s"
    half = f"half of them in {rates.paced_p50_ms:.1f} ms; at full throttle {rates.p50_ms:.1f} and {rates.p99_ms:.0f} ms"
    return Measured(
        (
            at_least(
                "webhook: notices/s, each durable", rates.per_second, 300, ",.0f", f"{rates.clients} clients, sealed"
            ),
            at_most(f"webhook: ms to answer 99 % at {pace}", rates.paced_p99_ms, 100, ".0f", half),
        ),
        tuple(f"webhook: {problem}" for problem in rates.problems),
        details=asdict(rates),
    )
