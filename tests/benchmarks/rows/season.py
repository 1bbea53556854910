"""The season without pacing: the adapter and the baselines in turn, and the sandbox alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from statistics import median

from tests.benchmarks.bench import Bench
from tests.benchmarks.capacity import Capacity, measure_sandbox
from tests.benchmarks.contestants import BASELINES, CONTESTANTS, Run
from tests.benchmarks.row import Measured, Row, at_least, at_most
from tests.benchmarks.season import Season

FULL_BOOKINGS = 120_000
FULL_SECONDS = 60.0

Runs = Mapping[str, Sequence[Run]]


def measure(bench: Bench) -> Measured:
    """Run every contestant as often as asked; they take turns, so that noise meets all."""
    choices = bench.choices
    season = bench.season(choices.bookings, choices.sittings)
    bench.say("the sandbox alone")
    with bench.open_place() as place:
        sandbox = measure_sandbox(place, choices.batch_size)
    runs: dict[str, list[Run]] = {name: [] for name in CONTESTANTS}
    for number in range(choices.repeat):
        for name, contestant in CONTESTANTS.items():
            bench.say(f"{name}, run {number + 1} of {choices.repeat}")
            with bench.open_place() as place:
                runs[name].append(contestant(place, season, choices))
    every = [run for of_one in runs.values() for run in of_one]
    return Measured(
        rows=(
            *speed(season, runs),
            _calls(season, runs, choices.batch_size),
            *cost(season, runs),
            _alone(sandbox, runs),
        ),
        problems=tuple(f"{run.name}: {problem}" for run in every for problem in run.problems),
        runs=tuple(every),
        details={
            "least_calls": season.least_calls(choices.batch_size),
            "sandbox": asdict(sandbox),
        },
    )


def speed(season: Season, runs: Runs) -> tuple[Row, ...]:
    """Compare how fast everybody was."""
    bookings = len(season.bookings)
    limit = FULL_SECONDS * bookings / FULL_BOOKINGS
    rates = {name: bookings / _middle(of_one, lambda run: run.race.confirmed_in) for name, of_one in runs.items()}
    said = ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
    return (
        at_most(
            "season: seconds to all confirmed",
            _middle(runs["adapter"], lambda run: run.race.confirmed_in),
            limit,
            ".1f",
            f"{FULL_SECONDS:g} s for {FULL_BOOKINGS:,}; the linger counts",
        ),
        at_least(
            "season: times FastStream + httpx", rates["adapter"] / rates["faststream"], 3, ".2f", f"a second: {said}"
        ),
        at_least("season: times plain kombu + requests", rates["adapter"] / rates["plain"], 2, ".2f"),
        Row(
            "season: times Celery with threads",
            "",
            f"{rates['adapter'] / rates['celery']:.2f}",
            None,
            rates["adapter"] / rates["celery"],
        ),
    )


def _calls(season: Season, runs: Runs, batch: int) -> Row:
    calls = _middle(runs["adapter"], lambda run: run.calls)
    least = season.least_calls(batch)
    return at_most("season: calls, times the least possible", calls / least, 1.1, ".2f", f"{calls:,.0f} for {least:,}")


def cost(season: Season, runs: Runs) -> tuple[Row, ...]:
    """Compare what a booking costs the machine that the worker runs on."""
    costs = {
        name: _middle(of_one, lambda run: run.race.cpu) / len(season.bookings) * 1000 for name, of_one in runs.items()
    }
    best = min(costs[baseline.name] for baseline in BASELINES)
    said = ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items())
    peak = _middle(runs["adapter"], lambda run: run.race.peak) / 2**20
    return (
        at_most("season: worker's CPU ms per booking", costs["adapter"], 0.35, ".3f", said),
        at_most("season: CPU, times the best baseline's", costs["adapter"] / best, 0.4, ".2f"),
        at_most("season: peak memory of the worker, MB", peak, 200, ".0f"),
    )


def _alone(sandbox: Capacity, runs: Runs) -> Row:
    """Compare what the sandbox can do with what was asked of it most."""
    asked = max(run.calls / run.race.seated_in for of_one in runs.values() for run in of_one)
    return at_least(
        "sandbox alone: times the calls of the fastest",
        sandbox.calls_per_second / asked,
        2,
        ".1f",
        f"{sandbox.calls_per_second:,.0f} calls/s with one candidate, {sandbox.seats_per_second:,.0f} candidates/s",
    )


def _middle(runs: Sequence[Run], read: Callable[[Run], float]) -> float:
    return median(read(run) for run in runs)
