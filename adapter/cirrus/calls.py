"""Calls: what one step sends, and how what comes back is read; refused here is what Cirrus would never accept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, assert_never

from adapter.cirrus import bodies
from adapter.cirrus.paths import RULE, sendable
from adapter.cirrus.phrasebook import fold
from adapter.cirrus.results import ResultFields
from adapter.cirrus.wire import Reading
from adapter.domain import steps
from adapter.domain.answers import (
    Absent,
    Accepted,
    Answer,
    AttemptsSeen,
    Content,
    Done,
    Phrase,
    Refused,
    Remark,
    Seated,
    Unsendable,
)

Json = dict[str, Any]

ABSENT_USER: Mapping[Phrase, Content] = {Phrase.NOT_FOUND: Absent(), Phrase.USER_NOT_FOUND: Absent()}
ABSENT_SCHEDULE: Mapping[Phrase, Content] = {Phrase.NOT_FOUND: Absent()}
NO_ATTEMPTS: Mapping[Phrase, Content] = {
    **ABSENT_SCHEDULE,
    Phrase.NOT_ACTIVATED: AttemptsSeen(frozenset()),
    Phrase.NOT_BEGUN: AttemptsSeen(frozenset()),
}
NO_RESULTS: Mapping[Phrase, Content] = {
    **ABSENT_USER,
    Phrase.NO_RESULT: Absent(),
    Phrase.NOT_ACTIVATED: Absent(),
    Phrase.NOT_BEGUN: Absent(),
}


def _done(payload: Json) -> Content | None:
    return Done() if fold(payload).get("success") is True else None


def _done_unless_refused(_: Json) -> Content | None:
    return Done()


@dataclass(frozen=True, slots=True)
class Call:
    """One request and the reading of its answer.

    `read` turns the payload of a success into content, None when it cannot. `facts` are refusals that are an
    answer to a question: that something is not there. `empty` is what an empty body means, where it means
    anything; `bare` the name under which an array without an object around it is read.
    """

    operation: str
    external_id: str = ""
    body: bytes | None = field(default=None, repr=False)
    items: int = 1
    read: Callable[[Json], Content | None] = field(default=_done, repr=False)
    facts: Mapping[Phrase, Content] = field(default_factory=dict[Phrase, Content], repr=False)
    empty: Content | None = None
    bare: str | None = None
    query: Mapping[str, str] = field(default_factory=dict[str, str])


def call_for(step: steps.Step, dialect: bodies.Dialect, reading: Reading, fields: ResultFields) -> Call | Answer:
    """Return the call that carries out a step, or why nothing is sent for it."""
    if (misfit := next((each for each in _ids(step, dialect) if not sendable(each)), None)) is not None:
        return Unsendable(misfit, RULE)
    match step:
        case steps.ReadCandidate() | steps.ReadSchedule() | steps.ReadAttempts():
            return _question(step, reading)
        case steps.ReadResults():
            return _results(step, reading, fields)
        case steps.CreateCandidate() | steps.ChangeCandidate() | steps.DeleteCandidate():
            return _candidate(step)
        case steps.PublishSchedule() | steps.SeatCandidates():
            return _seats(step, dialect, reading)
        case steps.DraftSchedule() | steps.ChangeSchedule():
            return _schedule(step)
        case steps.ListCandidates() | steps.UnlistCandidates():
            return _listing(step, reading)
        case steps.ActivateSchedule(external_id=name):
            return Call("activate_schedule", name)
        case steps.DeleteSchedule(external_id=name):
            return Call("delete_schedule", name)
        case _ as never:
            assert_never(never)


def _question(step: steps.ReadCandidate | steps.ReadSchedule | steps.ReadAttempts, reading: Reading) -> Call:
    name = step.external_id
    match step:
        case steps.ReadCandidate():
            return Call("read_candidate", name, read=lambda said: reading.candidate(said, name), facts=ABSENT_USER)
        case steps.ReadSchedule():
            return Call("read_schedule", name, read=lambda said: reading.schedule(said, name), facts=ABSENT_SCHEDULE)
        case steps.ReadAttempts():
            return Call("read_attempts", name, read=reading.attempts, facts=NO_ATTEMPTS)
        case _ as never:
            assert_never(never)


def _results(step: steps.ReadResults, reading: Reading, fields: ResultFields) -> Call:
    """GET /results (9.1): by attempt alone, or by candidate and schedule."""
    asked = {"CandidateExtId": step.candidate_id, "ScheduleExtId": step.schedule_id}
    if step.attempt_id is not None:
        asked = {"AttemptExtId": step.attempt_id}
    query = {name: value for name, value in asked.items() if value is not None}
    read = partial(fields.read, reading=reading)
    return Call("read_results", read=read, facts=NO_RESULTS, empty=Absent(), bare="results", query=query)


def _listing(step: steps.ListCandidates | steps.UnlistCandidates, reading: Reading) -> Call:
    people = step.candidates
    body = bodies.encode(people)
    if isinstance(step, steps.ListCandidates):
        return Call("list_candidates", step.external_id, body, len(people), lambda said: reading.seated(said, people))
    return Call("unlist_candidates", step.external_id, body, len(people), lambda said: reading.unlisted(said, people))


def _ids(step: steps.Step, dialect: bodies.Dialect) -> tuple[str, ...]:
    """Return every external id that is sent, but for hierarchies: people name these in Cirrus and in the settings."""
    match step:
        case steps.CreateCandidate(profile=profile) | steps.ChangeCandidate(profile=profile):
            return (profile.external_id,)
        case steps.PublishSchedule(schedule=schedule, seats=seats):
            return (schedule.external_id, schedule.assessment_id, *_seat_ids(seats, dialect))
        case steps.SeatCandidates(external_id=name, seats=seats):
            return (name, *_seat_ids(seats, dialect))
        case steps.DraftSchedule(schedule=schedule):
            return (schedule.external_id, schedule.assessment_id)
        case steps.ChangeSchedule(schedule=schedule):
            return (schedule.external_id,)
        case (
            steps.ListCandidates(external_id=name, candidates=people)
            | steps.UnlistCandidates(external_id=name, candidates=people)
        ):
            return (name, *people)
        case steps.ReadResults(candidate_id=person, schedule_id=name, attempt_id=attempt):
            return tuple(each for each in (person, name, attempt) if each is not None)
        case _:
            return (step.external_id,)


def _seat_ids(seats: tuple[steps.Seat, ...], dialect: bodies.Dialect) -> tuple[str, ...]:
    people = tuple(seat.profile.external_id for seat in seats)
    if not dialect.external_attempts:
        return people
    return people + tuple(seat.attempt_id for seat in seats if seat.attempt_id is not None)


def _candidate(step: steps.CreateCandidate | steps.ChangeCandidate | steps.DeleteCandidate) -> Call | Refused:
    if isinstance(step, steps.DeleteCandidate):
        name = step.external_id
        return Call("delete_candidate", name, read=_done_unless_refused, facts=ABSENT_USER, empty=Done())
    if (remark := bodies.refusal_of_profile(step.profile)) is not None:
        return Refused(0, (remark,))
    if isinstance(step, steps.CreateCandidate):
        body, name, external_id = bodies.create_candidate(step), "create_candidate", ""
    else:
        body, name, external_id = bodies.change_candidate(step), "change_candidate", step.profile.external_id
    return _write(name, external_id, body)


def _schedule(step: steps.DraftSchedule | steps.ChangeSchedule) -> Call | Refused:
    if isinstance(step, steps.ChangeSchedule):
        return _write("change_schedule", step.schedule.external_id, bodies.change(step.schedule))
    if (remark := bodies.refusal_of_pin(step.schedule)) is not None:
        return Refused(0, (remark,))
    return _write("draft_schedule", "", bodies.draft(step.schedule))


def _write(operation: str, external_id: str, body: Json) -> Call | Refused:
    encoded = bodies.encode(body)
    if encoded is None:
        return Refused(0, (NO_TEXT,))
    return Call(operation, external_id, encoded, read=_done_unless_refused, empty=Done())


def _seats(
    step: steps.PublishSchedule | steps.SeatCandidates, dialect: bodies.Dialect, reading: Reading
) -> Call | Accepted | Refused:
    """Leave out whom Cirrus would not take, so that one mail address does not cost the others their seats."""
    held_back = {
        seat.profile.external_id: remark
        for seat in step.seats
        if (remark := bodies.refusal_of_profile(seat.profile)) is not None
    }
    seats = tuple(seat for seat in step.seats if seat.profile.external_id not in held_back)
    if held_back and not seats:
        nobody = Accepted(Seated({}, refused=held_back))
        return nobody if isinstance(step, steps.SeatCandidates) else Refused(0, tuple(held_back.values()))
    if isinstance(step, steps.PublishSchedule):
        if (remark := bodies.refusal_of_pin(step.schedule)) is not None:
            return Refused(0, (remark,))
        operation, body = "publish_schedule", bodies.encode(bodies.publish(step, seats, dialect))
    else:
        operation, body = "seat_candidates", bodies.encode(bodies.seat(step, seats, dialect))
    if body is None:
        return Refused(0, (NO_TEXT,))
    asked = tuple(seat.profile.external_id for seat in seats)

    def read(said: Json) -> Seated | None:
        seated = reading.seated(said, asked)
        return seated and Seated(seated.seated, seated.unknown, {**seated.refused, **held_back})

    return Call(operation, body=body, items=len(seats), read=read)


NO_TEXT = Remark(Phrase.INVALID_FIELD, "a title or a name is no valid text")
