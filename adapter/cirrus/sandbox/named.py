"""What the request of a person names (`people`, `sitting`, `marking`): a schedule, its candidates, their attempts."""

from collections.abc import Callable

from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.reading import number, required_text, text, texts
from adapter.cirrus.sandbox.schedules import SCHEDULE_ID_LIMIT, found
from adapter.cirrus.sandbox.state import Attempt, Paper, Schedule, Seat, Tenant, User
from adapter.cirrus.sandbox.users import USER_NOT_FOUND

_CANDIDATE_LIMIT = 500


def named_schedule(tenant: Tenant, wanted: Json) -> Schedule:
    """Return the schedule under `schedule`."""
    return found(tenant, required_text(wanted, "schedule", SCHEDULE_ID_LIMIT))


def named_user(tenant: Tenant, wanted: Json) -> User:
    """Return the user under `candidate`, who need not be on a schedule."""
    user = tenant.user(required_text(wanted, "candidate", _CANDIDATE_LIMIT))
    if user is None:
        raise Refusal(USER_NOT_FOUND)
    return user


def named_seat(schedule: Schedule, wanted: Json) -> Seat:
    """Return the seat of `candidate`."""
    return _seat_of(schedule, required_text(wanted, "candidate", _CANDIDATE_LIMIT))


def named_seats(schedule: Schedule, wanted: Json) -> list[Seat] | None:
    """Return the seats of `candidate` or `candidates`; None when neither is given, which means everybody."""
    one = text(wanted, "candidate", _CANDIDATE_LIMIT)
    listed = texts(wanted, "candidates")
    if one is None and not listed:
        return None
    return [_seat_of(schedule, candidate) for candidate in dict.fromkeys([one, *listed] if one else listed)]


def named_paper(schedule: Schedule, seat: Seat, wanted: Json, fits: Callable[[Attempt], bool], missing: str) -> Paper:
    """Return a seat's newest fitting attempt, or the one whose number is under `attempt`; refuse with `missing`."""
    chosen = number(wanted, "attempt")
    fitting = [attempt for attempt in seat.attempts if fits(attempt) and chosen in {None, attempt.number}]
    if not fitting:
        raise Refusal(f"{missing} [{seat.user.external_id}]")
    return Paper(schedule, seat, fitting[-1])


def _seat_of(schedule: Schedule, candidate: str) -> Seat:
    seat = schedule.seats.get(candidate)
    if seat is None:
        raise Refusal(f"Candidate [{candidate}] is not on this schedule")
    return seat
