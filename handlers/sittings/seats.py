"""Where each booking of a sitting stands: seated, to be seated, to be taken off, waiting, or refused.

A seat in Cirrus is a candidate on a schedule; a booking is an association of the SIS. Several bookings
may want one seat, and a seat stays while any live booking wants it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from adapter.domain.applying import successor
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record, Ref, Status
from adapter.domain.steps import Profile, Seat
from adapter.domain.verdict import Reason
from adapter.domain.version import Statement
from adapter.value import Value
from handlers.extra_time import booked_percentage
from handlers.people import (
    in_cirrus,
    is_later,
    left_before,
    obstacle,
    person_of,
    profile,
    profile_extra,
    profile_extra_at,
    withdrawal,
)
from handlers.sittings.translate import SEAT
from handlers.sittings.view import (
    REMOVED,
    SittingView,
    booking_is_live,
    holds_seat,
    is_canceled,
    is_removed,
    statement_of,
)

EXAM_REJECTED = "exam-rejected"
"""Reason code of bookings that are refused because their exam is."""

SEAT_FACTS = ("seat", "by", "link")
"""What a booking has confirmed that is true of the seat, whichever booking holds it."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """What a booking has lapsed with: the record, the version of its end, and the reason in words.

    `cause` is the event that came last: the end, or the booking of what had ended before.
    """

    of: Ref
    label: str
    reason: str
    cause: str


class Booked(Value, frozen=True):
    """One booking or departure, with the candidate it is about.

    `extra` is the percentage it is granted, `in_force` the one that Cirrus will honour in this sitting.
    `ahead` is the booking that has moved on from this seat and waits for its new one.
    """

    record: Record
    candidate: Record | None
    live: bool
    extra: int = 0
    in_force: int = 0
    ahead: Ref | None = None

    @property
    def candidate_id(self) -> str | None:
        """CandidateExtId, None while nobody has told it."""
        return self.candidate.external_id if self.candidate is not None else None

    @property
    def seated(self) -> bool:
        """Whether Cirrus is known to hold this seat."""
        return holds_seat(self.record)

    @property
    def rejected(self) -> bool:
        """Whether this booking was refused and nothing newer has been said of it."""
        return self.record.status is Status.REJECTED

    @property
    def stands_again(self) -> bool:
        """Whether the booking is live although it was given up: with its exam, or with its student."""
        status, reason = self.record.status, self.record.reason
        return status is Status.SETTLED or (self.rejected and reason is not None and reason.code == EXAM_REJECTED)

    @property
    def extended(self) -> bool:
        """Whether the candidate will have all the time that was granted."""
        return self.in_force >= self.extra

    def lapse(self, life: Statement | None) -> Lapse | None:
        """Return why there is no seat although the SIS has not cancelled the booking; `life` is the exam's."""
        if not booking_is_live(self.record):
            return None
        if life is not None and is_canceled(life):
            of, end, reason = self.record.home, life, life.data.get("reason") or "the exam was cancelled"
        elif self.candidate is not None and (left := withdrawal(self.candidate)) is not None:
            of, end, reason = self.candidate.ref, left, "the student has left the programme"
        else:
            return None
        last = max(statement_of(self.record).since, end.since, key=lambda since: since.time)
        return Lapse(of, end.label, reason, last.event_id)

    @property
    def link_lost(self) -> bool:
        """Whether the launch link went down with an answer and cannot be asked for again."""
        return self.record.confirmed.get("link") == "lost"


@dataclass(slots=True)
class Seats:
    """The bookings of one sitting, sorted by what has to happen with them; filled by `sort_seats`.

    `extra` is the largest extra time over those that are live, as `largest_extra` has it.
    """

    extra: int = 0
    ready: list[Booked] = field(default_factory=list[Booked])
    relinked: list[Booked] = field(default_factory=list[Booked])
    surplus: list[Booked] = field(default_factory=list[Booked])
    gone: list[Booked] = field(default_factory=list[Booked])
    seated: list[Booked] = field(default_factory=list[Booked])
    removed: list[Booked] = field(default_factory=list[Booked])
    staying: list[tuple[Booked, Ref]] = field(default_factory=list[tuple[Booked, Ref]])
    refused: list[tuple[Booked, Reason]] = field(default_factory=list[tuple[Booked, Reason]])
    without_person: list[Booked] = field(default_factory=list[Booked])
    without_candidate: list[Booked] = field(default_factory=list[Booked])


