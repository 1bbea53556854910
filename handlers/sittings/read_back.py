"""What a read-back tells of a sitting and its bookings: what is there as we left it, and what people have changed."""

from collections.abc import Collection, Iterator
from typing import Any

from msgspec.structs import replace

from adapter.domain.answers import Absent, Receipt, ScheduleSeen
from adapter.domain.findings import Continues, Finding
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record, Status
from handlers.sittings import drift
from handlers.sittings.seats import largest_extra
from handlers.sittings.view import (
    REMOVED,
    Known,
    SittingView,
    booking_is_live,
    booking_label,
    holds_seat,
    is_removed,
)


def read_back(
    aggregate: Aggregate, sitting: SittingView, seen: ScheduleSeen | Absent, receipt: Receipt, policy: Policy
) -> Iterator[Finding]:
    """Return what is known after a look at the schedule."""
    known = replace(
        sitting.known, doubt=False, removing=False, read_at=receipt.at, tried_at=None, restored=sitting.asked
    )
    if isinstance(seen, Absent):
        yield from _absent(aggregate, sitting, known, policy)
        return
    known = replace(
        known,
        exists=True,
        made=True,
        activated=seen.activated,
        live=seen.activated or known.live,
        archived=seen.archived,
        title=seen.title,
        start=seen.start or known.start,
        end=seen.end or known.end,
        extra=largest_extra(aggregate, sitting, policy),
    )
    yield learnt(
        sitting,
        _with_people(aggregate, sitting, known, seen, policy),
        f"read back with {len(seen.candidates)} candidates",
    )
    yield from _seats(aggregate, sitting, seen, policy)


def _absent(aggregate: Aggregate, sitting: SittingView, known: Known, policy: Policy) -> Iterator[Finding]:
    anew = known.made and (sitting.known.removing or sitting.restores(policy))
    if not sitting.canceled and not anew:
        yield learnt(sitting, replace(known, exists=False, activated=False), "not in Cirrus")
        return
    # Nobody wants it, or it is to be made anew: either way nothing of it counts any more, but for what was told.
    yield learnt(sitting, known.without_schedule(known.read_at), "not in Cirrus")
    if not sitting.canceled:
        for member in aggregate.members:
            if holds_seat(member) or is_removed(member):
                yield Finding(member.ref, Continues(), confirmed=without_seat(member), note="goes with the schedule")


def _with_people(aggregate: Aggregate, sitting: SittingView, known: Known, seen: ScheduleSeen, policy: Policy) -> Known:
    """Note who is there without a booking; where that is to be put right, forget what people have set, too."""
    found = drift.strangers(aggregate, seen.candidates, doubt=sitting.known.doubt)
    if not sitting.restores(policy):
        evicted = tuple(each for each in known.evicted if each in found)
        return replace(known, strangers=tuple(each for each in found if each not in evicted), evicted=evicted)
    forgotten = replace(known, our_title=None, our_start=None, our_end=None)
    return replace(forgotten, strangers=(), evicted=found, live=known.activated)


def _seats(aggregate: Aggregate, sitting: SittingView, seen: ScheduleSeen, policy: Policy) -> Iterator[Finding]:
    present = {member.ref for member in about(aggregate, seen.candidates)}
    for member in aggregate.members:
        wanted = booking_is_live(member) and member.status is not Status.REJECTED
        # In doubt, who is there although the booking has ended was perhaps seated by a call of ours that came late.
        if member.ref in present and not holds_seat(member) and (member.open or wanted or sitting.known.doubt):
            confirmed = {**without_seat(member), "seat": True, "by": "read-back"}
            yield Finding(member.ref, Continues(), confirmed=confirmed, note="seen on the schedule")
        elif member.ref not in present and (holds_seat(member) or is_removed(member)):
            yield from _not_seen(member, sitting, policy)


def _not_seen(member: Record, sitting: SittingView, policy: Policy) -> Iterator[Finding]:
    """Take a seat for lost; where nothing was to be done for its booking, somebody has taken it away, which stands."""
    if sitting.restores(policy):
        yield Finding(
            member.ref, Continues(), confirmed=without_seat(member), note="taken off by hand: to be put right"
        )
    elif not (booking_is_live(member) and _at_rest(member)):
        if holds_seat(member):
            yield Finding(member.ref, Continues(), confirmed=without_seat(member), note="not seen on the schedule")
    elif holds_seat(member):
        removed = {**without_seat(member), REMOVED: booking_label(member)}
        yield Finding(member.ref, Continues(), confirmed=removed, note="taken off by hand")


def learnt(sitting: SittingView, known: Known, note: str) -> Finding:
    """Return what was learnt of the schedule itself."""
    return Finding(sitting.record.ref, Continues(), confirmed=known.data(), note=note)


def without_seat(member: Record) -> dict[str, Any]:
    """Return what stays known of a booking that has no seat."""
    return {name: value for name, value in member.confirmed.items() if name == "lapsed"}


def about(aggregate: Aggregate, candidates: Collection[str]) -> Iterator[Record]:
    """Yield the members that are about any of these candidates of Cirrus."""
    for member in aggregate.members:
        if candidate_id(aggregate, member) in candidates:
            yield member


def candidate_id(aggregate: Aggregate, member: Record) -> str | None:
    """Return the id by which Cirrus knows whom a member is about."""
    candidate = aggregate.related.get(member.about) if member.about is not None else None
    return candidate.external_id if candidate is not None else None


def _at_rest(member: Record) -> bool:
    """Tell whether nothing is to be done for a booking; what staff do with its seat then is theirs to decide."""
    return member.status in (Status.SETTLED, Status.REJECTED)
