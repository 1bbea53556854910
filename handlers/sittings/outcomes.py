"""What the SIS hears of a sitting and its bookings."""

from adapter.domain.findings import Continues, Dismissed, Finding, Handed, Settled, Task
from adapter.domain.outcomes import Outcome
from adapter.domain.records import BOOKING, Record
from adapter.domain.verdict import Reason
from adapter.domain.version import utc_text
from handlers import said
from handlers.people import withdrawal
from handlers.sittings.seats import Booked
from handlers.sittings.tasks import booking_label
from handlers.sittings.translate import LIFE, SEAT
from handlers.sittings.view import SittingView


def exam_confirmed(sitting: SittingView, state: str) -> Outcome:
    """Tell that the schedule is in Cirrus, as a draft or activated."""
    return said.about(
        sitting.record,
        said.EXAM_CONFIRMED,
        f"{sitting.label}/{state}",
        {"offeringId": sitting.record.ref.key, "scheduleExtId": sitting.record.external_id, "state": state},
    )


def exam_cancelled(sitting: SittingView) -> Outcome:
    """Tell that the schedule is not, or no longer, in Cirrus."""
    return said.about(
        sitting.record,
        said.EXAM_CANCELLED,
        sitting.label,
        {"offeringId": sitting.record.ref.key, "scheduleExtId": sitting.record.external_id},
    )


def exam_rejected(sitting: SittingView, reason: Reason) -> Finding:
    """Tell that the sitting cannot be had."""
    outcome = said.about(
        sitting.record,
        said.EXAM_REJECTED,
        sitting.label,
        {
            "offeringId": sitting.record.ref.key,
            "scheduleExtId": sitting.record.external_id,
            "error": said.error(reason),
        },
    )
    return Finding(sitting.record.ref, Dismissed(reason), outcomes=(outcome,), note=reason.code)


def booking_confirmed(member: Booked, sitting: SittingView) -> Finding:
    """Tell that the candidate will be able to sit, and with which extra time."""
    outcome = said.about(
        member.record,
        said.BOOKING_CONFIRMED,
        booking_label(member.record),
        {
            "associationId": member.record.ref.key,
            "offeringId": sitting.record.ref.key,
            "personId": member.record.about.key if member.record.about else None,
            "candidateExtId": member.candidate_id,
            "scheduleExtId": sitting.external_id,
            "confirmedBy": member.record.confirmed.get("by"),
            "extraTimePercentage": member.in_force,
        },
    )
    return Finding(member.record.ref, Settled(), outcomes=(outcome,), note="seated")


def launch_link(member: Booked, sitting: SittingView, link: str) -> Outcome:
    """Hand out the personal link; a bearer secret, so nothing else carries it."""
    return said.about(
        member.record,
        said.LAUNCH_LINK_ISSUED,
        booking_label(member.record),
        {
            "associationId": member.record.ref.key,
            "offeringId": sitting.record.ref.key,
            "personId": member.record.about.key if member.record.about else None,
            "launchUrl": link,
        },
        confidential=True,
    )


def booking_rejected(record: Record, reason: Reason) -> Finding:
    """Tell that this booking cannot be had, and why."""
    outcome = said.about(
        record,
        said.BOOKING_REJECTED,
        booking_label(record),
        {
            "associationId": record.ref.key,
            "offeringId": record.home.key,
            "personId": record.about.key if record.about else None,
            "error": said.error(reason),
        },
    )
    return Finding(record.ref, Dismissed(reason), outcomes=(outcome,), note=reason.code)


def booking_cancelled(member: Booked, sitting: SittingView | None) -> Finding:
    """Tell that no seat is held for this booking any more; of a departure nothing is told."""
    record = member.record
    if record.ref.kind != BOOKING:
        return Finding(record.ref, Settled(), confirmed={}, note="off the former sitting")
    causes = [booking_label(record)]
    reason = (record.data(SEAT) or {}).get("reason")
    if sitting is not None and sitting.canceled:
        causes.append(sitting.record.facets[LIFE].label)
        reason = sitting.record.facets[LIFE].data.get("reason") or "the exam was cancelled"
    elif member.candidate is not None and (left := withdrawal(member.candidate)) is not None:
        causes.append(left.label)
        reason = reason or "the student has left the programme"
    outcome = said.about(
        record,
        said.BOOKING_CANCELLED,
        "/".join(causes),
        {
            "associationId": record.ref.key,
            "offeringId": record.home.key,
            "personId": record.about.key if record.about else None,
            "reason": reason,
        },
    )
    return Finding(record.ref, Settled(), confirmed={}, outcomes=(outcome,), note="no seat")


def booking_pending(record: Record, stage: str, kind: str, key: str | None, sitting: SittingView | None) -> Outcome:
    """Tell what a booking still waits for; once after the grace period, and again as the exam nears."""
    return said.about(
        record,
        said.BOOKING_PENDING,
        f"{booking_label(record)}/{stage}",
        {
            "associationId": record.ref.key,
            "offeringId": record.home.key,
            "personId": record.about.key if record.about else None,
            "waitingFor": {"kind": kind, "id": key},
            "deadline": utc_text(sitting.start) if sitting is not None else None,
        },
    )


def handed(tenant: str, record: Record, task: Task, *, settle: bool) -> Finding:
    """Hand a task to a person; `settle` when nothing else is expected of the record."""
    return Finding(
        record.ref,
        Handed() if settle else Continues(),
        outcomes=(said.raised(tenant, record, task),),
        tasks=(task,),
        note=f"task {task.name}",
    )
