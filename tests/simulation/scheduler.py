"""A world in one thread: actors that take turns by chance, on a clock that nobody waits for.

Each actor is a greenlet that runs the real code. It gives up its turn where it sleeps, waits for an event, or calls
through a port; who is next is drawn from one seeded source, so the same seed always makes the same run.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from greenlet import GreenletExit, getcurrent, greenlet

NEVER = float("inf")
SHORT = 2.0
"""Seconds: who waits no longer than this for an event may be late, as on a busy machine; long waits are kept."""

MOST_LATE = 8.0
"""How many times as long as it asked for an actor may sleep."""


class Killed(GreenletExit):  # no Exception: nothing that survives errors may survive this
    """The process is gone; only `finally` still runs, and finds every port closed."""


@dataclass
class Process:
    """One operating system process: all of its actors die together."""

    name: str
    dead: bool = False
    frozen_until: float = 0.0
    sessions: list[int] = field(default_factory=list)


class Actor(greenlet):
    """One thread of one process."""

    def __init__(self, process: Process, live: Callable[[], None], parent: greenlet) -> None:
        """Begin at the first turn that is drawn."""
        super().__init__(parent=parent)
        self.process, self._live = process, live
        self.wake_at = 0.0
        self.waits_for: SimulatedEvent | None = None

    def run(self) -> None:
        """Live until the end of the work or of the process."""
        try:
            self._live()
        except Killed:
            self.process.dead = True

    @property
    def wakes(self) -> float:
        """When it goes on at the latest."""
        return max(self.wake_at, self.process.frozen_until)


@dataclass
class Scheduler:
    """The clock and the turns. Seconds count from the start of the run.

    `soonest` tells when something will happen that the actors only find by looking; until then, those who
    merely wait for an event may oversleep.
    """

    chance: Random
    soonest: Callable[[], float] = lambda: 0.0
    now: float = 0.0
    turns: int = 0
    most_turns: int = 40_000
    _main: greenlet = field(default_factory=getcurrent)
    _actors: list[Actor] = field(default_factory=list)
    _timers: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def spawn(self, process: Process, live: Callable[[], None]) -> None:
        """Start an actor; its first turn comes when it is drawn."""
        actor = Actor(process, live, self._main)
        actor.wake_at = self.now
        self._actors.append(actor)

    def at(self, moment: float, do: Callable[[], None]) -> None:
        """Have something happen at a moment, whoever is alive then."""
        heapq.heappush(self._timers, (moment, next(self._numbers), do))

    def sleep(self, seconds: float) -> None:
        """Give up the turn for so many seconds; 0 only lets others go first."""
        self._rest(self.now + seconds, None)

    def wait(self, event: "SimulatedEvent", seconds: float | None) -> bool:
        """Give up the turn until the event is set or the seconds are over, and perhaps some more."""
        if not event.is_set():
            late = self.chance.uniform(1.0, MOST_LATE) if seconds is not None and seconds <= SHORT else 1.0
            self._rest(NEVER if seconds is None else self.now + seconds * late, event)
        return event.is_set()

    def _rest(self, wake_at: float, event: "SimulatedEvent | None") -> None:
        me = cast("Actor", getcurrent())
        me.wake_at, me.waits_for = wake_at, event
        self._main.switch()

    def kill(self, process: Process) -> None:
        """End a process as the kernel does: nothing of it gets another turn."""
        process.dead = True
        mine = [actor for actor in self._actors if actor.process is process]
        self._actors = [actor for actor in self._actors if actor.process is not process]
        for actor in mine:
            if not actor.dead:
                actor.throw(Killed)

    def freeze(self, process: Process, seconds: float) -> None:
        """Give no turn to a process for so many seconds, whatever it waits for."""
        process.frozen_until = self.now + seconds

    def run(self, until: Callable[[], bool], horizon: float) -> bool:
        """Let everybody act until the condition holds between two turns; false when the time is over before."""
        while not until():
            if self.now > horizon or self.turns > self.most_turns:
                return False
            self._turn()
        return True

    def advance(self, moment: float) -> None:
        """Move the clock on without giving anybody a turn."""
        self.now = max(self.now, moment)

    def _turn(self) -> None:
        self.turns += 1
        if self._timers and self._timers[0][0] <= self.now:
            heapq.heappop(self._timers)[2]()
            return
        able = self._able()
        if not able:
            self._pass_time()
            return
        actor = self.chance.choice(able)
        actor.waits_for = None
        actor.switch()
        if actor.process.dead:
            self.kill(actor.process)
        elif actor.dead:
            self._actors.remove(actor)

    def _able(self) -> list[Actor]:
        """Return whose turn may come: their time is over, or what they wait for has come."""
        now = self.now
        return [
            actor
            for actor in self._actors
            if (actor.wake_at <= now or (actor.waits_for is not None and actor.waits_for.is_set()))
            and actor.process.frozen_until <= now
        ]

    def _pass_time(self) -> None:
        fixed = min((actor.wakes for actor in self._actors if actor.waits_for is None), default=NEVER)
        fixed = min([fixed, *(moment for moment, _, _ in self._timers[:1])])
        waking = min((actor.wakes for actor in self._actors if actor.waits_for is not None), default=NEVER)
        if waking < fixed:
            overslept = min(fixed, max(waking, self.soonest()))
            waking = waking if overslept == NEVER else overslept
        moment = min(waking, fixed)
        assert moment < NEVER, "everybody waits for ever"
        self.now = max(self.now, moment)


class SimulatedEvent(threading.Event):
    """An event on which actors wait in the time of the simulation."""

    def __init__(self, scheduler: Scheduler) -> None:
        """Begin unset."""
        super().__init__()
        self._scheduler = scheduler

    def wait(self, timeout: float | None = None) -> bool:
        """Give up the turn."""
        return self._scheduler.wait(self, timeout)


class SimulatedPlaces(threading.Semaphore):
    """A semaphore for which actors wait in the time of the simulation."""

    def __init__(self, scheduler: Scheduler, value: int) -> None:
        """Begin with so many free places."""
        super().__init__(value)
        self._scheduler = scheduler
        self._released = SimulatedEvent(scheduler)

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a place, or wait for one."""
        if super().acquire(blocking=False):
            return True
        if not blocking:
            return False
        self._released.clear()
        self._scheduler.wait(self._released, timeout)
        return super().acquire(blocking=False)

    def release(self, n: int = 1) -> None:
        """Give places back."""
        super().release(n)
        self._released.set()


class SimulatedPool(Executor):
    """A pool in which every task is an actor of its own."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        """Begin empty."""
        self._scheduler = scheduler
        self._process = process

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a task; nobody looks at what it returns."""
        self._scheduler.spawn(self._process, lambda: fn(*args, **kwargs))
        return Future()
