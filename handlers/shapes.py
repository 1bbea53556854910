"""The shapes of the outcome events, for their JSON Schemas; `handlers.said` and its callers build the events.

Built as models so that a test can hold every event that is really published against its shape.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from adapter.domain.guard import CHANGE_DISCARDED, CHANGE_HELD
from adapter.domain.outcomes import PERSON_ERASED
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

    launchUrl: str = Field(repr=False)  # noqa: N815 - the contract's spelling


class AttendanceRecorded(_Booking):
    """Whether the candidate sat the exam, as far as Cirrus knows: it sees attempts, not people."""

    attendance: Literal["notKnown", "notStarted", "notFinished", "present"]
    """`notStarted`: on the schedule, no attempt was begun; `notFinished`: begun and not handed in when the exam was
    over; `notKnown`: not shown by Cirrus. `notPresent` is for invigilators to say."""
    startedAt: AwareDatetime | None  # noqa: N815 - the contract's spelling
    handedInAt: AwareDatetime | None  # noqa: N815 - the contract's spelling
    submittedBy: None  # noqa: N815 - the contract's spelling
    """Who handed in; the call that is made does not tell."""


class Result(_Shape):
    """What was achieved; null is what Cirrus does not show."""

    state: Literal["completed", "notSubmitted"]
    pass_: Literal["passed", "failed", "unknown"] = Field(alias="pass")
    score: float | None = Field(repr=False)
    """As Cirrus gives it, in percent as far as it is known."""
    rawScore: float | None = Field(repr=False)  # noqa: N815 - the contract's spelling
    maxRawScore: float | None = Field(repr=False)  # noqa: N815 - the contract's spelling
    grade: str | None = Field(repr=False)
    testDate: AwareDatetime | None  # noqa: N815 - the contract's spelling
    resultDate: AwareDatetime | None  # noqa: N815 - the contract's spelling
    attempt: int | None
    """The attempt of the booking; Cirrus' own number for a result without a booking."""
    final: bool | None


class Previous(_Shape):
    """What was told before."""

    score: float | None = Field(repr=False)
    pass_: Literal["passed", "failed", "unknown"] = Field(alias="pass")


class _Told(_Shape):
    associationId: str | None  # noqa: N815 - the contract's spelling
    """The booking; null where none is known."""
    offeringId: str | None  # noqa: N815 - the contract's spelling
    personId: PersonId  # noqa: N815 - the contract's spelling
    candidateExtId: str | None  # noqa: N815 - the contract's spelling
    scheduleExtId: str | None  # noqa: N815 - the contract's spelling
    resultVersion: int  # noqa: N815 - the contract's spelling
    """Counts what was told of this result; the highest holds."""
    contentHash: str  # noqa: N815 - the contract's spelling
    """SHA-256 of the result but for its resultDate: equal for equal results."""
    orphan: bool
    """Whether no standing booking is known: it was cancelled, or the candidate was added by hand, or two bookings
    cannot be told apart."""


class ResultPublished(_Told):
    """A result is there for the first time."""

    result: Result


class ResultCorrected(_Told):
    """A result that was told before has changed, or has been found to belong to a booking."""

    result: Result
    supersedes: str
    """Id of the event that no longer holds."""
    previous: Previous


class ResultVoided(_Told):
    """A result does not count: it was voided, or is published no longer."""

    supersedes: str | None
    """Id of the event that no longer holds; null where nothing was told before."""
    reason: str


class Missing(_Shape):
    """A booking whose candidate was taken off the schedule."""

    associationId: str  # noqa: N815 - the contract's spelling
    personId: PersonId  # noqa: N815 - the contract's spelling
    candidateExtId: str | None  # noqa: N815 - the contract's spelling


class Difference(_Shape):
    """A value that was changed."""

    field: Literal["title", "start", "end", "state"]
    wanted: str
    """As the SIS says; times are UTC."""
    seen: str
    """As Cirrus has it. `state` is `activated`, `draft`, `archived`, or `gone`."""


class DriftDetected(_Shape):
    """Somebody has changed an exam by hand in Cirrus; it stands until the SIS says something new, or an operator.

    It tells all that differs now. It is told again when that changes, and with three empty lists when nothing differs
    any more.
    """

    offeringId: str  # noqa: N815 - the contract's spelling
    scheduleExtId: str  # noqa: N815 - the contract's spelling
    missing: list[Missing]
    """Bookings that were confirmed and have no seat any more."""
    surplus: list[str]
    """Candidates, by their ids in Cirrus, who are on the schedule without a booking."""
    differing: list[Difference]
    """Values of the schedule."""


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


class _Guarded(_Shape):
    about: About
    """What would lose something: a booking, an exam, or a person."""
    eventId: str  # noqa: N815 - the contract's spelling
    """The event of the SIS that is meant."""
    eventType: str  # noqa: N815 - the contract's spelling
    holdId: str  # noqa: N815 - the contract's spelling
    """The question that it is part of; a person answers it."""
    reason: str
    """In words."""


class ChangeHeld(_Guarded):
    """An event that takes away is not carried out until a person has decided: too many came at once.

    Something newer about the same object goes before it.
    """


class ChangeDiscarded(_Guarded):
    """A person has decided that the event is not carried out: the SIS differs from Cirrus until it says otherwise.

    The same said again changes nothing.
    """


class ErasedInCirrus(_Shape):
    """What became of the user in Cirrus."""

    state: Literal["deleted", "deletedByHand", "notFound", "neverThere"]
    """`notFound`: Cirrus has no such user; `neverThere`: the person never had one."""

    nameOverwritten: bool | None  # noqa: N815 - the contract's spelling
    """Whether name and mail address were overwritten before."""

    purgeFrom: AwareDatetime | None  # noqa: N815 - the contract's spelling
    """From when on an administrator can purge the trash can; null when nothing lies there."""


class ErasedInLedger(_Shape):
    """Rows that were erased, by table."""

    records: int
    outbox: int
    messages: int
    journal: int
    tasks: int
    documents: int
    notices: int
    removals: int


class ErasedLetters(_Shape):
    """Dead letters that named the person."""

    searched: bool
    """False where the broker cannot be searched."""

    erased: int


class Remains(_Shape):
    """What was not reached."""

    where: str
    until: str


class PersonErased(_Shape):
    """The person was erased; nothing more is said of this person."""

    personId: str  # noqa: N815 - the contract's spelling
    cirrus: ErasedInCirrus
    ledger: ErasedInLedger
    deadLetters: ErasedLetters  # noqa: N815 - the contract's spelling
    remains: list[Remains]


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
    said.ATTENDANCE_RECORDED: AttendanceRecorded,
    said.RESULT_PUBLISHED: ResultPublished,
    said.RESULT_CORRECTED: ResultCorrected,
    said.RESULT_VOIDED: ResultVoided,
    said.DRIFT_DETECTED: DriftDetected,
    said.TASK_RAISED: TaskRaised,
    said.TASK_CLOSED: TaskClosed,
    CHANGE_HELD: ChangeHeld,
    CHANGE_DISCARDED: ChangeDiscarded,
    PERSON_ERASED: PersonErased,
}
"""The shape of each outcome event's data."""
