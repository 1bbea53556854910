"""A very small Cirrus that answers steps with answers, as documented, without any I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import assert_never

from adapter.domain.answers import (
    Absent,
    Accepted,
    Answer,
    AttemptSeen,
    AttemptsSeen,
    CandidateSeen,
    Content,
    Done,
    NoAnswer,
    Phrase,
    Refused,
    Remark,
    ResultSeen,
    ResultsSeen,
    ScheduleSeen,
    Seated,
    Unlisted,
)
from adapter.domain.steps import (
    ActivateSchedule,
    ChangeCandidate,
    ChangeSchedule,
    CreateCandidate,
    DeleteCandidate,
    DeleteSchedule,
    DraftSchedule,
    ListCandidates,
    Profile,
    PublishSchedule,
    ReadAttempts,
    ReadCandidate,
    ReadResults,
    ReadSchedule,
    Schedule,
    Seat,
    SeatCandidates,
    Step,
    UnlistCandidates,
)
from tests.values import replace


def refused(phrase: Phrase, text: str = "no", *about: str) -> Refused:
    """Return Cirrus' no to a whole call."""
    return Refused(400, (Remark(phrase, text, about=about),))


@dataclass(slots=True)
class PureSchedule:
    """One schedule in Cirrus."""

    schedule: Schedule
    activated: bool
    seats: set[str] = field(default_factory=set[str])
    started: set[str] = field(default_factory=set[str])
    archived: bool = False


@dataclass(slots=True)
class PureCirrus:
    """Cirrus as documented (cirrus-api.md 1, 5, 6), as far as the steps go.

    `spoiled` candidates make every call that holds them fail whole; with `named`, in words that name them.
    `script` answers steps instead of the rules: the first entry that gives an answer is used up.
    """

    users: dict[str, Profile] = field(default_factory=dict[str, Profile])
    schedules: dict[str, PureSchedule] = field(default_factory=dict[str, PureSchedule])
    spoiled: set[str] = field(default_factory=set[str])
    named: bool = False
    forgets_links: bool = False
    script: list[Callable[["PureCirrus", Step], Answer | None]] = field(
        default_factory=list[Callable[["PureCirrus", Step], Answer | None]]
    )
    steps: list[Step] = field(default_factory=list[Step])
    attempts: dict[tuple[str, str], tuple[AttemptSeen, ...]] = field(
        default_factory=dict[tuple[str, str], tuple[AttemptSeen, ...]]
    )
    results: dict[tuple[str, str], tuple[ResultSeen, ...]] = field(
        default_factory=dict[tuple[str, str], tuple[ResultSeen, ...]]
    )

    def perform(self, step: Step) -> Answer:
        """Answer one step, and carry it out unless the script says otherwise."""
        self.steps.append(step)
        for scripted in list(self.script):
            answer = scripted(self, step)
            if answer is not None:
                self.script.remove(scripted)
                return answer
        return self.obey(step)

    def obey(self, step: Step) -> Answer:
        """Carry out one step by the rules."""
        answer = self._obey(step)
        return answer if isinstance(answer, Refused) else Accepted(answer)

    def _obey(self, step: Step) -> Content | Refused:
        match step:
            case ReadResults():
                return self._published(step)
            case ReadCandidate() | CreateCandidate() | ChangeCandidate() | DeleteCandidate():
                return self._user(step)
            case PublishSchedule(schedule=schedule, seats=seats):
                return self._publish(schedule, seats)
            case DraftSchedule(schedule=schedule):
                if schedule.external_id in self.schedules:
                    return refused(Phrase.ALREADY_EXISTS)
                self.schedules[schedule.external_id] = PureSchedule(schedule, activated=False)
                return Done()
            case ChangeSchedule(schedule=schedule):
                external_id = schedule.external_id
            case (
                ReadSchedule(external_id=external_id)
                | ReadAttempts(external_id=external_id)
                | SeatCandidates(external_id=external_id)
                | ListCandidates(external_id=external_id)
                | UnlistCandidates(external_id=external_id)
                | ActivateSchedule(external_id=external_id)
                | DeleteSchedule(external_id=external_id)
            ):
                pass
            case _ as never:
                assert_never(never)
        held = self.schedules.get(external_id)
        if held is None:
            return Absent() if isinstance(step, ReadSchedule) else refused(Phrase.NOT_FOUND)
        return self._on_schedule(step, held)

    def _published(self, step: ReadResults) -> ResultsSeen:
        """Show what is published; by attempt, whoever's it is."""
        shown = tuple(
            seen
            for (schedule, candidate), results in self.results.items()
            for seen in results
            if (step.attempt_id is None and (schedule, candidate) == (step.schedule_id, step.candidate_id))
            or (step.attempt_id is not None and step.attempt_id == seen.attempt_id)
        )
        return ResultsSeen(shown, {"CandidateExtId": step.candidate_id})

    def _user(self, step: ReadCandidate | CreateCandidate | ChangeCandidate | DeleteCandidate) -> Content | Refused:
        match step:
            case ReadCandidate(external_id=external_id):
                user = self.users.get(external_id)
                return Absent() if user is None else _seen(user)
            case DeleteCandidate(external_id=external_id):
                return Absent() if self.users.pop(external_id, None) is None else Done()
            case CreateCandidate(profile=profile):
                if profile.external_id in self.users:
                    return refused(Phrase.ALREADY_EXISTS)
                if profile.external_id in self.spoiled:
                    return refused(Phrase.INVALID_FIELD)
                self.users[profile.external_id] = profile
                return Done()
            case ChangeCandidate(profile=profile, fields=fields):
                changed = {name: getattr(profile, name) for name in fields}
                self.users[profile.external_id] = replace(self.users[profile.external_id], **changed)
                return Done()

    def _publish(self, schedule: Schedule, seats: tuple[Seat, ...]) -> Content | Refused:
        if schedule.external_id in self.schedules:
            return refused(Phrase.ALREADY_EXISTS)
        if (problem := self._spoilt(seats)) is not None:
            return problem
        self.schedules[schedule.external_id] = PureSchedule(schedule, activated=True)
        return self._take(self.schedules[schedule.external_id], seats)

    def _on_schedule(self, step: Step, held: PureSchedule) -> Content | Refused:
        match step:
            case ReadSchedule():
                return _shown(held)
            case ReadAttempts():
                title = held.schedule.external_id
                shown = {who: self.attempts.get((title, who), ()) for who in held.seats}
                return AttemptsSeen(frozenset(held.started), shown)
            case SeatCandidates(seats=seats):
                return self._spoilt(seats) or self._take(held, seats)
            case ListCandidates(candidates=candidates):
                known = {candidate for candidate in candidates if candidate in self.users}
                if not known:
                    return refused(Phrase.USER_NOT_FOUND)
                held.seats |= known
                return Seated(dict.fromkeys(known), frozenset(candidates) - known)
            case ActivateSchedule():
                held.activated = True
                return Done()
            case _ if held.activated:
                return refused(Phrase.CANNOT_DELETE if isinstance(step, DeleteSchedule) else Phrase.FROZEN)
            case _:
                return self._on_draft(step, held)

    def _on_draft(self, step: Step, held: PureSchedule) -> Content | Refused:
        match step:
            case ChangeSchedule(schedule=schedule):
                held.schedule = schedule
                return Done()
            case UnlistCandidates(candidates=candidates):
                held.seats -= set(candidates)
                return Unlisted(frozenset(candidates))
            case DeleteSchedule(external_id=external_id):
                del self.schedules[external_id]
                return Done()
            case _:
                raise AssertionError(f"no schedule is needed for {step}")

    def _spoilt(self, seats: Iterable[Seat]) -> Refused | None:
        bad = sorted({seat.profile.external_id for seat in seats} & self.spoiled)
        return refused(Phrase.INVALID_FIELD, "invalid value", *(bad if self.named else ())) if bad else None

    def _take(self, held: PureSchedule, seats: Iterable[Seat]) -> Seated:
        links: dict[str, str | None] = {}
        for seat in seats:
            external_id = seat.profile.external_id
            self.users.setdefault(external_id, seat.profile)
            held.seats.add(external_id)
            title = held.schedule.external_id
            links[external_id] = None if self.forgets_links else f"https://cirrus.example/{title}/{external_id}"
        return Seated(links)


