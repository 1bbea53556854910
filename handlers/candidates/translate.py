"""From an event about a student to what the candidate should be."""

from collections.abc import Iterator

from msgspec.structs import replace
from pydantic import BaseModel

from adapter.domain.envelope import Envelope
from adapter.domain.mapping import IdMapping, Unmappable
from adapter.domain.records import Change
from adapter.domain.version import Rank, Statement, Version, utc_text
from handlers.candidates.events import (
    AccommodationChanged,
    Enrolment,
    ErasureRequested,
    PersonMerged,
    StudentEnrolled,
    StudentUpdated,
    StudentWithdrawn,
)
from handlers.extra_time import needs_data
from handlers.ooapi import Code, Need, Person
from handlers.people import ENROLMENT, ERASURE, MERGED, NEEDS, candidate_id, candidate_ref, person_change


def translate(envelope: Envelope, data: BaseModel, mapping: IdMapping) -> tuple[Change, ...]:
    """Return what the event says of the candidate."""
    match data:
        case StudentEnrolled():
            return tuple(_enrolled(envelope, data.person, data.programOfferingAssociation, mapping))
        case StudentUpdated():
            return tuple(_person(envelope, data.person, mapping))
        case StudentWithdrawn():
            return tuple(_enrolled(envelope, data.person, data.programOfferingAssociation, mapping))
        case AccommodationChanged():
            return (_needs(envelope, data.personId, data.primaryCode, data.assignedNeeds, mapping),)
        case PersonMerged():
            return _merged(envelope, data, mapping)
        case ErasureRequested():
            return (_erasure(envelope, data, mapping),)
        case _:
            raise TypeError(f"no translation for {type(data).__name__}")


def _person(envelope: Envelope, person: Person, mapping: IdMapping) -> Iterator[Change]:
    yield person_change(envelope, person, mapping, mention=False)
    if any(need.additionalTimeInMin or need.extraTimePercentage for need in person.assignedNeeds):
        yield _needs(envelope, person.personId, person.primaryCode, person.assignedNeeds, mapping)


def _enrolled(envelope: Envelope, person: Person, enrolment: Enrolment, mapping: IdMapping) -> Iterator[Change]:
    yield from _person(envelope, person, mapping)
    active = enrolment.state not in ("canceled", "finished", "denied")
    programme: str | None = (
        enrolment.offering.primaryCode.code if enrolment.offering and enrolment.offering.primaryCode else None
    )
    mapped = mapping.hierarchies.get(programme) if programme else None
    yield Change(
        ref=candidate_ref(person.personId),
        facet=ENROLMENT + enrolment.associationId,
        statement=Statement.first(
            envelope.version(Rank.CREATE if active else Rank.CANCEL),
            {
                "active": active,
                "hierarchy": mapped.external_id if mapped else None,
                "ended": enrolment.finalEndDate.isoformat() if enrolment.finalEndDate and not active else None,
            },
        ),
        ripples=True,
    )


def _needs(envelope: Envelope, person_id: str, primary: Code, needs: tuple[Need, ...], mapping: IdMapping) -> Change:
    return Change(
        ref=candidate_ref(person_id),
        facet=NEEDS,
        statement=Statement.first(envelope.version(Rank.UPDATE), needs_data(needs)),
        external_id=_external_id(person_id, primary, mapping),
        ripples=True,
    )


def _merged(envelope: Envelope, data: PersonMerged, mapping: IdMapping) -> tuple[Change, ...]:
    survivor, retired = data.survivingPerson.personId, data.retiredPersonId
    person = person_change(envelope, data.survivingPerson, mapping, mention=False)
    if envelope.subject != survivor:
        # A sequence counts what is said of the event's own subject.
        person = replace(person, statement=Statement.first(_unsequenced(envelope), person.statement.data))
    alias = Change(
        ref=candidate_ref(retired),
        facet=MERGED,
        statement=Statement.first(_unsequenced(envelope), {"into": survivor}),
        external_id=_external_id(retired, data.retiredPrimaryCode, mapping),
        about=candidate_ref(survivor),
    )
    return (person, alias)


def _unsequenced(envelope: Envelope) -> Version:
    return envelope.version(Rank.UPDATE, sequenced=False)


def _erasure(envelope: Envelope, asked: ErasureRequested, mapping: IdMapping) -> Change:
    not_before = utc_text(asked.notBefore) if asked.notBefore is not None else None
    return Change(
        ref=candidate_ref(asked.personId),
        facet=ERASURE,
        statement=Statement.first(envelope.version(Rank.CANCEL), {"not_before": not_before}),
        external_id=_external_id(asked.personId, asked.primaryCode, mapping),
    )


def _external_id(person_id: str, primary: Code, mapping: IdMapping) -> str | None:
    try:
        return candidate_id(mapping, person_id, primary)
    except Unmappable:
        return None  # the person's own event says what is wrong with the id
