"""Assumed answers: a Cirrus that is as the ledger knows it, or as it really is, and says yes, for dry runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from adapter.cirrus import bodies
from adapter.cirrus.calls import Call, call_for
from adapter.cirrus.paths import Paths, fill
from adapter.cirrus.results import ResultFields
from adapter.cirrus.wire import Reading
from adapter.cli.survey import Survey
from adapter.domain import steps
from adapter.domain.answers import (
    Absent,
    Accepted,
    Answer,
    AttemptsSeen,
    CandidateSeen,
    Content,
    Done,
    Phrase,
    Refused,
    Remark,
    ScheduleSeen,
    Seated,
    Unlisted,
)
from adapter.domain.records import Aggregate
from handlers.sittings.view import Known, holds_seat

LINK = "https://the-candidates-own-link"
"""What an assumed answer holds instead of a launch link."""


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call that would be made; `candidates` for a call about a schedule's candidates."""

    tenant: str
    operation: str
    method: str
    path: str
    candidates: int | None
    body: bytes | None = field(repr=False)


SEATING = frozenset({"publish_schedule", "seat_candidates", "list_candidates", "unlist_candidates"})


@dataclass(slots=True)
class AssumedCirrus:
    """The exam platform of one tenant as a dry run sees it; implements `adapter.domain.ports.Platform`.

    `aggregate` is the one that is worked on: what is read is what the ledger knows of it, or whom an earlier
    call has put on a schedule, which makes them known to Cirrus. With a `survey`, Cirrus itself is read. Each call is
    handed to `planned`, with the method, path and body that the client itself would send.
    """

    tenant: str
    paths: Paths
    dialect: bodies.Dialect
    reading: Reading
    planned: Callable[[PlannedCall], None]
    survey: Survey | None = None
    aggregate: Aggregate | None = None
    made: dict[str, CandidateSeen] = field(default_factory=dict[str, CandidateSeen])

    def perform(self, step: steps.Step) -> Answer:
        """Note the call that a step makes and say yes; what the client would refuse to send stays refused."""
        call = call_for(step, self.dialect, self.reading, ResultFields())
        if not isinstance(call, Call):
            return call
        if self._is_there(step):
            return Refused(400, (Remark(Phrase.ALREADY_EXISTS, "a schedule with this external id exists"),))
        route = self.paths.routes[call.operation]
        seats = call.items if call.operation in SEATING else None
        path = fill(route.template, call.external_id, call.query)
        self.planned(PlannedCall(self.tenant, call.operation, route.method, path, seats, call.body))
        if isinstance(step, steps.PublishSchedule | steps.SeatCandidates):
            self.made |= {seat.profile.external_id: _shown(seat.profile) for seat in step.seats}
        answer = self._answer(step)
        if isinstance(step, steps.ReadCandidate) and answer == Accepted(Absent()):
            answer = Accepted(self.made.get(step.external_id, Absent()))
        return answer

    def _answer(self, step: steps.Step) -> Answer:
        if self.survey is not None and isinstance(step, steps.ReadCandidate | steps.ReadSchedule):
            return self.survey.look(step)
        return Accepted(assume(step, self.aggregate))

    def _is_there(self, step: steps.Step) -> bool:
        """Tell whether Cirrus really has the schedule that is to be made."""
        if self.survey is None or self.dialect.upsert:
            return False
        match step:
            case steps.PublishSchedule(schedule=schedule) | steps.DraftSchedule(schedule=schedule):
                return self.survey.schedule(schedule.external_id) is not None
            case _:
                return False

    def close(self) -> None:
        """Hold nothing, so close nothing."""


def assume(step: steps.Step, aggregate: Aggregate | None) -> Content:
    """Return what Cirrus answers when it is as the ledger knows it, and nobody has begun an exam."""
    match step:
        case steps.ReadCandidate(external_id=name):
            return _candidate(name, aggregate)
        case steps.ReadSchedule(external_id=name):
            return _schedule(name, aggregate)
        case steps.ReadAttempts():
            return AttemptsSeen(frozenset())
        case steps.ReadResults():
            return Absent()
        case steps.PublishSchedule(seats=seats) | steps.SeatCandidates(seats=seats):
            return _seated(seats)
        case steps.ListCandidates(candidates=people):
            return Seated(dict.fromkeys(people))
        case steps.UnlistCandidates(candidates=people):
            return Unlisted(frozenset(people))
        case (
            steps.CreateCandidate()
            | steps.ChangeCandidate()
            | steps.DeleteCandidate()
            | steps.DraftSchedule()
            | steps.ChangeSchedule()
            | steps.ActivateSchedule()
            | steps.DeleteSchedule()
        ):
            return Done()
        case _ as never:
            assert_never(never)


def _seated(seats: tuple[steps.Seat, ...]) -> Seated:
    refused = {
        seat.profile.external_id: remark
        for seat in seats
        if (remark := bodies.refusal_of_profile(seat.profile)) is not None
    }
    names = (seat.profile.external_id for seat in seats)
    return Seated({name: LINK for name in names if name not in refused}, refused=refused)


def _shown(profile: steps.Profile) -> CandidateSeen:
    return CandidateSeen(
        external_id=profile.external_id,
        first_name=profile.first_name,
        last_name=profile.last_name,
        mail=profile.mail,
        extra_time=profile.extra_time or 0,
        login_disabled=profile.login_disabled,
        hierarchies=frozenset(),
    )


def _candidate(external_id: str, aggregate: Aggregate | None) -> CandidateSeen | Absent:
    root = aggregate.root if aggregate is not None else None
    seen: Mapping[str, Any] | None = root.confirmed.get("seen") if root is not None else None
    if seen is None or seen.get("absent"):
        return Absent()
    return CandidateSeen(
        external_id=external_id,
        first_name=seen.get("first_name"),
        last_name=seen.get("last_name"),
        mail=seen.get("mail"),
        extra_time=int(seen.get("extra_time") or 0),
        login_disabled=seen.get("login_disabled"),
        hierarchies=frozenset(),
    )


def _schedule(external_id: str, aggregate: Aggregate | None) -> ScheduleSeen | Absent:
    known = Known.of(aggregate.root if aggregate is not None else None)
    if aggregate is None or not known.exists:
        return Absent()
    seated = {member.about for member in aggregate.members if holds_seat(member)}
    present = (aggregate.related[ref].external_id for ref in seated if ref is not None and ref in aggregate.related)
    return ScheduleSeen(
        external_id=external_id,
        title=known.title,
        start=known.start,
        end=known.end,
        activated=known.activated,
        archived=known.archived,
        candidates=frozenset(name for name in present if name is not None),
    )
