"""An erasure waits: for the day that the SIS names, for exams to come, and for results that are outstanding.

A result that comes after its candidate is gone belongs to nobody (S25). When nothing is left to wait for, the user is
deleted in Cirrus, by us or by a person, and when Cirrus shows it no more, all that is known here is erased.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from adapter.domain.answers import Receipt, Unsendable
from adapter.domain.findings import Continues, Erases, Finding, Handed, Plan, Settled, Task, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, Aggregate, Record, Status, list_ref, result_ref
from adapter.domain.steps import ChangeCandidate, DeleteCandidate, Profile, ReadCandidate, Step
from adapter.domain.verdict import Confirmed, Manual, Rejected, Verdict
from adapter.domain.version import Statement, utc_text, utc_time
from handlers import said
from handlers.people import ERASURE, MENTION, PERSON
from handlers.results.view import told_bookings, was_announced, wishes_of
from handlers.sittings.view import SittingView, booking_is_live, holds_seat

ERASE_PERSON = "erase-person"
PURGE_USER = "purge-user"

ERASING = "erasing"
"""Under which it is known how far Cirrus is."""

DELETED, DELETED_BY_HAND, NOT_FOUND, NEVER_THERE = "deleted", "deletedByHand", "notFound", "neverThere"
"""What became of the user in Cirrus."""

NOBODY: Mapping[str, str] = MappingProxyType(
    {"first_name": "Erased", "last_name": "Erased", "mail": "erased@example.invalid"}
)
"""What takes the place of a name before the user goes into the trash can, which shows it for as long as it is there."""

QUARANTINE = timedelta(days=30)
"""How long nobody can purge the trash can (1.4)."""

LOOK_AGAIN = timedelta(hours=1)
"""Between two looks for results that are outstanding."""

READ_AGAIN = timedelta(days=1)
"""Between two looks whether the user is gone from Cirrus."""


def keeps(aggregate: Aggregate, now: datetime, policy: Policy) -> tuple[str, datetime] | None:
    """Return what an erasure that was asked for waits for, and when to look again; None when for nothing any more."""
    asked = _asked(aggregate)
    not_before = asked.data["not_before"]
    if not_before is not None and now < utc_time(not_before):
        return "the day from which the person may be erased", utc_time(not_before)
    coming, missing = 0, 0
    for booking in aggregate.related.values():
        if booking.ref.kind != BOOKING or not booking_is_live(booking):
            continue
        sitting = SittingView.of(aggregate.related.get(booking.home))
        if sitting is None or sitting.canceled or sitting.refused:
            continue
        if now < sitting.end:
            coming += 1
        elif holds_seat(booking) and _outstanding(aggregate, booking, sitting, now, policy):
            missing += 1
    if coming:
        return f"exams that are still to come ({coming})", now + LOOK_AGAIN
    return (f"results that are outstanding ({missing})", now + LOOK_AGAIN) if missing else None


def erase(aggregate: Aggregate, record: Record, now: datetime, policy: Policy) -> Plan:
    """Bring Cirrus to know the candidate no more, and then have all erased that is known here."""
    known = record.confirmed
    if record.external_id is None or record.rival is not None:
        return _everywhere(aggregate, record, now, NEVER_THERE)
    progress: Mapping[str, Any] | None = known.get(ERASING)
    if progress is None:
        return _reading(record, {**known, ERASING: {}, "seen": None}, "the erasing begins")
    seen: Mapping[str, Any] | None = known.get("seen")
    if seen is None or aggregate.unsure:
        return _reading(record, {**known, "seen": None})
    if seen.get("absent"):
        return _everywhere(aggregate, record, now, DELETED if progress.get("asked") else NOT_FOUND)
    if policy.erase_in_cirrus == "task" or progress.get("refused") or progress.get("deleted"):
        return _by_hand(aggregate, record, now)
    fields = frozenset(field for field, value in NOBODY.items() if seen.get(field) != value)
    if policy.erase_overwrites and fields and "overwritten" not in progress:
        return Plan(steps=(ChangeCandidate(_nobody(record.external_id), fields),))
    asked = {**known, ERASING: {**progress, "asked": True}}
    # Noted before the call: should its answer be lost, the user that is gone then was deleted by us.
    noted = Finding(record.ref, Continues(), confirmed=asked)
    return Plan(steps=(DeleteCandidate(record.external_id),), findings=(noted,))


def learnt(known: dict[str, Any], receipt: Receipt) -> dict[str, Any] | None:
    """Return what is known after a step of an erasure, None where it says nothing of its own."""
    verdict: Verdict = receipt.verdict
    progress: dict[str, Any] = known[ERASING]
    match receipt.step, verdict:
        case ChangeCandidate(profile=profile), Confirmed():
            shown = {**known["seen"], **{field: getattr(profile, field) for field in receipt.step.fields}}
            return {**known, "seen": shown, ERASING: {**progress, "overwritten": True}}
        case ChangeCandidate(), Rejected() | Manual():
            return {**known, ERASING: {**progress, "overwritten": False}}
        case DeleteCandidate(), Confirmed():
            return {**known, "seen": None, ERASING: {**progress, "deleted": True}}
        case DeleteCandidate(), Rejected() | Manual():
            return {**known, ERASING: {**progress, "asked": False, "refused": True}}
        case ReadCandidate(), Rejected() if isinstance(receipt.answer, Unsendable):
            return {**known, "seen": {"absent": True}}  # Cirrus has nobody with an id that it does not accept
        case _:
            return None


def _reading(record: Record, known: Mapping[str, Any], note: str = "") -> Plan:
    """Read before anything is sent: what was seen before counts no more, should the reading fail, too."""
    finding = Finding(record.ref, Continues(), confirmed=known, note=note)
    return Plan(steps=(ReadCandidate(str(record.external_id)),), findings=(finding,))


def _by_hand(aggregate: Aggregate, record: Record, now: datetime) -> Plan:
    """Ask a person to delete the user, and look every now and then whether that is done."""
    read_at = record.confirmed.get("read_at")
    due = read_at is None or now >= utc_time(read_at) + READ_AGAIN
    steps: tuple[Step, ...] = (ReadCandidate(str(record.external_id)),) if due else ()
    if any(task.name == ERASE_PERSON for task in aggregate.tasks):
        return Plan(steps, look_again=now + READ_AGAIN)
    task = _task(record)
    raised = said.raised(aggregate.tenant, record, task)
    finding = Finding(record.ref, Handed(), outcomes=(raised,), tasks=(task,), note=f"task {ERASE_PERSON}")
    return Plan(steps, (finding,), look_again=now + READ_AGAIN)


def _everywhere(aggregate: Aggregate, record: Record, now: datetime, state: str) -> Plan:
    """Have all erased that is known here; of a user in the trash can, a reminder is left."""
    mine = [task for task in aggregate.tasks if task.ref == record.ref]
    by_hand = any(task.name == ERASE_PERSON for task in mine)
    told = [said.closed(record, task.ref, task.id, task.name) for task in mine]
    progress: Mapping[str, Any] = record.confirmed.get(ERASING, {})
    cirrus: dict[str, Any] = {
        "state": DELETED_BY_HAND if by_hand else state,
        "nameOverwritten": None,
        "purgeFrom": None,
    }
    purge = None
    if cirrus["state"] == DELETED:
        cirrus |= {"nameOverwritten": progress.get("overwritten", False), "purgeFrom": utc_text(now + QUARANTINE)}
        purge = _purge(record, now + QUARANTINE)
        told.append(said.raised(aggregate.tenant, record, purge))
    erases = Erases(said.person_erased(record, record.facets[ERASURE].label, cirrus), tuple(_names(record)), purge)
    closes = tuple(task.name for task in mine)
    return Plan(findings=(Finding(record.ref, erases, outcomes=tuple(told), closes=closes, note="not in Cirrus"),))


def _nobody(external_id: str) -> Profile:
    return Profile(external_id, NOBODY["first_name"], NOBODY["last_name"], NOBODY["mail"])


def _names(record: Record) -> Iterator[str]:
    """Yield the ids and mail addresses by which a message may name the person."""
    yield record.ref.key
    if record.external_id is not None:
        yield record.external_id
    for facet in (PERSON, MENTION):
        if (data := record.data(facet)) is not None and data["mail"]:
            yield data["mail"]


def waiting(plan: Plan, record: Record, awaited: str, look_again: datetime) -> Plan:
    """Let a candidate with whom all is well wait for the erasure."""
    if plan.steps:
        return plan
    findings = tuple(
        replace(each, state=Waits(None, awaited))
        if each.ref == record.ref and isinstance(each.state, Settled)
        else each
        for each in plan.findings
    )
    return Plan((), findings, min(look_again, plan.look_again or look_again))


def _asked(aggregate: Aggregate) -> Statement:
    assert aggregate.root is not None, "the caller has found that it was asked for"
    return aggregate.root.facets[ERASURE]


def _outstanding(aggregate: Aggregate, booking: Record, sitting: SittingView, now: datetime, policy: Policy) -> bool:
    candidate = aggregate.root
    assert candidate is not None, "the caller has found it"
    result = aggregate.related.get(result_ref(sitting.external_id, str(candidate.external_id)))
    told = result is not None and booking.ref.key in told_bookings(result)
    if result is not None and (any(wishes_of(result)) or result.status is Status.REJECTED):
        return True  # something is there that has not been read: a first result, or a correction
    if told or (result is not None and was_announced(result)):
        return not told
    if now >= sitting.end + policy.results.given_up_after:
        return False
    exam = aggregate.related.get(list_ref(sitting.external_id))
    return exam is None or candidate.external_id not in exam.confirmed.get("absent", ())


def _task(record: Record) -> Task:
    return Task(
        record.ref,
        ERASE_PERSON,
        record.facets[ERASURE].label,
        f"Erase candidate {record.external_id}: the SIS has asked for it, and no result is outstanding.",
        (
            f"In Cirrus, delete the user with id {record.external_id}, and purge the user from the trash can.",
            "Nothing else is to be done: once Cirrus no longer shows the user, all that is known here is erased.",
        ),
    )


def _purge(record: Record, purge_from: datetime) -> Task:
    return Task(
        record.ref,
        PURGE_USER,
        record.facets[ERASURE].label,
        f"Purge user {record.external_id} from the trash can of Cirrus: the person has been erased everywhere else.",
        (
            f"From {purge_from.date().isoformat()} on, purge user {record.external_id} from the trash can of Cirrus.",
            "Nothing sees that it is done: this reminder is forgotten a month after that day.",
        ),
        deadline=purge_from,
    )
