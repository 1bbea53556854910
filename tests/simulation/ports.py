"""Ports with numbers: every call from the loops to the world outside is two points at which a process can stop dead.

Nobody lists the calls: whatever method the loops call on a port is counted, so new code is covered as it is written.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.scheduler import Killed, Process, Scheduler


@dataclass
class Points:
    """The numbered points of one process; at `fatal` it stops dead.

    `pause` says how long others may act before and after a call.
    """

    process: Process
    scheduler: Scheduler
    pause: Callable[[], float] = lambda: 0.0
    fatal: int = 0
    reached: int = 0
    last: str = ""
    seen: Counter[str] = field(default_factory=Counter)

    def pass_by(self, label: str) -> None:
        """Count a point, and stop dead if it is the fatal one; a process that is dead goes no further."""
        if self.process.dead:
            raise Killed
        self.reached += 1
        self.seen[label] += 1
        if self.reached == self.fatal:
            self.last = label
            self.process.dead = True
            raise Killed

    def stand_still(self) -> None:
        """Let others act."""
        self.scheduler.sleep(self.pause())
        if self.process.dead:
            raise Killed


class Port:
    """Anything that the loops call, with a point before and after each call of each method.

    `quick` calls are made where the program holds a lock: nobody else gets a turn.
    """

    def __init__(self, name: str, inner: Any, points: Points, *, quick: bool = False) -> None:
        """Stand before `inner`."""
        self._name, self._inner, self._points, self._quick = name, inner, points, quick

    def __getattr__(self, method: str) -> Any:
        """Return the method of the thing behind, with its two points."""
        behind = getattr(self._inner, method)
        if not callable(behind):
            return behind
        label = f"{self._name}.{method}"

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._call(label, behind, args, kwargs)

        self.__dict__[method] = call
        return call

    def __call__(self, *args: Any) -> Any:
        """Call the thing behind, where it is a function."""
        return self._call(self._name, self._inner, args, {})

    def _call(self, label: str, behind: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        points = self._points
        points.pass_by(f"before {label}")
        if not self._quick:
            points.stand_still()
        try:
            return behind(*args, **kwargs)
        finally:
            points.pass_by(f"after {label}")
            if not self._quick:
                points.stand_still()
