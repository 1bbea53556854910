"""A row of the benchmark's table: a figure beside what it has to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from tests.benchmarks.contestants import Run


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure: `target` and `measured` for people, `value` for programs; `met` is None without a target."""

    name: str
    target: str
    measured: str
    met: bool | None
    value: float
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one part of the benchmark has found: its rows, what is wrong with a result, and all else for the JSON."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


def at_most(name: str, value: float, limit: float, form: str, notes: str = "") -> Row:
    """Return the row of a figure that must not be larger than `limit`."""
    return Row(name, f"at most {limit:{form}}", f"{value:{form}}", value <= limit, value, notes)


def at_least(name: str, value: float, limit: float, form: str, notes: str = "") -> Row:
    """Return the row of a figure that must not be smaller than `limit`."""
    return Row(name, f"at least {limit:{form}}", f"{value:{form}}", value >= limit, value, notes)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many of a hundred do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]