def _seen(user: Profile) -> CandidateSeen:
    return CandidateSeen(
        external_id=user.external_id,
        first_name=user.first_name,
        last_name=user.last_name,
        mail=user.mail,
        extra_time=user.extra_time or 0,
        login_disabled=bool(user.login_disabled),
        hierarchies=frozenset(),
    )


def _shown(held: PureSchedule) -> ScheduleSeen:
    return ScheduleSeen(
        external_id=held.schedule.external_id,
        title=held.schedule.title,
        start=held.schedule.start,
        end=held.schedule.end,
        activated=held.activated,
        archived=held.archived,
        candidates=frozenset(held.seats),
    )


def lose_answer_to(kind: type[Step], *, carried_out: bool) -> Callable[[PureCirrus, Step], Answer | None]:
    """Return a script entry: the next step of this kind has no answer, whether or not it was carried out."""

    def scripted(cirrus: PureCirrus, step: Step) -> Answer | None:
        if not isinstance(step, kind):
            return None
        if carried_out:
            cirrus.obey(step)
        return NoAnswer()

    return scripted


def candidates_of(step: Step) -> list[str]:
    """Return the candidates that a step names."""
    match step:
        case PublishSchedule(seats=seats) | SeatCandidates(seats=seats):
            return [seat.profile.external_id for seat in seats]
        case ListCandidates(candidates=candidates) | UnlistCandidates(candidates=candidates):
            return list(candidates)
        case _:
            return []
