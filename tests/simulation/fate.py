"""Fate: whether a fault strikes now, drawn from one seeded source, and how often each has struck."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

Spans = tuple[tuple[float, float], ...]
"""Times from one second to another, counted from the start of the run."""


@dataclass
class Fate:
    """Draws faults; all that are counted together share `struck`."""

    chance: Random
    struck: Counter[str] = field(default_factory=Counter)

    def strikes(self, name: str, probability: float) -> bool:
        """Draw whether a fault strikes, and count it."""
        if probability <= 0.0 or self.chance.random() >= probability:
            return False
        self.struck[name] += 1
        return True


def within(now: float, spans: Iterable[tuple[float, float]]) -> bool:
    """Tell whether a moment lies in one of the spans."""
    return any(start <= now < end for start, end in spans)
