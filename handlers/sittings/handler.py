"""The handler of sittings and bookings."""

from adapter.domain.handler import Handler
from adapter.domain.records import SITTING, Aggregate
from handlers import said
from handlers.people import people
from handlers.sittings.events import BookingCancelled, ExamBooked, ExamCancelled, ExamRebooked, ExamScheduled
from handlers.sittings.plan import plan
from handlers.sittings.report import report
from handlers.sittings.translate import translate
from handlers.sittings.view import SittingView


def _private(aggregate: Aggregate) -> frozenset[str]:
    """Return who is in a sitting, and the code that opens it."""
    sitting = SittingView.of(aggregate.root)
    pin: str | None = sitting.timetable.data["pin"] if sitting is not None else None
    return people(aggregate) | frozenset({pin} if pin else ())


HANDLER = Handler(
    kind=SITTING,
    events={
        "sis.exam.scheduled.v1": ExamScheduled,
        "sis.exam.updated.v1": ExamScheduled,
        "sis.exam.cancelled.v1": ExamCancelled,
        "sis.exam.booked.v1": ExamBooked,
        "sis.exam.booking-cancelled.v1": BookingCancelled,
        "sis.exam.rebooked.v1": ExamRebooked,
    },
    outcomes=(
        said.EXAM_CONFIRMED,
        said.EXAM_REJECTED,
        said.EXAM_CANCELLED,
        said.BOOKING_CONFIRMED,
        said.BOOKING_PENDING,
        said.BOOKING_REJECTED,
        said.BOOKING_CANCELLED,
        said.LAUNCH_LINK_ISSUED,
        said.DRIFT_DETECTED,
        said.TASK_RAISED,
        said.TASK_CLOSED,
        *said.OF_THE_GUARD,
    ),
    translate=translate,
    plan=plan,
    report=report,
    private=_private,
)
