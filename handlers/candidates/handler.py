"""The handler of candidates."""

from adapter.domain.handler import Handler
from adapter.domain.outcomes import PERSON_ERASED
from adapter.domain.records import CANDIDATE
from handlers import said
from handlers.candidates.events import (
    AccommodationChanged,
    ErasureRequested,
    PersonMerged,
    StudentEnrolled,
    StudentUpdated,
    StudentWithdrawn,
)
from handlers.candidates.plan import plan
from handlers.candidates.report import report
from handlers.candidates.translate import translate
from handlers.people import people

HANDLER = Handler(
    kind=CANDIDATE,
    events={
        "sis.student.enrolled.v1": StudentEnrolled,
        "sis.student.updated.v1": StudentUpdated,
        "sis.student.withdrawn.v1": StudentWithdrawn,
        "sis.accommodation.changed.v1": AccommodationChanged,
        "sis.person.merged.v1": PersonMerged,
        "sis.person.erasure-requested.v1": ErasureRequested,
    },
    outcomes=(
        said.CANDIDATE_CONFIRMED,
        said.CANDIDATE_REJECTED,
        said.TASK_RAISED,
        said.TASK_CLOSED,
        PERSON_ERASED,
        *said.OF_THE_GUARD,
    ),
    translate=translate,
    plan=plan,
    report=report,
    private=people,
)
