"""The plan for one candidate: read it once, then create it, or change only what differs."""

from dataclasses import dataclass
from datetime import UTC, datetime, time

from adapter.domain.findings import Continues, Dismissed, Finding, Plan, Settled, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, Aggregate, Record, Status
from adapter.domain.steps import ChangeCandidate, CreateCandidate, Profile, ReadCandidate
from adapter.domain.verdict import Reason
from adapter.domain.version import fingerprint
from handlers import said
from handlers.candidates.erasure import erase, keeps, waiting
from handlers.candidates.merging import retire
from handlers.extra_time import booked_percentage, next_turn, standing_percentage
from handlers.people import ENROLMENT, ERASURE, MERGED, is_later, obstacle, person_of, profile
from handlers.sittings.translate import SEAT
from handlers.sittings.view import SittingView, booking_is_live

COMPARED = ("first_name", "last_name", "mail", "extra_time", "login_disabled")


@dataclass(frozen=True, slots=True)
class ExtraTime:
    """The percentage to be in force, and until when it is this one; None: nobody has asked for any."""

    percent: int | None
    until: datetime | None = None


def plan(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
    """Bring Cirrus to know the candidate as the SIS does."""
    record = aggregate.root
    if record is None or record.status is Status.REJECTED:
        return Plan()
    if ERASURE not in record.facets:
        return _wanted(aggregate, record, now, policy)
    kept = keeps(aggregate, now, policy)
    if kept is None:
        return erase(aggregate, record, now, policy)
    return waiting(_wanted(aggregate, record, now, policy), record, *kept)


def _wanted(aggregate: Aggregate, record: Record, now: datetime, policy: Policy) -> Plan:
    if MERGED in record.facets:
        return retire(aggregate, record, now)
    return _plan(aggregate, record, now, policy)


def _plan(aggregate: Aggregate, record: Record, now: datetime, policy: Policy) -> Plan:
    statement = person_of(record)
    if statement is None:
        return Plan(findings=(Finding(record.ref, Waits(None, "the person's name and mail address")),))
    if (reason := obstacle(record)) is not None:
        return Plan(findings=(rejected(record, reason),))
    extra = extra_time(aggregate, now)
    wanted = profile(record, extra.percent, policy)
    seen = record.confirmed.get("seen")
    if aggregate.unsure and seen is not None:
        # Forgotten before the call: should the read fail too, the next plan still reads first.
        forgotten = Finding(record.ref, Continues(), confirmed={**record.confirmed, "seen": None})
        return Plan(steps=(ReadCandidate(wanted.external_id),), findings=(forgotten,))
    if seen is None or _missed(aggregate, record):
        return Plan(steps=(ReadCandidate(wanted.external_id),))
    if seen.get("absent"):
        return Plan(steps=(CreateCandidate(wanted, _hierarchies(record)),))
    if fields := differing(wanted, seen):
        return Plan(steps=(ChangeCandidate(wanted, fields),))
    return Plan(findings=(_confirmed(aggregate, record, wanted),), look_again=extra.until)


def _missed(aggregate: Aggregate, record: Record) -> bool:
    """Tell whether Cirrus has denied knowing the candidate since it was last read."""
    read_at = record.confirmed.get("read_at")
    denials = (booking.confirmed.get("unknown_at") for booking in aggregate.related.values())
    return any(denied is not None and is_later(denied, read_at) for denied in denials)


def extra_time(aggregate: Aggregate, now: datetime) -> ExtraTime:
    """Return the largest extra time over the candidate's bookings that are not over yet."""
    assert aggregate.root is not None, "only a known candidate has extra time"
    shares: list[tuple[int, datetime]] = []
    for booking in aggregate.related.values():
        if booking.ref.kind != BOOKING or booking.about != aggregate.ref or not booking_is_live(booking):
            continue
        sitting = SittingView.of(aggregate.related.get(booking.home))
        if sitting is None or sitting.canceled or sitting.end <= now:
            continue
        booked = booking.facets[SEAT]
        shares.append((booked_percentage(booked, aggregate.root, sitting.start.date(), sitting.minutes), sitting.end))
    standing = standing_percentage(aggregate.root, now.date())
    turn = next_turn(aggregate.root, now.date())
    turns = [] if turn is None else [datetime.combine(turn, time(), UTC)]
    largest = max((share for share, _ in shares), default=0)
    percent = max(largest, standing or 0)
    if percent == 0 and standing is None and "extra_set" not in aggregate.root.confirmed:
        return ExtraTime(None, min(turns, default=None))
    if percent > (standing or 0):
        turns.append(max(end for share, end in shares if share == percent))
    return ExtraTime(percent, min(turns, default=None))


def differing(wanted: Profile, seen: dict[str, object]) -> frozenset[str]:
    """Return the fields that Cirrus does not hold as wanted; a field that is None is nobody's wish."""
    return frozenset(
        field
        for field in COMPARED
        if getattr(wanted, field) is not None and getattr(wanted, field) != (seen.get(field) or _blank(field))
    )


def _blank(field: str) -> object:
    return {"extra_time": 0, "login_disabled": False}.get(field)


def _hierarchies(record: Record) -> tuple[str, ...]:
    """Return where a new candidate belongs: with the programmes, else where everybody does.

    Nowhere, once Cirrus has said that it has no such hierarchy: it makes one with the first schedule.
    """
    if record.confirmed.get("no_hierarchy"):
        return ()
    statement = person_of(record)
    everybody = {statement.data["hierarchy"]} if statement is not None else set[str]()
    named = {
        said.data["hierarchy"]
        for facet, said in record.facets.items()
        if facet.startswith(ENROLMENT) and said.data["active"] and said.data["hierarchy"]
    }
    return tuple(sorted(named or everybody))


def answers(record: Record, extra: int | None) -> str:
    """Name the version of the candidate: everything that was said of the person, and what it comes to."""
    labels = sorted(f"{facet}={statement.label}" for facet, statement in record.facets.items())
    statement = person_of(record)
    own = statement.label if statement is not None else ""
    return fingerprint([own, [label for label in labels if not label.startswith(("person=", "mention="))], extra])[:32]


def _confirmed(aggregate: Aggregate, record: Record, wanted: Profile) -> Finding:
    changed = record.confirmed.get("changed", [])
    outcome = said.about(
        record,
        said.CANDIDATE_CONFIRMED,
        answers(record, wanted.extra_time),
        {
            "personId": record.ref.key,
            "candidateExtId": record.external_id,
            "changed": changed,
            "extraTimePercentage": wanted.extra_time,
        },
    )
    told = {name: value for name, value in record.confirmed.items() if name != "changed"}
    return Finding(aggregate.ref, Settled(), confirmed=told, outcomes=(outcome,), note="as the SIS says")


def rejected(record: Record, reason: Reason) -> Finding:
    """Tell that this candidate cannot be had; what was read of it is forgotten, so that a new try reads again."""
    outcome = said.about(
        record,
        said.CANDIDATE_REJECTED,
        answers(record, None),
        {"personId": record.ref.key, "candidateExtId": record.external_id, "error": said.error(reason)},
    )
    return Finding(
        record.ref,
        Dismissed(reason),
        confirmed={**record.confirmed, "seen": None},
        outcomes=(outcome,),
        note=reason.code,
    )
