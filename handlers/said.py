"""What the SIS hears: the outcome events, built in one place so that their ids and fields stay alike.

Types and fields: events.md "Out".
"""

from collections.abc import Mapping
from typing import Any

from adapter.domain.findings import Task
from adapter.domain.guard import CHANGE_DISCARDED, CHANGE_HELD
from adapter.domain.outcomes import PERSON_ERASED, Outcome
from adapter.domain.records import Record, Ref
from adapter.domain.verdict import Reason
from adapter.domain.version import utc_text

CANDIDATE_CONFIRMED = "cirrus.candidate.confirmed.v1"
CANDIDATE_REJECTED = "cirrus.candidate.rejected.v1"
EXAM_CONFIRMED = "cirrus.exam.confirmed.v1"
EXAM_REJECTED = "cirrus.exam.rejected.v1"
EXAM_CANCELLED = "cirrus.exam.cancelled.v1"
BOOKING_CONFIRMED = "cirrus.booking.confirmed.v1"
BOOKING_PENDING = "cirrus.booking.pending.v1"
BOOKING_REJECTED = "cirrus.booking.rejected.v1"
BOOKING_CANCELLED = "cirrus.booking.cancelled.v1"
LAUNCH_LINK_ISSUED = "cirrus.launch-link.issued.v1"
ATTENDANCE_RECORDED = "cirrus.attendance.recorded.v1"
RESULT_PUBLISHED = "cirrus.result.published.v1"
RESULT_CORRECTED = "cirrus.result.corrected.v1"
RESULT_VOIDED = "cirrus.result.voided.v1"
DRIFT_DETECTED = "cirrus.drift.detected.v1"
TASK_RAISED = "cirrus.task.raised.v1"
TASK_CLOSED = "cirrus.task.closed.v1"

OF_THE_GUARD = (CHANGE_HELD, CHANGE_DISCARDED)
"""What may be said of an event that takes away, before any handler hears of it."""


def error(reason: Reason) -> dict[str, Any]:
    """Return a reason as the `error` of a rejected event."""
    return {"code": reason.code, "text": reason.text, "retryable": reason.retryable}


def about(
    record: Record,
    kind: str,
    answers: str,
    data: Mapping[str, Any],
    *,
    subject: str | None = None,
    cause: str | None = None,
) -> Outcome:
    """Return an outcome about one record, or another `subject`, caused by the event that changed the record last.

    `cause` names another event.
    """
    return Outcome(
        type=kind,
        subject=subject or record.ref.key,
        answers=answers,
        data=data,
        cause=cause or record.cause,
    )


def raised(tenant: str, record: Record, task: Task) -> Outcome:
    """Tell of a task that a person has to do."""
    return about(
        record,
        TASK_RAISED,
        task.id(tenant),
        {
            "taskId": task.id(tenant),
            "kind": task.name,
            "about": {"kind": task.ref.kind, "id": task.ref.key},
            "text": task.text,
            "steps": list(task.steps),
            "deadline": utc_text(task.deadline) if task.deadline else None,
        },
    )


def person_erased(record: Record, answers: str, cirrus: Mapping[str, Any]) -> Outcome:
    """Prove that a person was erased in Cirrus; what was erased here is added by whoever does it."""
    return about(record, PERSON_ERASED, answers, {"personId": record.ref.key, "cirrus": dict(cirrus)})


def closed(record: Record | None, ref: Ref, task_id: str, name: str) -> Outcome:
    """Tell that a task is done or no longer needed."""
    return Outcome(
        type=TASK_CLOSED,
        subject=ref.key,
        answers=task_id,
        data={"taskId": task_id, "kind": name, "about": {"kind": ref.kind, "id": ref.key}},
        cause=record.cause if record is not None else None,
    )
