"""The shapes of the events about sittings of an exam and about bookings of them."""

from typing import Literal

from pydantic import Field, model_validator

from handlers.ooapi import (
    Code,
    Component,
    Identifier,
    Minutes,
    Moment,
    Organisation,
    Percent,
    Person,
    Shape,
    Text,
    Title,
)


class ExamScheduled(Shape):
    """`sis.exam.scheduled.v1` and `sis.exam.updated.v1`."""

    offeringId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
    name: Title
    component: Component
    startDateTime: Moment  # noqa: N815 - the contract's spelling
    endDateTime: Moment  # noqa: N815 - the contract's spelling
    duration: Minutes | None = None
    timeZone: Identifier | None = None  # noqa: N815 - the contract's spelling
    locationCode: Identifier | None = None  # noqa: N815 - the contract's spelling
    testsToBeUsed: tuple[Identifier, ...] = ()  # noqa: N815 - the contract's spelling
    attemptKind: Identifier | None = None  # noqa: N815 - the contract's spelling
    organisation: Organisation | None = None
    invigilators: tuple[Person, ...] = ()
    pin: str | None = Field(default=None, pattern=r"^[0-9]{1,4}$", repr=False)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "ExamScheduled":
        if self.endDateTime <= self.startDateTime:
            raise ValueError("endDateTime must be later than startDateTime")
        return self


class ExamCancelled(Shape):
    """`sis.exam.cancelled.v1`."""

    offeringId: Identifier  # noqa: N815 - the contract's spelling
    reason: Text | None = None


class ExamBooked(Shape):
    """`sis.exam.booked.v1`."""

    associationId: Identifier  # noqa: N815 - the contract's spelling
    offeringId: Identifier  # noqa: N815 - the contract's spelling
    person: Person
    state: Literal["associated"]
    attempt: int = Field(default=1, ge=1, le=99)
    additionalTimeInMin: Minutes | None = None  # noqa: N815 - the contract's spelling
    extraTimePercentage: Percent | None = None  # noqa: N815 - the contract's spelling
    personalNeeds: tuple[Identifier, ...] = ()  # noqa: N815 - the contract's spelling
    bookedAt: Moment | None = None  # noqa: N815 - the contract's spelling
    late: bool = False


class BookingCancelled(Shape):
    """`sis.exam.booking-cancelled.v1`."""

    associationId: Identifier  # noqa: N815 - the contract's spelling
    offeringId: Identifier  # noqa: N815 - the contract's spelling
    personId: Identifier  # noqa: N815 - the contract's spelling
    state: Literal["canceled"]
    reason: Text | None = None
    cancelledAt: Moment | None = None  # noqa: N815 - the contract's spelling


class ExamRebooked(ExamBooked):
    """`sis.exam.rebooked.v1`."""

    previousOfferingId: Identifier  # noqa: N815 - the contract's spelling
