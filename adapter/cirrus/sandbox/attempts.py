"""The rules of attempt and invigilation information (§6.1, 6.2)."""

from collections.abc import Sequence

from adapter.cirrus.sandbox.answers import Answer, Json, Refusal, content
from adapter.cirrus.sandbox.reading import written
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.schedules import found
from adapter.cirrus.sandbox.state import Attempt, Schedule, Seat, Tenant
from adapter.cirrus.sandbox.users import USER_NOT_FOUND, person

_NOT_ACTIVATED = "Schedule is not activated"
_UNLIMITED = 9999  # minutes, the documented figure for no limit (§6.2)


def show(tenant: Tenant, call: Call) -> Answer:
    """GET .../attempt-info?CandidateExtId=: without the parameter, every candidate (inferred)."""
    schedule = found(tenant, call.external_id, code=301)
    if not schedule.is_activated:
        raise Refusal(_NOT_ACTIVATED, code=303)
    if tenant.now < schedule.start:
        raise Refusal("Schedule has not yet begun", code=310)
    candidate = call.query.get("CandidateExtId")
    if not candidate:
        return content([_view(tenant, seat) for seat in schedule.seats.values()])
    if tenant.user(candidate) is None:
        raise Refusal(USER_NOT_FOUND, code=202)
    seat = schedule.seats.get(candidate)
    if seat is None:
        raise Refusal("User is not added to schedule", code=203)
    return content([_view(tenant, seat)])


def invigilate(tenant: Tenant, call: Call) -> Answer:
    """GET .../invigilation-info: a line per attempt, and one for who has none; the codes are UNSEEN, as in §6.1."""
    schedule = found(tenant, call.external_id, code=301)
    if not schedule.is_activated:
        raise Refusal(_NOT_ACTIVATED, code=303)
    lines: list[Json] = []
    for seat in schedule.seats.values():
        attempts: Sequence[Attempt | None] = seat.attempts or (None,)
        lines += [_line(tenant, schedule, seat, attempt) for attempt in attempts]
    return content(lines)


def _line(tenant: Tenant, schedule: Schedule, seat: Seat, attempt: Attempt | None) -> Json:
    user = seat.user
    assessment = schedule.assessment
    extra = _UNLIMITED if assessment.minutes is None else assessment.minutes_for(user)
    started, ended = (None, None) if attempt is None else (attempt.started, attempt.ended)
    return {
        "ScheduleTitle": schedule.title,
        "CandidateName": f"{user.profile.get('FirstName')} {user.profile.get('LastName')}",
        "CandidateExtId": user.external_id,
        "PinCode": schedule.pin,
        "Status": "NOT_STARTED" if attempt is None else attempt.status,
        "Attempt": 1 if attempt is None else attempt.number,
        "StartTime": None if started is None else written(started, tenant.options),
        "EndTime": None if ended is None else written(ended, tenant.options),
        "ExamDuration": assessment.minutes or 0,
        "ExtraTimeForCurrentAttempt": extra,
        "ExtraTimeForNextAttempt": extra,
        "ExamSubmittedBy": None if attempt is None else attempt.submitted_by,
    }


def _view(tenant: Tenant, seat: Seat) -> Json:
    return person(seat.user) | {
        "Attempts": [
            {
                "AttemptNumber": attempt.number,
                "StartDate": written(attempt.started, tenant.options),
                "EndDate": None if attempt.ended is None else written(attempt.ended, tenant.options),
                "Status": attempt.status,
            }
            for attempt in seat.attempts
        ],
    }
