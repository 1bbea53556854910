"""The allowance: how many calls a day Cirrus grants for results, and who may still spend one.

3,000 calls to GET /results a day, counted anew at 13:30 UTC (cirrus-api.md 9.1); both are settings. One count in
the ledger is shared by all workers. A call is counted before it is sent, so the allowance is never exceeded.
"""

import enum
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

DAY = timedelta(days=1)

RESULTS_PER_DAY = "results_per_day"
"""Name of the allowance, as on the gauge."""

HEAD_START = 20
"""Calls that a sweep may make at once, before the day has gone on."""

REFUSED_FOR = timedelta(hours=1)
"""How long no call is made after Cirrus itself has said that there are no more, where it names no time: its count and
ours may differ."""


class Need(enum.IntEnum):
    """Why a result is read; the lower, the more needed."""

    CORRECTION = 0
    """It was told before and is said to have changed: somebody may act on what is wrong."""
    FIRST = 1
    """It is said to be there and nobody has it."""
    SWEEP = 2
    """Nobody has said anything: the notice may have been lost."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What has been spent since `since`; `swept` is the part of `spent` that went to sweeps."""

    since: datetime
    spent: int = 0
    swept: int = 0
    refused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is spent from now on, and when to ask again; None when the call is granted."""

    spending: Spending
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many `calls` a day from `reset` (UTC) on; `reserve` of them are kept for corrections.

    Sweeps get `sweeps` of them, handed out evenly over the day.
    """

    calls: int = 3000
    reset: time = time(13, 30)
    reserve: int = 300
    sweeps: int = 1000

    def begins(self, now: datetime) -> datetime:
        """Return when the present day of counting began."""
        today = datetime.combine(now.astimezone(UTC).date(), self.reset, UTC)
        return today if today <= now else today - DAY

    def ends(self, now: datetime) -> datetime:
        """Return when the count begins anew."""
        return self.begins(now) + DAY

    def current(self, spending: Spending | None, now: datetime) -> Spending:
        """Return what has been spent in the present day."""
        begun = self.begins(now)
        return spending if spending is not None and spending.since >= begun else Spending(begun)

    def left(self, spending: Spending | None, now: datetime) -> int:
        """Return how many calls are left for the most needed."""
        return max(0, self.calls - self.current(spending, now).spent)

    def decide(self, spending: Spending | None, need: Need, now: datetime) -> Decision:
        """Grant one call and count it, or say when to ask again."""
        held = self.current(spending, now)
        if (again_at := self._refusal(held, need, now)) is not None:
            return Decision(held, again_at)
        return Decision(replace(held, spent=held.spent + 1, swept=held.swept + (need is Need.SWEEP)))

    def _refusal(self, held: Spending, need: Need, now: datetime) -> datetime | None:
        if held.refused_until is not None and now < held.refused_until:
            return held.refused_until
        ends = held.since + DAY
        if held.spent >= (self.calls if need is Need.CORRECTION else self.calls - self.reserve):
            return ends
        if need is Need.SWEEP:
            if held.swept >= self.sweeps:
                return ends
            if held.swept >= HEAD_START + self.sweeps * ((now - held.since) / DAY):
                return min(ends, held.since + DAY * ((held.swept - HEAD_START + 1) / self.sweeps))
        return None

    def refused(self, spending: Spending | None, now: datetime, after: float | None) -> Spending:
        """Return what holds after Cirrus said that there are no more calls, for `after` seconds if it named a time."""
        held = self.current(spending, now)
        pause = REFUSED_FOR if after is None else timedelta(seconds=after)
        return replace(held, refused_until=min(held.since + DAY, now + pause))
