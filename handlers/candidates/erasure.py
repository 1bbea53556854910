"""An erasure waits: for the day that the SIS names, for exams to come, and for results that are outstanding.

A result that comes after its candidate is gone belongs to nobody (S25). When nothing is left to wait for, a person
is asked to delete the user in Cirrus; nothing of this candidate is made or changed there any more.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from adapter.domain.findings import Finding, Handed, Plan, Settled, Task, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, Aggregate, Record, list_ref, result_ref
from adapter.domain.steps import ReadCandidate, Step
from adapter.domain.version import Statement, utc_time
from handlers import said
from handlers.people import ERASURE
from handlers.results.view import told_bookings
from handlers.sittings.view import SittingView, booking_is_live, holds_seat

ERASE_PERSON = "erase-person"

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


def erase(aggregate: Aggregate, record: Record, now: datetime) -> Plan:
    """Ask a person to erase the candidate, until Cirrus no longer knows the user."""
    known = record.confirmed
    mine = [task for task in aggregate.tasks if task.name == ERASE_PERSON]
    seen: Mapping[str, Any] | None = known.get("seen")
    gone = record.external_id is None or (seen is not None and bool(seen.get("absent")))
    if gone:
        told = tuple(said.closed(record, task.ref, task.id, task.name) for task in mine)
        closes = tuple(task.name for task in mine)
        return Plan(findings=(Finding(record.ref, Settled(), outcomes=told, closes=closes, note="not in Cirrus"),))
    read_at = known.get("read_at")
    due = read_at is None or now >= utc_time(read_at) + READ_AGAIN
    steps: tuple[Step, ...] = (ReadCandidate(str(record.external_id)),) if due else ()
    if mine:
        return Plan(steps, look_again=now + READ_AGAIN)
    task = _task(record)
    raised = said.raised(aggregate.tenant, record, task)
    finding = Finding(record.ref, Handed(), outcomes=(raised,), tasks=(task,), note=f"task {ERASE_PERSON}")
    return Plan(steps, (finding,), look_again=now + READ_AGAIN)


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
    if now >= sitting.end + policy.results.given_up_after:
        return False
    exam = aggregate.related.get(list_ref(sitting.external_id))
    if exam is not None and candidate.external_id in exam.confirmed.get("absent", ()):
        return False
    result = aggregate.related.get(result_ref(sitting.external_id, str(candidate.external_id)))
    return result is None or booking.ref.key not in told_bookings(result)


def _task(record: Record) -> Task:
    return Task(
        record.ref,
        ERASE_PERSON,
        record.facets[ERASURE].label,
        f"Erase candidate {record.external_id}: the SIS has asked for it, and no result is outstanding.",
        (
            f"In Cirrus, delete the user with id {record.external_id}, and purge the user from the trash can.",
            "The ledger forgets journal and events with their retention.",
            "Nothing else is to be done: the SIS is told once Cirrus no longer has the user.",
        ),
    )
