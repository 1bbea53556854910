"""The pace: how fast one tenant's Cirrus may be called by all workers together, and who is next.

A call starts at a moment that was given out for it. The moments of ordinary calls are evenly spaced, and so are
those of urgent ones; an urgent call takes the next moment of its own kind and moves the ordinary ones back, so it
never queues behind them and costs no more in the end. Trouble lowers the pace to a part of it at once, and calm
raises it little by little (additive increase, multiplicative decrease), to the same value for whoever asks.
"""

import enum
from dataclasses import dataclass, replace
from datetime import datetime, timedelta


class Trouble(enum.StrEnum):
    """How Cirrus shows that it has too much to do."""

    THROTTLED = "throttled"
    """It says so."""
    SLOW = "slow"
    """It takes much longer than usual."""


KEPT = {Trouble.THROTTLED: 0.5, Trouble.SLOW: 0.75}
"""Part of the pace that is left after trouble."""

LEAST = 1 / 16
"""Part of the pace that is left in any case: without calls nobody learns that Cirrus is well again."""

RECOVERY = 0.01
"""Part of the pace that comes back with each calm second."""

SETTLING = timedelta(seconds=5)
"""Trouble that comes so soon after other trouble is the same one: those calls were under way."""

AHEAD = timedelta(seconds=5)
"""How far ahead moments are given out, at most; what is given out is not taken back when the pace falls."""

MOST_AT_ONCE = 256
"""Calls that are given moments ahead of time, at most; what is farther ahead is of a clock set back since."""

LONGEST_PAUSE = timedelta(days=1)
"""A pause that ends later is none that Cirrus has asked for: the clock was set back since."""

FEWEST = 1.0
"""Calls a second that the pace of a tenant without a limit is lowered from, at least."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What holds for all workers of one tenant.

    `next_at` and `urgent_at` are the first moments not given out yet. At `lowered_at` the pace was lowered to `factor`
    times the limit, or times `usual` calls a second where there is none. No call starts before `paused_until`.
    """

    next_at: datetime
    urgent_at: datetime
    usual: float = 0.0
    factor: float = 1.0
    lowered_at: datetime | None = None
    lowered_by: Trouble | None = None
    paused_until: datetime | None = None

    @classmethod
    def begun(cls, now: datetime) -> "Pace":
        """Return the pace of a tenant that was never called."""
        return cls(now, now)

    def starts(self, now: datetime) -> datetime:
        """Return when any call may start: now, or after the pause."""
        until = self.paused_until
        return until if until is not None and now < until <= now + LONGEST_PAUSE else now

    def part(self, now: datetime) -> float:
        """Return which part of the usual pace is in force: 1 unless it was lowered and has not come back."""
        if self.lowered_at is None:
            return 1.0
        calm = now - max(self.lowered_at, self.paused_until or self.lowered_at)
        return min(1.0, self.factor + RECOVERY * max(0.0, calm.total_seconds()))

    def recovers_in(self, now: datetime) -> float:
        """Return the seconds until the usual pace is back, if all stays calm; 0 for now."""
        return (1.0 - self.part(now)) / RECOVERY + (self.starts(now) - now).total_seconds()


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of trouble, the `pause` in seconds that Cirrus asks for, and the calls a second of who has seen it."""

    trouble: Trouble
    pause: float = 0.0
    rate: float = 0.0

    def joined(self, other: "Sign | None") -> "Sign":
        """Return two signs that nobody has been told of as one."""
        if other is None:
            return self
        worse = min(self, other, key=lambda sign: KEPT[sign.trouble])
        return replace(worse, pause=max(self.pause, other.pause))


@dataclass(frozen=True, slots=True)
class Slots:
    """So many moments, the first after `after` seconds, the others `interval` seconds apart.

    With a `count` of 0 too many are given out already: ask again `after` so many seconds.
    """

    after: float
    interval: float
    count: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What is given out, and the pace from then on."""

    slots: Slots
    pace: Pace


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tenant's Cirrus may be asked by all workers together; 0 is without a limit."""

    calls_per_second: float = 0.0
    calls_at_once: int = 0

    def in_force(self, pace: Pace, now: datetime) -> float:
        """Return the calls a second that may start now, 0 for no limit."""
        part = pace.part(now)
        return (self.calls_per_second or pace.usual) * part if part < 1.0 else self.calls_per_second

    def grant(self, pace: Pace, now: datetime, wanted: int, *, urgent: bool) -> Grant:
        """Give out up to `wanted` moments; an urgent call gets one, whatever the ordinary ones hold."""
        rate = self.in_force(pace, now)
        starts = pace.starts(now)
        if not rate:
            return Grant(Slots((starts - now).total_seconds(), 0.0, 1), pace)
        interval = timedelta(seconds=1.0 / rate)
        next_at, urgent_at = _known(pace.next_at, starts, interval), _known(pace.urgent_at, starts, interval)
        first = urgent_at if urgent else next_at
        if first > starts + AHEAD:
            return Grant(Slots((first - AHEAD - now).total_seconds(), interval.total_seconds(), 0), pace)
        if urgent:
            count, after = 1, replace(pace, next_at=next_at + interval, urgent_at=urgent_at + interval)
        else:
            count, after = wanted, replace(pace, next_at=next_at + wanted * interval)
        return Grant(Slots((first - now).total_seconds(), interval.total_seconds(), count), after)

    def after(self, sign: Sign, pace: Pace, now: datetime) -> Pace:
        """Return the pace after a sign of trouble, whose `rate` is that of all workers together."""
        if sign.pause:
            until = max(pace.starts(now), now + timedelta(seconds=sign.pause))
            pace = replace(pace, paused_until=until)
        if pace.lowered_at is not None and timedelta() <= now - pace.lowered_at < SETTLING:
            return pace
        part = pace.part(now)
        return replace(
            pace,
            usual=pace.usual if part < 1.0 else max(FEWEST, sign.rate),
            factor=max(LEAST, part * KEPT[sign.trouble]),
            lowered_at=now,
            lowered_by=sign.trouble,
        )


def _known(moment: datetime, starts: datetime, interval: timedelta) -> datetime:
    """Return a moment not given out yet as it holds now: not past, and not so far ahead that no clock says so."""
    return moment if starts < moment <= starts + AHEAD + MOST_AT_ONCE * interval else starts
