"""What a student information system says, for each kind of step in the demo's day."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from adapter.domain.version import utc_text

MINUTES = 120
"""Duration of every exam of the day; what the sandbox takes for its assessments, too."""

OPEN_FOR = timedelta(hours=4)
"""From an exam's start to its end: long enough for anybody's extra time."""

ENDS_IN = "ends_in"
"""What is given of a sitting that is being sat: in so many seconds it is over."""

Step = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Saying:
    """One event without its envelope, or raw bytes, or a repetition of the first event about a subject."""

    type: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    raw: bytes | None = None
    repeats: str | None = None
    as_new: bool = False


@dataclass(frozen=True, slots=True)
class Campus:
    """Who studies here and what is examined; `students` follows the day's changes of names."""

    now: datetime
    students: dict[str, dict[str, Any]]
    sittings: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, data: Mapping[str, Any], now: datetime) -> "Campus":
        """Read the day's people and exams."""
        students = {student["id"]: dict(student) for student in data["students"]}
        return cls(now, students, {sitting["id"]: sitting for sitting in data["sittings"]})

    def chosen(self, given: list[str]) -> list[str]:
        """Return the ids of students; `p03-p07` is a range."""
        ids = list(self.students)
        ranges = [text.partition("-") for text in given]
        return [who for first, _, last in ranges for who in ids[ids.index(first) : ids.index(last or first) + 1]]

    def window(self, sitting: Mapping[str, Any], later: float) -> tuple[datetime, datetime]:
        """Return a sitting's start and end; one that is yet to come may have been moved by so many hours."""
        if ENDS_IN in sitting:
            end = self.now.replace(microsecond=0) + timedelta(seconds=sitting[ENDS_IN])
            return end - OPEN_FOR, end
        start = self.now.replace(second=0, microsecond=0) + timedelta(hours=sitting["starts_in"] + later)
        return start, start + OPEN_FOR

    def person(self, student_id: str) -> dict[str, Any]:
        """Return a person in the contract's words."""
        student = self.students[student_id]
        return {
            "personId": student_id,
            "primaryCode": self.code(student_id),
            "givenName": student["given"],
            "surname": student["surname"],
            "mail": f"{student_id}@example.org",
        }

    def code(self, student_id: str) -> dict[str, str]:
        """Return a student's number."""
        return {"codeType": "studentNumber", "code": self.students[student_id]["code"]}


def _enrol(campus: Campus, step: Step) -> Iterator[Saying]:
    for who in campus.chosen(step["students"]):
        enrolment = {"associationId": f"programme-{who}", "state": "associated", "startDate": "2026-09-01"}
        data = {"person": campus.person(who), "programOfferingAssociation": enrolment}
        yield Saying("sis.student.enrolled.v1", who, data)


def _withdraw(campus: Campus, step: Step) -> Iterator[Saying]:
    who: str = step["student"]
    enrolment = {"associationId": f"programme-{who}", "state": "canceled"}
    data = {"person": campus.person(who), "programOfferingAssociation": enrolment, "reason": "left the university"}
    yield Saying("sis.student.withdrawn.v1", who, data)


def _rename(campus: Campus, step: Step) -> Iterator[Saying]:
    campus.students[step["student"]] |= {"surname": step["surname"]}
    yield Saying("sis.student.updated.v1", step["student"], {"person": campus.person(step["student"])})


def _grant(campus: Campus, step: Step) -> Iterator[Saying]:
    who: str = step["student"]
    need = {"code": "extra-time", "extraTimePercentage": step["percent"]}
    data = {"personId": who, "primaryCode": campus.code(who), "assignedNeeds": [need]}
    yield Saying("sis.accommodation.changed.v1", who, data)


def _schedule(campus: Campus, step: Step) -> Iterator[Saying]:
    sitting = campus.sittings[step["sitting"]]
    later: float = step.get("later", 0)
    start, end = campus.window(sitting, later)
    component: str = sitting["component"]
    data = {
        "offeringId": sitting["id"],
        "primaryCode": {"codeType": "offeringCode", "code": sitting["id"]},
        "name": sitting["name"],
        "component": {
            "componentId": f"c-{component}",
            "primaryCode": {"codeType": "componentCode", "code": component},
        },
        "startDateTime": utc_text(start),
        "endDateTime": utc_text(end),
        "duration": MINUTES,
    }
    yield Saying("sis.exam.updated.v1" if later else "sis.exam.scheduled.v1", sitting["id"], data)


def _booking(campus: Campus, booking: str, sitting: str, step: Step) -> dict[str, Any]:
    granted = {"extraTimePercentage": step.get("percent"), "additionalTimeInMin": step.get("minutes")}
    return {
        "associationId": booking,
        "offeringId": sitting,
        "person": campus.person(_student(booking)),
        "state": "associated",
        "attempt": step.get("attempt", 1),
        **{name: value for name, value in granted.items() if value is not None},
    }


def _book(campus: Campus, step: Step) -> Iterator[Saying]:
    for who, sitting in product(campus.chosen(step["students"]), step["sittings"]):
        booking = f"{sitting}-{who}"
        yield Saying("sis.exam.booked.v1", booking, _booking(campus, booking, sitting, step))


def _rebook(campus: Campus, step: Step) -> Iterator[Saying]:
    booking: str = step["booking"]
    data = {**_booking(campus, booking, step["to"], step), "previousOfferingId": _sitting(booking)}
    yield Saying("sis.exam.rebooked.v1", booking, data)


def _cancel(_campus: Campus, step: Step) -> Iterator[Saying]:
    booking: str = step["booking"]
    data = {
        "associationId": booking,
        "offeringId": _sitting(booking),
        "personId": _student(booking),
        "state": "canceled",
        "reason": "cancelled by the student",
    }
    yield Saying("sis.exam.booking-cancelled.v1", booking, data)


def _sitting(booking: str) -> str:
    return booking.partition("-")[0]


def _student(booking: str) -> str:
    return booking.partition("-")[2]


def _repeat(_campus: Campus, step: Step) -> Iterator[Saying]:
    yield Saying("", step["of"], repeats=step["of"], as_new=step.get("as_new", False))


def _raw(_campus: Campus, step: Step) -> Iterator[Saying]:
    yield Saying("", "", raw=step["text"].encode())


def _event(_campus: Campus, step: Step) -> Iterator[Saying]:
    yield Saying(step["type"], step["subject"], step["data"])


SAYINGS: Mapping[str, Callable[[Campus, Step], Iterator[Saying]]] = {
    "enrol": _enrol,
    "withdraw": _withdraw,
    "rename": _rename,
    "grant": _grant,
    "schedule": _schedule,
    "book": _book,
    "rebook": _rebook,
    "cancel": _cancel,
    "repeat": _repeat,
    "raw": _raw,
    "event": _event,
}
"""What each `does` of a step makes the SIS say."""
