"""Builders of events, envelopes and records for the tests of the pure core."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from adapter.domain.envelope import Envelope, read_data
from adapter.domain.handler import Handler
from adapter.domain.mapping import IdMapping
from adapter.domain.records import Change
from adapter.domain.steps import Hierarchy
from adapter.domain.version import utc_text
from handlers import ALL

TENANT = "uni.example"
NOW = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
"""When the tests begin."""

SAID = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
"""When the SIS began to speak."""

START = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
"""When the exam of the tests starts."""

MAPPING = IdMapping(Hierarchy("UNI", "University"))


@dataclass(frozen=True, slots=True)
class Event:
    """One event as the SIS sends it; `minute` counts from `SAID` and decides which of two is newer."""

    type: str
    subject: str
    data: dict[str, Any]
    minute: int = 0
    event_id: str = ""
    sequence: int | None = field(default=None)

    @property
    def envelope(self) -> Envelope:
        """The attributes of the event."""
        return Envelope(
            id=self.event_id or f"{self.type}/{self.subject}/{self.minute}",
            source="//sis.uni.example",
            type=self.type,
            subject=self.subject,
            time=SAID + timedelta(minutes=self.minute),
            tenant=TENANT,
            sequence=self.sequence,
        )


def handler_of(event_type: str) -> Handler:
    """Return the handler that understands an event type."""
    return next(handler for handler in ALL if event_type in handler.events)


def read(event: Event) -> BaseModel:
    """Check the event's data as intake does."""
    return read_data(handler_of(event.type).events[event.type], event.data)


def changes(event: Event, mapping: IdMapping = MAPPING) -> tuple[Change, ...]:
    """Translate an event as intake does."""
    return handler_of(event.type).translate(event.envelope, read(event), mapping)


def code(text: str) -> dict[str, str]:
    """Return a code as OOAPI writes it."""
    return {"codeType": "identifier", "code": text}


def person(key: str, **other: object) -> dict[str, object]:
    """Return a person in full: person `p1` has student number `s1`."""
    return {
        "personId": f"p{key}",
        "primaryCode": code(f"s{key}"),
        "givenName": f"Given{key}",
        "surname": f"Sur{key}",
        "mail": f"s{key}@uni.example",
        **other,
    }


def scheduled(
    key: str = "1", *, start: datetime = START, minutes: int = 180, minute: int = 0, **other: object
) -> Event:
    """Return `sis.exam.scheduled.v1` of sitting `o1`, with a duration of two hours in a window of three."""
    data = {
        "offeringId": f"o{key}",
        "primaryCode": code(f"EXAM{key}"),
        "name": f"Exam {key}",
        "component": {"componentId": f"c{key}", "primaryCode": code(f"A{key}")},
        "startDateTime": utc_text(start),
        "endDateTime": utc_text(start + timedelta(minutes=minutes)),
        "duration": 120,
        **other,
    }
    return Event("sis.exam.scheduled.v1", f"o{key}", data, minute)


def exam_cancelled(key: str = "1", *, minute: int = 0) -> Event:
    """Return `sis.exam.cancelled.v1`."""
    return Event("sis.exam.cancelled.v1", f"o{key}", {"offeringId": f"o{key}", "reason": "no room"}, minute)


def booked(
    key: str,
    who: str,
    sitting: str = "1",
    *,
    minute: int = 0,
    whom: Mapping[str, object] | None = None,
    **other: object,
) -> Event:
    """Return `sis.exam.booked.v1`: booking `b1` of person `p1` for sitting `o1`."""
    data = {
        "associationId": f"b{key}",
        "offeringId": f"o{sitting}",
        "person": person(who, **(whom or {})),
        "state": "associated",
        **other,
    }
    return Event("sis.exam.booked.v1", f"b{key}", data, minute)


def booking_cancelled(key: str, who: str, sitting: str = "1", *, minute: int = 0) -> Event:
    """Return `sis.exam.booking-cancelled.v1`."""
    data = {"associationId": f"b{key}", "offeringId": f"o{sitting}", "personId": f"p{who}", "state": "canceled"}
    return Event("sis.exam.booking-cancelled.v1", f"b{key}", data, minute)


def rebooked(key: str, who: str, sitting: str, previous: str, *, minute: int = 0) -> Event:
    """Return `sis.exam.rebooked.v1`: booking `b1` goes from one sitting to another."""
    event = booked(key, who, sitting, minute=minute, previousOfferingId=f"o{previous}")
    return Event("sis.exam.rebooked.v1", event.subject, event.data, minute)


def enrolled(who: str, *, minute: int = 0, **whom: object) -> Event:
    """Return `sis.student.enrolled.v1`."""
    data = {
        "person": person(who, **whom),
        "programOfferingAssociation": {"associationId": f"e{who}", "state": "associated"},
    }
    return Event("sis.student.enrolled.v1", f"p{who}", data, minute)


def updated(who: str, *, minute: int = 0, **whom: object) -> Event:
    """Return `sis.student.updated.v1`."""
    return Event("sis.student.updated.v1", f"p{who}", {"person": person(who, **whom)}, minute)


def withdrawn(who: str, *, minute: int = 0, **association: object) -> Event:
    """Return `sis.student.withdrawn.v1`."""
    left = {"associationId": f"e{who}", "state": "canceled", **association}
    return Event(
        "sis.student.withdrawn.v1", f"p{who}", {"person": person(who), "programOfferingAssociation": left}, minute
    )


def accommodated(who: str, *needs: Mapping[str, object], minute: int = 0) -> Event:
    """Return `sis.accommodation.changed.v1`."""
    data = {
        "personId": f"p{who}",
        "primaryCode": code(f"s{who}"),
        "assignedNeeds": [{"code": "extra", **n} for n in needs],
    }
    return Event("sis.accommodation.changed.v1", f"p{who}", data, minute)


def merged(survivor: str, retired: str, *, minute: int = 0) -> Event:
    """Return `sis.person.merged.v1`: person `p2` was a second record of person `p1`."""
    data = {
        "survivingPerson": person(survivor),
        "retiredPersonId": f"p{retired}",
        "retiredPrimaryCode": code(f"s{retired}"),
    }
    return Event("sis.person.merged.v1", f"p{survivor}", data, minute)


def erasure_requested(who: str, *, minute: int = 0, not_before: datetime | None = None) -> Event:
    """Return `sis.person.erasure-requested.v1`."""
    data: dict[str, Any] = {"personId": f"p{who}", "primaryCode": code(f"s{who}")}
    if not_before is not None:
        data["notBefore"] = utc_text(not_before)
    return Event("sis.person.erasure-requested.v1", f"p{who}", data, minute)
