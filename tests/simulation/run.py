"""Many seeds on all processors: each is one whole story, and what it leaves behind is held against the checks."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.checks import violations
from tests.simulation.choices import draw
from tests.simulation.later import whole_story
from tests.simulation.world import world_of


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    broken: tuple[str, ...]
    faults: Counter[str]
    calls: int


def run_seed(seed: int) -> Outcome:
    """Let the story of one seed happen."""
    with world_of(draw(seed)) as world:
        try:
            broken = violations(world) if whole_story(world) else ["it never comes to rest"]
        except AssertionError as error:
            broken = [f"stopped: {error}"]
        faults = world.faults + world.cirrus.faults + Counter(world.broker.faults)
        return Outcome(seed, tuple(broken), faults, len(world.cirrus.calls))


def run_seeds(seeds: range, processes: int) -> Iterator[Outcome]:
    """Let the stories of many seeds happen, in any order."""
    if processes == 1:
        yield from map(run_seed, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(run_seed, seeds, chunksize=10)
