"""A student information system for the scenarios: builds every event type, with ids that are the same in each run."""

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

Json = dict[str, Any]

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
COURSE = "MATH1"

IN_PASSING = frozenset({"confirmedBy", "changed", "launchUrl"})
"""Fields of outcomes that may differ between two tellings of one thing."""


class Sis:
    """The student information system of one institution.

    Each event happens a millisecond after the one before; `at` says otherwise. Events are numbered `e1`, `e2` ...
    """

    def __init__(self, now: datetime, tenant: str = "uni.example") -> None:
        """Begin an hour ago, so that no event of a test lies in the future."""
        self.now = now.replace(microsecond=0)
        self.tenant = tenant
        self._numbers = itertools.count(1)

    def event(self, kind: str, subject: str, data: Mapping[str, Any], **attributes: object) -> Json:
        """Return an event of type `sis.<kind>.v1`; `attributes` go before what the envelope would hold."""
        number = next(self._numbers)
        envelope: Json = {
            "specversion": "1.0",
            "id": f"e{number}",
            "source": "urn:sis",
            "type": f"sis.{kind}.v1",
            "subject": subject,
            "time": text(self.now - HOUR + timedelta(milliseconds=number)),
            "tenant": self.tenant,
        }
        return envelope | attributes | {"data": dict(data)}

    def again(self, event: Json) -> Json:
        """Return the same statement as a new event, as a snapshot or a resend is."""
        return self.event("", event["subject"], event["data"], type=event["type"])

    def enrolled(self, who: str, *, programme: str = "enrolment", **person_fields: object) -> Json:
        """Enrol a student in a programme."""
        enrolment = {"associationId": f"{who}-{programme}", "state": "associated", "startDate": "2026-09-01"}
        data = {"person": person(who, **person_fields), "programOfferingAssociation": enrolment}
        return self.event("student.enrolled", who, data)

    def updated(self, who: str, **person_fields: object) -> Json:
        """Tell what is known of a student now."""
        return self.event("student.updated", who, {"person": person(who, **person_fields)})

    def withdrawn(self, who: str, *, ended: datetime, programme: str = "enrolment") -> Json:
        """Let a student leave a programme."""
        enrolment = {
            "associationId": f"{who}-{programme}",
            "state": "canceled",
            "startDate": "2026-09-01",
            "finalEndDate": ended.date().isoformat(),
        }
        return self.event("student.withdrawn", who, {"person": person(who), "programOfferingAssociation": enrolment})

    def accommodation(self, who: str, percent: int) -> Json:
        """Grant a student extra time for every exam; 0 takes it away."""
        needs = [{"code": "extra-time", "extraTimePercentage": percent}] if percent else []
        data = {"personId": who, "primaryCode": student_number(who), "assignedNeeds": needs}
        return self.event("accommodation.changed", who, data)

    def merged(self, survivor: str, retired: str) -> Json:
        """Make one person of two records."""
        data = {
            "survivingPerson": person(survivor),
            "retiredPersonId": retired,
            "retiredPrimaryCode": student_number(retired),
        }
        return self.event("person.merged", survivor, data)

    def erasure_requested(self, who: str) -> Json:
        """Ask for a person's data to be erased."""
        return self.event("person.erasure-requested", who, {"personId": who, "primaryCode": student_number(who)})

    def scheduled(
        self,
        exam: str,
        start: timedelta | datetime,
        *,
        minutes: int = 120,
        window: timedelta = 3 * HOUR,
        course: str = COURSE,
        kind: str = "exam.scheduled",
        **fields: object,
    ) -> Json:
        """Schedule an exam; `start` is a moment, or counted from now. It is open for `window`."""
        begin = start if isinstance(start, datetime) else self.now + start
        data = {
            "offeringId": exam,
            "primaryCode": {"codeType": "exam", "code": exam},
            "name": f"Exam {exam}",
            "component": {"componentId": "c1", "primaryCode": {"codeType": "course", "code": course}},
            "startDateTime": text(begin),
            "endDateTime": text(begin + window),
            "duration": minutes,
        }
        return self.event(kind, exam, data | fields)

    def exam_cancelled(self, exam: str) -> Json:
        """Call an exam off."""
        return self.event("exam.cancelled", exam, {"offeringId": exam, "reason": "room flooded"})

    def booked(self, booking: str, exam: str, who: str, *, mail: str | None = None, **fields: object) -> Json:
        """Book a student on an exam."""
        named = person(who) if mail is None else person(who, mail=mail)
        data = {"associationId": booking, "offeringId": exam, "person": named, "state": "associated"}
        return self.event("exam.booked", booking, data | fields)

    def cancelled(self, booking: str, exam: str, who: str) -> Json:
        """Take a booking back."""
        data = {
            "associationId": booking,
            "offeringId": exam,
            "personId": who,
            "state": "canceled",
            "reason": "on request",
        }
        return self.event("exam.booking-cancelled", booking, data)

    def rebooked(self, booking: str, exam: str, who: str, *, previous: str) -> Json:
        """Move a booking from one exam to another."""
        data = {
            "associationId": booking,
            "offeringId": exam,
            "previousOfferingId": previous,
            "person": person(who),
            "state": "associated",
        }
        return self.event("exam.rebooked", booking, data)


def person(who: str, **fields: object) -> Json:
    """Return a person in full; a student's number, name and mail address follow from the id."""
    known = {
        "personId": who,
        "primaryCode": student_number(who),
        "givenName": "Given",
        "surname": f"Surname {who}",
        "mail": f"{who}@example.org",
    }
    return known | fields


def student_number(who: str) -> Json:
    """Return the code of which the candidate's id in Cirrus is made."""
    return {"codeType": "studentNumber", "code": candidate(who)}


def candidate(who: str) -> str:
    """Return the id by which Cirrus knows a student."""
    return f"S{who}"


def text(moment: datetime) -> str:
    """Write a moment as in RFC 3339."""
    return moment.isoformat()


@dataclass(frozen=True, slots=True)
class Heard:
    """One outcome event as it comes out of the broker."""

    id: str
    type: str
    subject: str
    cause: str | None
    data: Mapping[str, Any] = field(repr=False)


def told_twice(heard: Iterable[Heard], returned: Container[tuple[str, str]] = ()) -> Iterator[str]:
    """Yield what was said of one thing twice in a row under two ids, for a reader who drops what has come under an id.

    With something else said in between it is news. So it is of a booking that has `returned` to an exam, or stood
    again with it (a pair of the ids of both): each time it may end in the same way.
    """
    known: set[str] = set()
    last: dict[tuple[str, str], bytes] = {}
    for event in heard:
        if event.id in known:
            continue
        known.add(event.id)
        told = {name: value for name, value in event.data.items() if name not in IN_PASSING}
        meaning = orjson.dumps([event.type, event.subject, event.cause, told], option=orjson.OPT_SORT_KEYS)
        family = (event.type.split(".")[1], event.subject)
        if last.get(family) == meaning and (event.subject, event.data.get("offeringId")) not in returned:
            yield meaning.decode()
        last[family] = meaning