def sort_seats(aggregate: Aggregate, sitting: SittingView, now: datetime, policy: Policy) -> Seats:
    """Sort the members of the sitting by what has to happen with them, each group by id."""
    members = [_booked(member, aggregate, sitting, policy) for member in sorted(aggregate.members, key=lambda m: m.ref)]
    seats = Seats(_largest(members, sitting))
    wanted_by = _by_candidate(member for member in members if member.live and not member.rejected)
    held_by = _by_candidate(member for member in members if member.seated)
    for member in members:
        _sort_one(member, seats, wanted_by, held_by, sitting, now, policy)
    return seats


def stands(record: Record, candidate: Record | None, sitting: SittingView, policy: Policy) -> bool:
    """Tell whether a booking counts: the SIS wants it, its exam takes place, and its student has not left."""
    return booking_is_live(record) and not sitting.canceled and not _left(candidate, sitting, policy)


def _booked(record: Record, aggregate: Aggregate, sitting: SittingView, policy: Policy) -> Booked:
    candidate = aggregate.related.get(record.about) if record.about is not None else None
    live = stands(record, candidate, sitting, policy)
    if not live:
        return Booked(record, candidate, live=False, ahead=_not_there_yet(record, aggregate, sitting, policy))
    extra = booked_percentage(record.facets[SEAT], candidate, sitting.start.date(), sitting.minutes)
    return Booked(record, candidate, live=True, extra=extra, in_force=in_force(candidate, sitting, policy))


def _left(candidate: Record | None, sitting: SittingView, policy: Policy) -> bool:
    if candidate is None or not policy.withdrawal_cancels:
        return False
    left = withdrawal(candidate)
    return left is not None and left_before(left, sitting.start.date())


def in_force(candidate: Record | None, sitting: SittingView, policy: Policy) -> int:
    """Return the extra time that Cirrus will honour: what was on the profile before it prepared the exam."""
    if candidate is None:
        return 0
    return profile_extra_at(candidate, sitting.start - policy.preparation)


def _by_candidate(members: Iterable[Booked]) -> dict[Ref | None, list[Booked]]:
    groups: dict[Ref | None, list[Booked]] = {}
    for member in members:
        groups.setdefault(member.record.about, []).append(member)
    return groups


def _sort_one(
    member: Booked,
    seats: Seats,
    wanted_by: dict[Ref | None, list[Booked]],
    held_by: dict[Ref | None, list[Booked]],
    sitting: SittingView,
    now: datetime,
    policy: Policy,
) -> None:
    who = member.record.about
    if not member.live:
        if member.seated and who in wanted_by:
            seats.gone.append(member)
        elif member.seated and member.ahead is not None and not sitting.canceled and now < sitting.end:
            seats.staying.append((member, member.ahead))
        elif member.seated:
            seats.surplus.append(member)
        elif member.record.open or member.record.status is Status.MANUAL or REMOVED in member.record.confirmed:
            seats.gone.append(member)
    elif member.seated or (who in held_by and not member.rejected):
        _sort_seated(member if member.seated else _taking_over(member, held_by[who][0]), seats, sitting, now, policy)
    elif is_removed(member.record):
        seats.removed.append(member)
    elif member.record.open or member.stands_again:
        _sort_unseated(member, seats, sitting, now, policy)


