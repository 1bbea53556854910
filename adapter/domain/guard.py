"""The mass-change guard: what takes away is kept back for a moment, and held when it is too much of it at once (S22).

A removal is a statement that takes away what stands: a booking that is cancelled, an exam that is called off, an
enrolment that ends. It is kept beside the record, which goes on as if nothing had been said, so nobody has to know
of the guard but intake. What the SIS says later wins over what is kept, by the same version guard as always.

Not guarded, since each can be put right by saying the opposite: what adds (a season opens with 120,000 bookings), and
moves to another exam (a new seat is given before the old one is taken).
"""

import enum
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from adapter.domain.outcomes import Outcome
from adapter.domain.policy import GuardPolicy
from adapter.domain.records import SITTING, Change, Record
from adapter.domain.version import Merge, Rank, Statement, merge
from adapter.value import Value

WINDOW = timedelta(hours=1)
"""Within which removals are counted together."""

CHANGE_HELD = "cirrus.change.held.v1"
CHANGE_DISCARDED = "cirrus.change.discarded.v1"


class Keeping(enum.StrEnum):
    """What becomes of a removal: it waits its turn, or for a decision, or was decided, or was carried out."""

    PENDING = "pending"
    HELD = "held"
    APPROVED = "approved"
    DISCARDED = "discarded"
    RELEASED = "released"


class Kept(Value, frozen=True):
    """A removal that is kept back.

    `takes` names the sitting of every booking that it would end, once for each. `hold` is the question that it is
    part of, or was.
    """

    change: Change
    event_type: str
    takes: tuple[str, ...]
    said_at: datetime
    release_at: datetime
    state: Keeping = Keeping.PENDING
    hold: str | None = None

    @property
    def statement(self) -> Statement:
        """What was said, as the record will have it."""
        return self.change.said

    @property
    def standing(self) -> bool:
        """Whether it is still to be carried out, or was refused: whatever is said next is compared with it."""
        return self.state is not Keeping.RELEASED

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is to be carried out by now."""
        return self.state is Keeping.APPROVED or (self.state is Keeping.PENDING and self.release_at <= now)


class Course(enum.Enum):
    """What is to be done with something that was said."""

    APPLY = "apply"
    KEEP = "keep"
    REPEATED = "unchanged"
    OUTDATED = "superseded"


def takes_away(record: Record | None, change: Change) -> bool:
    """Tell whether a change ends something that stands."""
    before = record.facets.get(change.facet) if record is not None else None
    if before is None or before.version.rank is Rank.CANCEL or change.statement.version.rank is not Rank.CANCEL:
        return False
    return merge(before, change.said).merge is Merge.APPLIED


def course(record: Record | None, kept: Kept | None, change: Change) -> Course:
    """Decide what is to be done with a change; where something newer is to be applied, `kept` is over.

    What is older than the removal that is kept is applied all the same, so that any order of arrival ends alike.
    """
    if kept is None or not kept.standing:
        return Course.KEEP if takes_away(record, change) else Course.APPLY
    match merge(kept.statement, change.said).merge:
        case Merge.UNCHANGED:
            return Course.REPEATED
        case Merge.SUPERSEDED:
            return Course.OUTDATED if change.statement.version.rank is Rank.CANCEL else Course.APPLY
        case Merge.APPLIED:
            return Course.KEEP if takes_away(record, change) else Course.APPLY


def outlives(kept: Kept, change: Change) -> bool:
    """Tell whether what is kept is newer than a change, and so still to be carried out after it."""
    return merge(kept.statement, change.said).merge is Merge.SUPERSEDED


def learnt(kept: Kept, change: Change) -> Kept:
    """Return what is kept after the same was said once more, or something older: what was discarded stays so."""
    return replace(kept, change=replace(kept.change, statement=merge(kept.statement, change.said).statement))


def kept_anew(kept: Kept | None, new: Kept) -> Kept:
    """Return the newer removal in the place of the one that is kept: in the same question, at the same time."""
    if kept is None or kept.state not in (Keeping.PENDING, Keeping.HELD):
        return new
    return replace(new, state=kept.state, hold=kept.hold, release_at=kept.release_at, said_at=kept.said_at)


@dataclass(frozen=True, slots=True)
class Taken:
    """How much was or would be taken away within the window: of each sitting by single removals, and in all.

    An exam that is called off is one decision about that exam, so it counts in all, and not as a share of itself.
    """

    of_sittings: Mapping[str, int]
    in_all: int

    @classmethod
    def by(cls, removals: Sequence[Kept]) -> "Taken":
        """Count."""
        single = Counter(key for kept in removals if kept.change.ref.kind != SITTING for key in kept.takes)
        return cls(single, sum(len(kept.takes) for kept in removals))


@dataclass(frozen=True, slots=True)
class Question:
    """Whether removals were meant: of one sitting, or of the whole tenant where `sitting` is None."""

    sitting: str | None
    text: str


def whole(taken: Taken, policy: GuardPolicy) -> Question | None:
    """Ask about everything where more is taken away within an hour than may be."""
    if taken.in_all <= policy.per_hour:
        return None
    text = f"{taken.in_all} bookings would end within an hour, more than {policy.per_hour} need an approval"
    return Question(None, text)


def suspects(taken: Taken, policy: GuardPolicy) -> list[str]:
    """Return the sittings that lose enough for their share to matter."""
    return sorted(key for key, number in taken.of_sittings.items() if number >= policy.least)


def part(taken: Taken, sitting: str, booked: int, policy: GuardPolicy) -> Question | None:
    """Ask about a sitting that loses too large a share of those who were `booked` when the hour began."""
    number = taken.of_sittings[sitting]
    if number * 100 <= policy.share * booked:
        return None
    text = f"{number} of {booked} bookings of exam {sitting} would end within an hour, more than {policy.share} %"
    return Question(sitting, text)


def told_held(kept: Kept, hold: str, text: str) -> Outcome:
    """Tell that a removal is not carried out before somebody has decided."""
    return _told(CHANGE_HELD, kept, hold, text)


def told_discarded(kept: Kept, hold: str, why: str) -> Outcome:
    """Tell that a removal is never carried out: from now on Cirrus differs from the SIS."""
    return _told(CHANGE_DISCARDED, kept, hold, why)


def _told(kind: str, kept: Kept, hold: str, reason: str) -> Outcome:
    event_id = kept.change.statement.version.event_id
    ref = kept.change.ref
    return Outcome(
        type=kind,
        subject=ref.key,
        answers=f"{kept.change.facet}/{kept.statement.label}/{hold}",
        data={
            "about": {"kind": ref.kind, "id": ref.key},
            "eventId": event_id,
            "eventType": kept.event_type,
            "holdId": hold,
            "reason": reason,
        },
        cause=event_id,
    )
