"""One seed is one whole story, and what it leaves behind is held against the checks; many run on all processors."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tests.simulation.checks import violations
from tests.simulation.choices import Choices, draw
from tests.simulation.later import whole_story
from tests.simulation.world import world_of

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    broken: tuple[str, ...]
    faults: Counter[str]
    calls: int


def run_seed(seed: int) -> Outcome:
    """Let the story of one seed happen."""
    return run(draw(seed))


def run(choices: Choices) -> Outcome:
    """Let the story happen that these choices make."""
    with world_of(choices) as world:
        try:
            broken = violations(world) if whole_story(world) else ["it never comes to rest"]
        except AssertionError as error:
            broken = [f"stopped: {error}"]
        return Outcome(choices.seed, tuple(broken), world.faults, len(world.cirrus.calls))


def on_all_processors(function: Callable[[Item], Result], items: Iterable[Item], processes: int) -> Iterator[Result]:
    """Apply a function to many items, in any order."""
    if processes == 1:
        yield from map(function, items)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(function, items, chunksize=10)
