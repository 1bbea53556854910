"""One benchmark from end to end: the sandbox alone, each contestant in turn, as often as asked, then the receiver."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from tests.benchmarks.capacity import measure_sandbox
from tests.benchmarks.contestants import Choices, Run, run_adapter, run_plain
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.notices import measure_notices
from tests.benchmarks.report import Report
from tests.benchmarks.season import make_season
from tests.benchmarks.stage import Place

OpenPlace = Callable[[], AbstractContextManager[Place]]
"""Lends an empty place for one run."""


def run_benchmark(
    open_place: OpenPlace,
    choices: Choices,
    *,
    bookings: int,
    sittings: int,
    seed: int,
    repeat: int,
    notices: int,
    now: datetime,
    say: Callable[[str], None],
) -> Report:
    """Run everything and return the report; the contestants take turns, so that noise meets both."""
    season = make_season(bookings, sittings, seed=seed, now=now)
    with open_place() as place:
        say("looking at the machine, and at the sandbox alone")
        machine = describe_machine(place)
        sandbox = measure_sandbox(place, choices.batch_size)
    runs: dict[str, list[Run]] = {"adapter": [], "plain": []}
    for number in range(repeat):
        for name, contestant in (("adapter", run_adapter), ("plain", run_plain)):
            say(f"{name}, run {number + 1} of {repeat}")
            with open_place() as place:
                runs[name].append(contestant(place, season, choices))
    with open_place() as place:
        say("the webhook's receiver")
        rates = measure_notices(place, notices)
    return Report(machine, season, choices, seed, sandbox, tuple(runs["adapter"]), tuple(runs["plain"]), rates)
