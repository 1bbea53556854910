"""The shapes of the outcome events, for their JSON Schemas; `handlers.said` and its callers build the events.

Built as models so that a test can hold every event that is really published against its shape.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from handlers import said

PersonId = Annotated[str | None, Field(description="The person, by the SIS's id.")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Failure(_Shape):
    """Why not."""

    code: str
    """Stable, for programs."""

    text: str
    """A sentence that an exam office understands."""

    retryable: bool
    """Whether saying the same again may have another end."""


class About(_Shape):
    """The object that is meant."""

    kind: str
    id: str


class WaitingFor(_Shape):
    """What is missing."""

    kind: str
    """The kind of object, or what is missing in words where it is no object."""

    id: str | None


class CandidateConfirmed(_Shape):
    """The candidate is in Cirrus as the SIS says."""

    personId: str  # noqa: N815 - the contract's spelling
    candidateExtId: str | None  # noqa: N815 - the contract's spelling
    """User id in Cirrus."""
    changed: list[str]
    """What had to be changed for it; empty when nothing."""
    extraTimePercentage: int | None  # noqa: N815 - the contract's spelling
    """Extra time that the profile holds; null when it was left as it was."""


class CandidateRejected(_Shape):
    """The candidate cannot be brought into Cirrus."""

    personId: str  # noqa: N815 - the contract's spelling
    candidateExtId: str | None  # noqa: N815 - the contract's spelling
    error: Failure


class ExamConfirmed(_Shape):
    """The schedule is in Cirrus."""

    offeringId: str  # noqa: N815 - the contract's spelling
    scheduleExtId: str | None  # noqa: N815 - the contract's spelling
    """External id of the schedule in Cirrus."""
    state: Literal["draft", "activated"]


class ExamRejected(_Shape):
    """The sitting cannot be had."""

    offeringId: str  # noqa: N815 - the contract's spelling
    scheduleExtId: str | None  # noqa: N815 - the contract's spelling
    error: Failure


class ExamCancelled(_Shape):
    """The schedule is not, or no longer, in Cirrus."""

    offeringId: str  # noqa: N815 - the contract's spelling
    scheduleExtId: str | None  # noqa: N815 - the contract's spelling


class _Booking(_Shape):
    associationId: str  # noqa: N815 - the contract's spelling
    offeringId: str  # noqa: N815 - the contract's spelling
    personId: PersonId  # noqa: N815 - the contract's spelling


class BookingConfirmed(_Booking):
    """The candidate has a seat and will be able to sit."""

    candidateExtId: str | None  # noqa: N815 - the contract's spelling
    scheduleExtId: str | None  # noqa: N815 - the contract's spelling
    confirmedBy: Literal["answer", "read-back"] | None  # noqa: N815 - the contract's spelling
    """Whether Cirrus said so when it was asked to, or a later look has shown it."""
    extraTimePercentage: int | None  # noqa: N815 - the contract's spelling
    """Extra time in force for this exam."""


class BookingPending(_Booking):
    """The booking still waits; said after a grace period, and once more as the exam nears."""

    waitingFor: WaitingFor  # noqa: N815 - the contract's spelling
    deadline: AwareDatetime | None
    """When the exam starts."""


class BookingRejected(_Booking):
    """The booking cannot be had."""

    error: Failure


class BookingCancelled(_Booking):
    """No seat is held for this booking any more."""

    reason: str | None


class LaunchLinkIssued(_Booking):
    """The candidate's personal link to the exam: a bearer secret, on a routing key of its own."""

    launchUrl: str  # noqa: N815 - the contract's spelling


class TaskRaised(_Shape):
    """A person has to do something in Cirrus that its API cannot do."""

    taskId: str  # noqa: N815 - the contract's spelling
    kind: str
    about: About
    text: str
    """What is to be done, in a sentence."""
    steps: list[str]
    """How, step by step."""
    deadline: AwareDatetime | None
    """By when."""


class TaskClosed(_Shape):
    """A task is done, or no longer needed."""

    taskId: str  # noqa: N815 - the contract's spelling
    kind: str
    about: About


OUTCOMES: Mapping[str, type[BaseModel]] = {
    said.CANDIDATE_CONFIRMED: CandidateConfirmed,
    said.CANDIDATE_REJECTED: CandidateRejected,
    said.EXAM_CONFIRMED: ExamConfirmed,
    said.EXAM_REJECTED: ExamRejected,
    said.EXAM_CANCELLED: ExamCancelled,
    said.BOOKING_CONFIRMED: BookingConfirmed,
    said.BOOKING_PENDING: BookingPending,
    said.BOOKING_REJECTED: BookingRejected,
    said.BOOKING_CANCELLED: BookingCancelled,
    said.LAUNCH_LINK_ISSUED: LaunchLinkIssued,
    said.TASK_RAISED: TaskRaised,
    said.TASK_CLOSED: TaskClosed,
}
"""The shape of each outcome event's data."""
