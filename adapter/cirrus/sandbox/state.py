"""What one tenant holds: users, groups, assessments, schedules with their seats and attempts."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal

from adapter.cirrus.sandbox.allowance import Allowance
from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.options import SandboxOptions

AttemptStatus = Literal["IN_PROGRESS", "HANDED_IN", "VOID"]
Outcome = Literal["SATISFACTORY", "NOT_SATISFACTORY", "NOT_SUBMITTED", "VOIDED"]


@dataclass(slots=True)
class User:
    """A user; `profile` holds the documented fields that are neither id nor user name (§1.1)."""

    external_id: str
    username: str
    profile: Json
    in_trash: bool = False

    @property
    def has_special_needs(self) -> bool:
        """Return whether the profile asks for extra time at all."""
        return self.profile.get("SpecialNeeds") is True

    @property
    def extra_time(self) -> int:
        """Return the extra time of the profile in percent; 0 without special needs."""
        return int(self.profile.get("ReasonableAdjustmentPercentage") or 0) if self.has_special_needs else 0


@dataclass(slots=True)
class Group:
    """A hierarchy (§2)."""

    external_id: str
    title: str
    parent: str | None = None
    allow_schedules: bool = True
    is_organization: bool = False
    is_archived: bool = False


@dataclass(slots=True)
class Assessment:
    """An assessment; `minutes` None is unlimited, `extra_minutes` is for special needs without a percentage (§4.3)."""

    external_id: str
    title: str
    code: str
    minutes: int | None
    extra_minutes: int = 0
    purpose: int = 1
    owner: str | None = None
    is_published: bool = False

    def minutes_for(self, user: User) -> int:
        """Return the extra minutes this user gets (§1.1: 20 % of 60 minutes = 12 minutes, rounded up)."""
        if not user.has_special_needs or self.minutes is None:
            return 0
        return -(-self.minutes * user.extra_time // 100) if user.extra_time else self.extra_minutes


@dataclass(frozen=True, slots=True)
class Mark:
    """What an attempt is worth: `score` in percent, `raw_score` in points; no score where nothing was submitted."""

    outcome: Outcome
    score: float | None
    raw_score: float | None
    max_raw_score: float | None
    grade: str | None


@dataclass(slots=True)
class Attempt:
    """One attempt of a candidate on a schedule, numbered from 1; marked, and published when the mark is for all."""

    number: int
    started: datetime
    ended: datetime | None = None
    status: AttemptStatus = "IN_PROGRESS"
    submitted_by: Literal["CANDIDATE", "SYSTEM"] | None = None
    mark: Mark | None = None
    published: datetime | None = None
    announced: int = 0


@dataclass(slots=True)
class Seat:
    """A candidate on a schedule; `prepared_extra_time` is the percentage frozen at preparation (§6.2)."""

    user: User
    attempt_id: str | None = None
    added_by: Literal["api", "person"] = "api"
    links: list[str] = field(default_factory=list[str])
    prepared_extra_time: int | None = None
    attempts: list[Attempt] = field(default_factory=list[Attempt])


@dataclass(slots=True)
class Schedule:
    """A sitting of one assessment; seats are keyed by the candidate's external id."""

    external_id: str
    assessment: Assessment
    title: str
    start: datetime
    end: datetime
    hierarchy: str | None = None
    group: Group | None = None
    pin: str | None = None
    extra_time: int | None = None
    owner: str | None = None
    external_attempts: bool = False
    is_activated: bool = False
    is_archived: bool = False
    seats: dict[str, Seat] = field(default_factory=dict[str, Seat])
    invigilators: dict[str, User] = field(default_factory=dict[str, User])
    shared_with: dict[str, User] = field(default_factory=dict[str, User])

    @property
    def has_attempts(self) -> bool:
        """Return whether anybody has started."""
        return any(seat.attempts for seat in self.seats.values())


@dataclass(frozen=True, slots=True)
class Paper:
    """One attempt and whose it is: what is published, and what the webhook tells of."""

    schedule: Schedule
    seat: Seat
    attempt: Attempt

    @property
    def attempt_id(self) -> str | None:
        """Return the AttemptExtId, which only the external attempts workflow has (§5.1)."""
        return self.seat.attempt_id if self.schedule.external_attempts else None

    @property
    def mark(self) -> Mark:
        """Return the mark of an attempt that is known to have one, as every published attempt has."""
        assert self.attempt.mark is not None
        return self.attempt.mark


@dataclass(slots=True)
class Tenant:
    """All data behind one token; `now` is the moment of the call being answered."""

    name: str
    options: SandboxOptions
    now: datetime
    users: dict[str, User] = field(default_factory=dict[str, User])
    usernames: dict[str, User] = field(default_factory=dict[str, User])
    groups: dict[str, Group] = field(default_factory=dict[str, Group])
    assessments: dict[str, Assessment] = field(default_factory=dict[str, Assessment])
    schedules: dict[str, Schedule] = field(default_factory=dict[str, Schedule])
    named_attempts: dict[str, tuple[Schedule, Seat]] = field(default_factory=dict[str, tuple[Schedule, Seat]])
    allowance: Allowance = field(default_factory=Allowance)
    announcements: list[Paper] = field(default_factory=list[Paper])
    moments: list[tuple[datetime, int, Schedule]] = field(default_factory=list[tuple[datetime, int, Schedule]])
    watched: int = 0
    minted: int = 0

    def mint(self) -> str:
        """Return the next 64 hexadecimal digits: unpredictable looking, the same in every run."""
        self.minted += 1
        return sha256(f"{self.options.seed}:{self.name}:{self.minted}".encode()).hexdigest()

    def take_announcements(self) -> list[Paper]:
        """Return what was published or changed since the last time, for the webhook."""
        taken, self.announcements = self.announcements, []
        return taken

    def user(self, external_id: str) -> User | None:
        """Return a user who is not in the trash can."""
        found = self.users.get(external_id)
        return None if found is None or found.in_trash else found

    def assessment(self, external_id: str) -> Assessment | None:
        """Return an assessment, made up on the spot where the options say so."""
        found = self.assessments.get(external_id)
        if found is None and self.options.auto_assessments:
            found = Assessment(
                external_id,
                title=f"Assessment {external_id}",
                code=external_id,
                minutes=self.options.assessment_minutes,
                is_published=True,
            )
            self.assessments[external_id] = found
        return found
