"""The shapes of the events about a student."""

from typing import Literal

from handlers.ooapi import Code, Day, Identifier, Need, Person, Shape, Text


class Programme(Shape):
    """The offering of a programme that a student is enrolled in."""

    offeringId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code | None = None  # noqa: N815 - the contract's spelling
    name: Text | None = None


class Enrolment(Shape):
    """One student's enrolment in one programme."""

    associationId: Identifier  # noqa: N815 - the contract's spelling
    state: Literal["pending", "associated", "canceled", "queued", "denied", "finished"]
    offering: Programme | None = None
    startDate: Day | None = None  # noqa: N815 - the contract's spelling
    expectedEndDate: Day | None = None  # noqa: N815 - the contract's spelling
    finalEndDate: Day | None = None  # noqa: N815 - the contract's spelling


class StudentEnrolled(Shape):
    """`sis.student.enrolled.v1`."""

    person: Person
    programOfferingAssociation: Enrolment  # noqa: N815 - the contract's spelling


class StudentUpdated(Shape):
    """`sis.student.updated.v1`."""

    person: Person


class StudentWithdrawn(Shape):
    """`sis.student.withdrawn.v1`."""

    person: Person
    programOfferingAssociation: Enrolment  # noqa: N815 - the contract's spelling
    reason: Text | None = None


class AccommodationChanged(Shape):
    """`sis.accommodation.changed.v1`."""

    personId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
    assignedNeeds: tuple[Need, ...]  # noqa: N815 - the contract's spelling
