"""Steps: the calls a plan may ask for, in the exam office's words and by external id only.

`adapter.cirrus` performs them. Sizes and spellings of the wire are its business, not a handler's.
Sources: cirrus-api.md sections 1, 5, 6 and 9.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from adapter.domain.allowance import Need
from adapter.value import Value


class Profile(Value, frozen=True):
    """A candidate as Cirrus should know it (section 1.1). `extra_time` is in percent, None: leave as it is."""

    external_id: str
    first_name: str
    last_name: str
    mail: str
    extra_time: int | None = None
    login_disabled: bool | None = None

    def __repr__(self) -> str:
        return f"Profile({self.external_id!r}, ***)"


@dataclass(frozen=True, slots=True)
class Seat:
    """One candidate's place in a schedule; `attempt_id` only with the EXTERNAL_ATTEMPTS workflow."""

    profile: Profile
    attempt_id: str | None = None


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A group in Cirrus; its name is needed whenever it may have to be made."""

    external_id: str
    name: str


class Schedule(Value, frozen=True):
    """A sitting as Cirrus should know it (sections 5.1 and 5.2). Times are UTC."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"pin"})

    external_id: str
    assessment_id: str
    title: str
    start: datetime
    end: datetime
    hierarchy: Hierarchy
    pin: str | None = None


@dataclass(frozen=True, slots=True)
class ReadCandidate:
    """Look a candidate up (1.3)."""

    external_id: str
    reads: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class CreateCandidate:
    """Add a candidate that Cirrus does not know (1.1)."""

    profile: Profile
    hierarchies: tuple[str, ...]
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ChangeCandidate:
    """Bring the named fields of a known candidate up to date (1.2)."""

    profile: Profile
    fields: frozenset[str]
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class DeleteCandidate:
    """Move a candidate to the trash can, from which only a person can take or purge it (1.4)."""

    external_id: str
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ReadSchedule:
    """Look a schedule and its candidates up (5.6)."""

    external_id: str
    reads: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ReadAttempts:
    """Ask which candidates have started (6.1)."""

    external_id: str
    reads: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class PublishSchedule:
    """Create and publish a schedule together with its first candidates (5.1)."""

    schedule: Schedule
    seats: tuple[Seat, ...]
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class SeatCandidates:
    """Add candidates with their personal data to a schedule that exists (5.7)."""

    external_id: str
    hierarchy: Hierarchy
    seats: tuple[Seat, ...]
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class DraftSchedule:
    """Create a schedule that candidates do not see yet (5.2)."""

    schedule: Schedule
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ChangeSchedule:
    """Move or rename a schedule that is not activated (5.3)."""

    schedule: Schedule
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ListCandidates:
    """Add candidates that Cirrus already knows to a schedule (5.8)."""

    external_id: str
    candidates: tuple[str, ...]
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class UnlistCandidates:
    """Take candidates off a schedule that is not activated (5.9)."""

    external_id: str
    candidates: tuple[str, ...]
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ActivateSchedule:
    """Make a draft visible to its candidates; there is no way back by API (5.5)."""

    external_id: str
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class DeleteSchedule:
    """Remove a schedule that nobody has begun (5.13)."""

    external_id: str
    reads: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class ReadResults:
    """Fetch what is published of one candidate (9.1): by attempt where one is named, else by candidate and schedule.

    It is paid for out of the tenant's allowance, as `need` allows.
    """

    candidate_id: str | None
    schedule_id: str | None
    attempt_id: str | None
    need: Need
    reads: ClassVar[bool] = True


Step = (
    ReadCandidate
    | CreateCandidate
    | ChangeCandidate
    | DeleteCandidate
    | ReadSchedule
    | ReadAttempts
    | ReadResults
    | PublishSchedule
    | SeatCandidates
    | DraftSchedule
    | ChangeSchedule
    | ListCandidates
    | UnlistCandidates
    | ActivateSchedule
    | DeleteSchedule
)
