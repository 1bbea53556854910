"""What the SIS hears of a sitting and its bookings."""

from msgspec.structs import replace

from adapter.domain.findings import Dismissed, Finding, Handed, Settled, Task
from adapter.domain.outcomes import Outcome
from adapter.domain.records import BOOKING, Aggregate, Record
from adapter.domain.verdict import Reason
from adapter.domain.version import Statement, utc_text
from handlers import said
from handlers.sittings.seats import EXAM_REJECTED, Booked
from handlers.sittings.translate import SEAT
from handlers.sittings.view import SittingView, booking_is_live, booking_label, statement_of


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
    """Tell that the candidate will be able to sit, and with which extra time.

    More extra time than was granted for this exam comes from another one and goes with it, so it makes no
    new version of this booking; less than was granted does.
    """
    in_force = min(member.in_force, member.extra)
    outcome = said.about(
        member.record,
        said.BOOKING_CONFIRMED,
        f"{booking_label(member.record)}/{in_force}",
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


def rejected_with_exam(record: Record, reason: Reason) -> Finding:
    """Tell that this booking cannot be had because its exam cannot."""
    return booking_rejected(record, Reason(EXAM_REJECTED, f"The exam cannot be brought into Cirrus: {reason.text}"))


def booking_cancelled(member: Booked, life: Statement | None) -> Finding:
    """Tell that no seat is held for this booking any more; of a departure nothing is told.

    `life` is what was last said of the exam's life. A booking that the SIS itself did not cancel has lapsed:
    it stands again when its exam or its student does.
    """
    record = member.record
    if record.ref.kind != BOOKING:
        return Finding(record.ref, Settled(), confirmed={}, note="off the former sitting")
    lapse = member.lapse(life)
    answers = statement_of(record).label if lapse is None else f"{statement_of(record).label}/{lapse.label}"
    outcome = said.about(
        record,
        said.BOOKING_CANCELLED,
        answers,
        {
            "associationId": record.ref.key,
            "offeringId": record.home.key,
            "personId": record.about.key if record.about else None,
            "reason": record.facets[SEAT].data.get("reason") if lapse is None else lapse.reason,
        },
        cause=None if lapse is None else lapse.cause,
    )
    return Finding(
        record.ref,
        Settled(),
        confirmed={"lapsed": answers} if booking_is_live(record) else {},
        outcomes=(outcome,),
        named_after=() if lapse is None else (lapse.of,),
        note="no seat",
    )


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


def handed(aggregate: Aggregate, record: Record, task: Task) -> Finding:
    """Hand a record to a person: it is settled when a read-back sees the task done."""
    return asking(Finding(record.ref, Handed(), note=f"task {task.name}"), aggregate, record, task)


def asking(finding: Finding, aggregate: Aggregate, record: Record, *asked: Task) -> Finding:
    """Add tasks to a finding; an open task of the same kind that asks for something else is closed."""
    ids = {(task.ref, task.name): task.id(aggregate.tenant) for task in asked}
    outdated = [task for task in aggregate.tasks if ids.get((task.ref, task.name), task.id) != task.id]
    told = [said.raised(aggregate.tenant, record, task) for task in asked]
    told += [said.closed(record, task.ref, task.id, task.name) for task in outdated]
    return replace(
        finding,
        outcomes=(*finding.outcomes, *told),
        tasks=(*finding.tasks, *asked),
        closes=(*finding.closes, *(task.name for task in outdated)),
        named_after=(*finding.named_after, *(ref for task in asked for ref in task.named_after)),
    )