def _not_there_yet(record: Record, aggregate: Aggregate, sitting: SittingView, policy: Policy) -> Ref | None:
    """Return the booking that has left this seat and has no other one yet; a seat is given up after the new one."""
    ref = successor(record)
    here = next((member for member in aggregate.members if member.ref == ref), None)
    ahead = here or (aggregate.related.get(ref) if ref is not None else None)
    if ahead is None or not booking_is_live(ahead) or holds_seat(ahead):
        return None
    candidate = aggregate.related.get(ahead.about) if ahead.about is not None else None
    if here is not None and not stands(here, candidate, sitting, policy):
        return None
    # At rest without a seat, it has lapsed with its new exam or with its student: no seat will come.
    return None if ahead.status is Status.SETTLED else ref


def _taking_over(member: Booked, holder: Booked) -> Booked:
    """Give a booking the seat that its candidate already has through another booking."""
    held = {name: value for name, value in holder.record.confirmed.items() if name in SEAT_FACTS}
    return replace(member, record=replace(member.record, confirmed={**member.record.confirmed, **held}))


def _sort_seated(member: Booked, seats: Seats, sitting: SittingView, now: datetime, policy: Policy) -> None:
    if wants_link(sitting, policy) and not member.record.confirmed.get("link"):
        if policy.relink == "add_candidates" and now < sitting.end:
            seats.relinked.append(member)
            return
        lost = {**member.record.confirmed, "link": "lost"}
        member = replace(member, record=replace(member.record, confirmed=lost))
    if member.record.status is not Status.SETTLED or member.link_lost or not member.extended:
        seats.seated.append(member)


def wants_link(sitting: SittingView, policy: Policy) -> bool:
    """Tell whether candidates of this sitting are to have a launch link."""
    return policy.launch_links and sitting.mode(policy) == "at_once"


def _sort_unseated(member: Booked, seats: Seats, sitting: SittingView, now: datetime, policy: Policy) -> None:
    candidate = member.candidate
    if now >= sitting.end:
        seats.refused.append((member, Reason("exam-over", "The exam was over when the booking could be made.")))
    elif candidate is None or person_of(candidate) is None:
        seats.without_person.append(member)
    elif (reason := _unusable(member, candidate, policy)) is not None:
        seats.refused.append((member, reason))
    elif sitting.mode(policy) == "before_start" and not _listable(member, candidate):
        seats.without_candidate.append(member)
    else:
        seats.ready.append(member)


def _listable(member: Booked, candidate: Record) -> bool:
    """Tell whether Cirrus has the candidate, as far as anybody has looked since it last denied that."""
    denied = member.record.confirmed.get("unknown_at")
    return in_cirrus(candidate) and (denied is None or not is_later(denied, candidate.confirmed.get("read_at")))


def _unusable(member: Booked, candidate: Record, policy: Policy) -> Reason | None:
    if (reason := obstacle(candidate)) is not None:
        return reason
    if candidate.status is Status.REJECTED:
        return candidate.reason or Reason("candidate-rejected", "Cirrus does not accept the candidate.")
    refusal = member.record.facets[SEAT].data.get("attempt_refusal")
    if policy.external_attempts and refusal:
        return Reason("invalid-id", f"The booking's id cannot be used in Cirrus: {refusal}.")
    if policy.external_attempts and member.record.rival is not None:
        return Reason("id-taken", f"The attempt's id '{member.record.external_id}' already belongs to another booking.")
    return None


def seat_of(member: Booked, policy: Policy) -> Seat:
    """Return what Cirrus is told to seat this booking; the candidate must be usable."""
    assert member.candidate is not None, "only bookings with a known candidate are ready"
    wanted: Profile = profile(member.candidate, None, policy)
    percent = max(member.extra, profile_extra(member.candidate))
    if percent:
        wanted = replace(wanted, extra_time=percent)
    return Seat(wanted, member.record.facets[SEAT].data.get("attempt_id") if policy.external_attempts else None)


def largest_extra(aggregate: Aggregate, sitting: SittingView, policy: Policy) -> int:
    """Return the largest extra time over the live bookings, never less than the window has had to allow for."""
    return _largest((_booked(member, aggregate, sitting, policy) for member in aggregate.members), sitting)


def _largest(members: Iterable[Booked], sitting: SittingView) -> int:
    return max([sitting.known.extra, *(member.extra for member in members)])
