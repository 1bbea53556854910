"""Policy: what an institution decides about how its exams are brought into Cirrus."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Literal

from adapter.domain.allowance import Allowance
from adapter.domain.pace import Limits

Mode = Literal["at_once", "before_start"]
Relink = Literal["never", "add_candidates"]
Drift = Literal["report", "restore"]
Erasing = Literal["delete", "task"]

NEARNESS = 10
"""A removal waits for one part in so many of the time that is left until the exam, at most."""


@dataclass(frozen=True, slots=True)
class ResultPolicy:
    """The rules for results; every field is explained in config/adapter.example.toml.

    `looks` are counted from the exam's end, `deleted_after` too; None: Cirrus deletes nothing by itself.
    """

    allowance: Allowance = field(default_factory=Allowance)
    quiet: timedelta = timedelta(seconds=60)
    quiet_longest: timedelta = timedelta(minutes=10)
    attendance_after: timedelta = timedelta(minutes=15)
    missing_after: timedelta = timedelta(hours=6)
    looks: tuple[timedelta, ...] = tuple(timedelta(days=days) for days in (3, 7, 14, 21, 28, 42, 56, 84))
    expected_after: timedelta = timedelta(days=21)
    deleted_after: timedelta | None = None
    withdrawn_after: timedelta = timedelta(hours=1)
    keep_raw: bool = True

    @property
    def given_up_after(self) -> timedelta:
        """How long after an exam a missing result is waited for: the last look, until it is late, or deleted."""
        return max((*self.looks, self.expected_after, self.deleted_after or self.expected_after)) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """How much may be taken away at once; every field is explained in config/adapter.example.toml."""

    share: int = 25
    least: int = 10
    per_hour: int = 500
    delay: timedelta = timedelta(seconds=30)

    def release_at(self, now: datetime, start: datetime | None) -> datetime:
        """Return when a removal said now is carried out unless it is held; `start` is that of the soonest exam."""
        if start is None:
            return now + self.delay
        return now + min(self.delay, max(start - now, timedelta()) / NEARNESS)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one tenant; every field is explained in config/adapter.example.toml."""

    mode: Mode = "at_once"
    modes: Mapping[str, Mode] = field(default_factory=dict[str, Mode])
    batch_size: int = 100
    linger: timedelta = timedelta(seconds=2)
    burst_longest: float = 120.0
    urgent_within: timedelta = timedelta(hours=1)
    activate_before: timedelta = timedelta(hours=24)
    preparation: timedelta = timedelta(minutes=20)
    pending_after: timedelta = timedelta(minutes=15)
    pending_near: timedelta = timedelta(hours=24)
    recheck: timedelta = timedelta(minutes=15)
    drift: Drift = "report"
    drift_check_before: timedelta = timedelta(hours=20)
    create_empty: bool = False
    launch_links: bool = True
    relink: Relink = "never"
    withdrawal_cancels: bool = True
    withdrawal_disables_login: bool = False
    external_attempts: bool = False
    erase_in_cirrus: Erasing = "delete"
    erase_overwrites: bool = True
    retry_first: float = 1.0
    retry_longest: float = 300.0
    retry_share: float = 0.2
    retries_per_second: float = 1.0
    halt_probe: float = 30.0
    halt_longest: float = 120.0
    results: ResultPolicy = field(default_factory=ResultPolicy)
    limits: Limits = field(default_factory=Limits)
    guard: GuardPolicy | None = field(default_factory=GuardPolicy)
    """None: nothing is kept back, for a look at what an event would lead to."""

    def mode_of(self, assessment_id: str) -> Mode:
        """Return how sittings of this assessment are provisioned: the first pattern that fits, else the default."""
        for pattern, mode in self.modes.items():
            if fnmatchcase(assessment_id, pattern):
                return mode
        return self.mode

    def pause(self, attempt: int) -> float:
        """Return the seconds before try `attempt` + 1: doubling, and never longer than `retry_longest`."""
        return min(self.retry_longest, self.retry_first * 2.0 ** min(attempt, 20))

    def due_at(self, now: datetime, deadline: datetime | None) -> datetime:
        """Return when new work is due: urgent work at once, the rest after a moment in which more may arrive."""
        return now if deadline is not None and self.is_urgent(deadline, now) else now + self.linger

    def is_urgent(self, deadline: datetime, now: datetime) -> bool:
        """Tell whether what is needed by then goes before all that can wait."""
        return deadline - now <= self.urgent_within
