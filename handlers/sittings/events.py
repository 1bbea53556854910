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
    """A schedule for the mapped assessment, long enough for the largest extra time.

    What Cirrus can no longer change becomes a task.
    """

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
    """The schedule is removed if Cirrus still allows it, else a task. Its bookings are off."""

    offeringId: Identifier  # noqa: N815 - the contract's spelling
    reason: Text | None = None


class ExamBooked(Shape):
    """The candidate exists and is on the schedule, with the right extra time."""

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
    """The candidate is off the schedule if Cirrus still allows it, else a task."""

    associationId: Identifier  # noqa: N815 - the contract's spelling
    offeringId: Identifier  # noqa: N815 - the contract's spelling
    personId: Identifier  # noqa: N815 - the contract's spelling
    state: Literal["canceled"]
    reason: Text | None = None
    cancelledAt: Moment | None = None  # noqa: N815 - the contract's spelling


class ExamRebooked(ExamBooked):
    """On the new sitting first, then off the old one."""

    previousOfferingId: Identifier  # noqa: N815 - the contract's spelling
