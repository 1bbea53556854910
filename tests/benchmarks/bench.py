"""What every part of the benchmark is lent, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.benchmarks.choices import Choices
from tests.benchmarks.row import Measured
from tests.benchmarks.season import Season, make_season
from tests.benchmarks.stage import OpenPlace


@dataclass(frozen=True, slots=True)
class Bench:
    """Empty places to run in, the sizes, a clock, and somebody to tell what is going on."""

    open_place: OpenPlace
    choices: Choices
    clock: Callable[[], datetime]
    say: Callable[[str], None]

    def season(self, bookings: int, sittings: int) -> Season:
        """Return a season of this size; the same for the same seed and day."""
        return make_season(bookings, sittings, seed=self.choices.seed, now=self.clock())


Part = Callable[[Bench], Measured]
"""Measures the rows of one kind."""
