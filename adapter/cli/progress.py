"""How far long work has come: a bar with rate and time left on a terminal, a line each ten seconds elsewhere."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapter.cli.console import note, notes

EVERY = 10.0
"""Seconds between two lines."""


@contextmanager
def counted(what: str, total: int) -> Generator[Callable[[], None]]:
    """Lend a function that is called once for each of `total` things."""
    if not notes().is_terminal:
        yield _Lines(what, total).one_more
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes(), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


class _Lines:
    """Tells of progress in lines."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._done = 0
        self._begun = self._told = time.monotonic()

    def one_more(self) -> None:
        """Count one, and say so when it is time."""
        self._done += 1
        now = time.monotonic()
        if now - self._told < EVERY:
            return
        self._told = now
        rate = self._done / (now - self._begun)
        left = max(0, self._total - self._done) / rate
        note(f"{self._what}: {self._done} of {self._total}, {rate:.1f} a second, about {left:.0f} s left")
