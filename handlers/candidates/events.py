"""The shapes of the events about a student."""

from typing import Literal

from pydantic import model_validator

from handlers.ooapi import Code, Day, Identifier, Moment, Need, Person, Shape, Text


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
    """The candidate exists in Cirrus, is up to date and in the mapped hierarchies."""

    person: Person
    programOfferingAssociation: Enrolment  # noqa: N815 - the contract's spelling


class StudentUpdated(Shape):
    """The candidate is up to date; Cirrus is called only if a field that it holds differs."""

    person: Person


class StudentWithdrawn(Shape):
    """The student has left the programme: coming bookings are cancelled, the login is disabled, as the policy says.

    The user is never deleted.
    """

    person: Person
    programOfferingAssociation: Enrolment  # noqa: N815 - the contract's spelling
    reason: Text | None = None


class AccommodationChanged(Shape):
    """Extra time of the candidate, for every exam to come; too late, it is a task."""

    personId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
    assignedNeeds: tuple[Need, ...]  # noqa: N815 - the contract's spelling


class PersonMerged(Shape):
    """Two records of one person have become one: the survivor has the bookings and the results of both.

    The retired number is given to nobody else. Cirrus cannot merge users: its retired user is left to a person.
    """

    survivingPerson: Person  # noqa: N815 - the contract's spelling
    retiredPersonId: Identifier  # noqa: N815 - the contract's spelling
    retiredPrimaryCode: Code  # noqa: N815 - the contract's spelling

    @model_validator(mode="after")
    def _two_people(self) -> "PersonMerged":
        if self.retiredPersonId == self.survivingPerson.personId:
            raise ValueError("a person cannot be merged into the same person")
        return self


class ErasureRequested(Shape):
    """The person's data are to go, once the results that are outstanding have been told.

    Cirrus, the ledger and the dead letters are erased, and `cirrus.person.erased.v1` proves it.
    """

    personId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
    notBefore: Moment | None = None  # noqa: N815 - the contract's spelling
