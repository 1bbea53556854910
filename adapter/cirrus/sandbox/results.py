"""The rules of `GET /results` (§9.1): one candidate or one attempt, published results only, a daily allowance."""

from adapter.cirrus.sandbox.answers import Answer, Refusal
from adapter.cirrus.sandbox.documents import document
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.schedules import found
from adapter.cirrus.sandbox.state import Paper, Schedule, Seat, Tenant, User
from adapter.cirrus.sandbox.users import USER_NOT_FOUND

_TOO_MANY = "The daily limit of calls to [results] has been exceeded"


def show(tenant: Tenant, call: Call) -> Answer:
    """GET /results?CandidateExtId=&ScheduleExtId=&AttemptExtId=: every call with a valid token is counted."""
    if not tenant.allowance.spend(tenant.now, tenant.options):
        if tenant.options.over_allowance == "refused":
            raise Refusal(_TOO_MANY)
        return Answer(429, {"Message": _TOO_MANY})
    candidate, schedule_id, attempt_id = (
        call.query.get(name) for name in ("CandidateExtId", "ScheduleExtId", "AttemptExtId")
    )
    if not candidate and not attempt_id:
        raise Refusal("Bad request: [CandidateExtId] is missing")
    schedule = found(tenant, schedule_id, code=301) if schedule_id else None
    user = _user(tenant, candidate) if candidate else None
    if not attempt_id:
        assert user is not None  # one of the two was given
        return _answer(tenant, user, _papers_of(tenant, user, schedule))
    sat, seat = _named(tenant, attempt_id)
    if (user is not None and user is not seat.user) or (schedule is not None and schedule is not sat):
        return _answer(tenant, user or seat.user, [])
    return _answer(tenant, seat.user, [Paper(sat, seat, attempt) for attempt in seat.attempts])


def _answer(tenant: Tenant, user: User, papers: list[Paper]) -> Answer:
    published = [paper for paper in papers if paper.attempt.published is not None]
    if not published and tenant.options.no_results == "refused":
        raise Refusal("Results are not found")
    if not published and tenant.options.no_results == "nothing":
        return Answer(200, None)
    return Answer(200, document(user, published, tenant.options))


def _user(tenant: Tenant, candidate: str) -> User:
    user = tenant.user(candidate)
    if user is None:
        raise Refusal(USER_NOT_FOUND, code=202)
    return user


def _papers_of(tenant: Tenant, user: User, schedule: Schedule | None) -> list[Paper]:
    """Return the candidate's attempts; who is not on the schedule has none (a 203 is not documented here)."""
    schedules = tenant.schedules.values() if schedule is None else [schedule]
    seats = [(each, each.seats[user.external_id]) for each in schedules if user.external_id in each.seats]
    return [Paper(each, seat, attempt) for each, seat in seats for attempt in seat.attempts]


def _named(tenant: Tenant, attempt_id: str) -> tuple[Schedule, Seat]:
    """Return whose attempt it is; the answer to an unknown id is UNSEEN, a text as in the family of §9.1."""
    named = tenant.named_attempts.get(attempt_id)
    if named is None or not _is_there(tenant, *named):
        raise Refusal(f"Attempt [{attempt_id}] is not found")
    return named


def _is_there(tenant: Tenant, schedule: Schedule, seat: Seat) -> bool:
    """Return whether neither schedule, seat nor user was taken away since the id was given."""
    candidate = seat.user.external_id
    is_seated = tenant.schedules.get(schedule.external_id) is schedule and schedule.seats.get(candidate) is seat
    return is_seated and not seat.user.in_trash
