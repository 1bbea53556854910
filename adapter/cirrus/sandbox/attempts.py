"""The rules of attempt information (§6.1)."""

from adapter.cirrus.sandbox.answers import Answer, Json, Refusal, content
from adapter.cirrus.sandbox.reading import written
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.schedules import found
from adapter.cirrus.sandbox.state import Seat, Tenant
from adapter.cirrus.sandbox.users import USER_NOT_FOUND


def show(tenant: Tenant, call: Call) -> Answer:
    """GET .../attempt-info?CandidateExtId=: without the parameter, every candidate (inferred)."""
    schedule = found(tenant, call.external_id, code=301)
    if not schedule.is_activated:
        raise Refusal("Schedule is not activated", code=303)
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


def _view(tenant: Tenant, seat: Seat) -> Json:
    user = seat.user
    return {
        "ExternalId": user.external_id,
        "FirstName": user.profile.get("FirstName"),
        "LastName": user.profile.get("LastName"),
        "UserName": user.username,
        "Email": user.profile.get("Email"),
        "Attempts": [
            {
                "AttemptNumber": n,
                "StartDate": written(attempt.started, tenant.options),
                "EndDate": None if attempt.ended is None else written(attempt.ended, tenant.options),
                "Status": attempt.status,
            }
            for n, attempt in enumerate(seat.attempts, start=1)
        ],
    }
