"""From an event about a sitting or a booking to what should be."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from adapter.domain.envelope import Envelope
from adapter.domain.mapping import IdMapping, Unmappable
from adapter.domain.records import BOOKING, SITTING, Change, Ref
from adapter.domain.version import Rank, Statement, Version, utc_text
from handlers.extra_time import grant
from handlers.people import candidate_ref, person_change
from handlers.results.hear import exam_list
from handlers.sittings.events import BookingCancelled, ExamBooked, ExamCancelled, ExamScheduled

TIMETABLE = "timetable"
LIFE = "life"
SEAT = "booking"
RESTORE = "restore"
"""What an operator asks for: that Cirrus be as the SIS says, whatever was changed by hand."""


def restoring(offering_id: str, at: datetime, wish: str) -> Change:
    """Return an operator's wish that what was changed by hand be as the SIS says; `wish` is unlike any other's."""
    version = Version(at, None, Rank.UPDATE, wish)
    return Change(Ref(SITTING, offering_id), RESTORE, Statement.first(version, {"at": utc_text(at)}))


def translate(envelope: Envelope, data: BaseModel, mapping: IdMapping) -> tuple[Change, ...]:
    """Return what the event says of the sitting, or of the booking and its candidate."""
    match data:
        case ExamScheduled():
            return _scheduled(envelope, data, mapping)
        case ExamCancelled():
            return (_life(envelope, data.offeringId, Rank.CANCEL, canceled=True, reason=data.reason),)
        case ExamBooked():
            person = person_change(envelope, data.person, mapping, mention=True)
            return (person, _booked(envelope, data, mapping))
        case BookingCancelled():
            return (_cancelled(envelope, data),)
        case _:
            raise TypeError(f"no translation for {type(data).__name__}")


def _scheduled(envelope: Envelope, data: ExamScheduled, mapping: IdMapping) -> tuple[Change, ...]:
    organisation = data.organisation
    hierarchy = mapping.hierarchy(
        organisation.primaryCode.code if organisation else None, organisation.name if organisation else None
    )
    said: dict[str, Any] = {
        "title": data.name,
        # Cirrus answers in whole seconds: with a fraction, an exam that is read back would look moved.
        "start": utc_text(data.startDateTime.replace(microsecond=0)),
        "end": utc_text(data.endDateTime.replace(microsecond=0)),
        "duration": data.duration,
        "hierarchy": {"id": hierarchy.external_id, "name": hierarchy.name},
        "pin": data.pin,
    }
    external_id = None
    try:
        external_id = mapping.external_id(
            data.offeringId if mapping.schedule_id == "offeringId" else data.primaryCode.code
        )
        said["assessment"] = mapping.assessment(data.component.primaryCode.code, data.testsToBeUsed)
    except Unmappable as problem:
        said["refusal"] = str(problem)
    timetable = Change(
        ref=Ref(SITTING, data.offeringId),
        facet=TIMETABLE,
        statement=Statement.first(envelope.version(Rank.UPDATE), said),
        external_id=external_id,
        deadline=data.startDateTime,
    )
    life = _life(envelope, data.offeringId, Rank.UPDATE, canceled=False, reason=None)
    if external_id is None or "refusal" in said:
        return (timetable, life)
    return (timetable, life, exam_list(external_id, data.endDateTime, envelope.version(Rank.UPDATE)))


def _life(envelope: Envelope, offering_id: str, rank: Rank, *, canceled: bool, reason: str | None) -> Change:
    return Change(
        ref=Ref(SITTING, offering_id),
        facet=LIFE,
        statement=Statement.first(envelope.version(rank), {"canceled": canceled, "reason": reason}),
    )


def _booked(envelope: Envelope, data: ExamBooked, mapping: IdMapping) -> Change:
    said: dict[str, Any] = {
        "live": True,
        "sitting": data.offeringId,
        "attempt": data.attempt,
        "extra": grant(data.additionalTimeInMin, data.extraTimePercentage),
    }
    try:
        said["attempt_id"] = mapping.external_id(data.associationId)
    except Unmappable as problem:
        said["attempt_refusal"] = str(problem)
    return Change(
        ref=Ref(BOOKING, data.associationId),
        facet=SEAT,
        statement=Statement.first(envelope.version(Rank.CREATE), said),
        external_id=said.get("attempt_id") if mapping.external_attempts else None,
        home=Ref(SITTING, data.offeringId),
        about=candidate_ref(data.person.personId),
    )


def _cancelled(envelope: Envelope, data: BookingCancelled) -> Change:
    return Change(
        ref=Ref(BOOKING, data.associationId),
        facet=SEAT,
        statement=Statement.first(
            envelope.version(Rank.CANCEL),
            {"live": False, "sitting": data.offeringId, "reason": data.reason},
        ),
        home=Ref(SITTING, data.offeringId),
        about=candidate_ref(data.personId),
    )
