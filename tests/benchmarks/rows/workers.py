"""Many workers on one ledger: one, two and four processes share sittings whose calls take long."""

from dataclasses import dataclass

from tests.benchmarks.adapters import Adapter, adapter
from tests.benchmarks.bench import Bench
from tests.benchmarks.checks import adapter_problems
from tests.benchmarks.contestants import race_adapter
from tests.benchmarks.row import Measured, Row, at_least, at_most
from tests.benchmarks.season import Season
from tests.values import replace

BOOKINGS_EACH = 5
LATENCY_MS = 500.0
THREADS = 8
LINGER_S = 2.0
COUNTS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What some workers did together: seconds from the first call to the last answer, and seats asked for twice."""

    seconds: float
    calls: int
    double: int
    problems: tuple[str, ...]


def measure(bench: Bench) -> Measured:
    """Run the same season with one worker, with two and with four."""
    season = bench.season(bench.choices.split * BOOKINGS_EACH, bench.choices.split)
    shared = {count: _share(bench, season, count) for count in COUNTS}
    one, two, four = (shared[count].seconds for count in COUNTS)
    said = ", ".join(f"{count}: {shared[count].calls / shared[count].seconds:.0f} calls/s" for count in COUNTS)
    double = sum(each.double for each in shared.values())
    return Measured(
        (
            at_least("2 workers at 500 ms, times 1", one / two, 1.8, ".2f", f"{THREADS} threads each; {said}"),
            Row("4 workers at 500 ms, times 1", "", f"{one / four:.2f}", None, one / four),
            at_most("many workers: seats asked for twice", double, 0, ",.0f"),
        ),
        tuple(f"{count} workers: {problem}" for count in COUNTS for problem in shared[count].problems),
    )


def _share(bench: Bench, season: Season, count: int) -> _Shared:
    bench.say(f"{count} workers at {LATENCY_MS:g} ms")
    choices = replace(bench.choices, latency_ms=LATENCY_MS, concurrency=THREADS, linger_s=LINGER_S)
    with bench.open_place() as place, adapter(place, choices, workers=count) as stage:
        curve = race_adapter(stage, season, choices).curve
        return _read(stage, season, curve)


def _read(stage: Adapter, season: Season, curve: tuple[tuple[float, int, int], ...]) -> _Shared:
    """Leave out the linger, which no worker makes shorter: the first seat was given by the first call."""
    first = next(seconds for seconds, seated, _ in curve if seated)
    last = next(seconds for seconds, seated, _ in curve if seated >= len(season.bookings))
    return _Shared(
        seconds=last - first + LATENCY_MS / 1000,
        calls=stage.sandbox.control.tally()["calls"],
        double=stage.sandbox.seated() - len(season.bookings),
        problems=adapter_problems(stage, season, stage.outcomes()),
    )
