"""What a person does in the Cirrus user interface and the API cannot (§11): the cause of drift and of closed tasks."""

from collections.abc import Callable
from typing import cast

from adapter.cirrus.sandbox import users
from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.reading import instant, number, required_text, text
from adapter.cirrus.sandbox.schedules import (
    SCHEDULE_ID_LIMIT,
    TITLE_LIMIT,
    Window,
    found,
    rename,
    require_room,
)
from adapter.cirrus.sandbox.state import Attempt, Schedule, Seat, Tenant, User
from adapter.cirrus.sandbox.timeline import pass_time, watch

Action = Callable[[Tenant, Json], None]


def deactivate_schedule(tenant: Tenant, wanted: Json) -> None:
    """Make a schedule a draft again; only while nobody has started."""
    schedule = _schedule(tenant, wanted)
    _require_unstarted(schedule)
    schedule.is_activated = False


def activate_schedule(tenant: Tenant, wanted: Json) -> None:
    """Activate a schedule."""
    schedule = _schedule(tenant, wanted)
    schedule.is_activated = True
    watch(tenant, schedule)


def edit_schedule(tenant: Tenant, wanted: Json) -> None:
    """Change `start`, `end`, `title` or `external_id`: deactivate, edit, activate again, as a person would."""
    schedule = _schedule(tenant, wanted)
    _require_unstarted(schedule)
    if schedule.is_archived:
        raise Refusal("Schedule is archived")
    window = Window(
        instant(wanted, "start", tenant.options) or schedule.start,
        instant(wanted, "end", tenant.options) or schedule.end,
    )
    require_room(schedule.assessment, window, [seat.user for seat in schedule.seats.values()])
    rename(tenant, schedule, text(wanted, "external_id", SCHEDULE_ID_LIMIT) or schedule.external_id)
    schedule.title = text(wanted, "title", TITLE_LIMIT) or schedule.title
    schedule.start, schedule.end = window.start, window.end
    watch(tenant, schedule)


def archive_schedule(tenant: Tenant, wanted: Json) -> None:
    """Archive a schedule before its time."""
    _schedule(tenant, wanted).is_archived = True


def delete_schedule(tenant: Tenant, wanted: Json) -> None:
    """Delete a schedule; only while nobody has started."""
    schedule = _schedule(tenant, wanted)
    _require_unstarted(schedule)
    del tenant.schedules[schedule.external_id]


def add_candidate(tenant: Tenant, wanted: Json) -> None:
    """Add an existing user to a schedule by hand, without a launch link."""
    schedule = _schedule(tenant, wanted)
    user = _user(tenant, wanted)
    schedule.seats.setdefault(user.external_id, Seat(user, added_by="person"))
    pass_time(tenant, schedule)


def remove_candidate(tenant: Tenant, wanted: Json) -> None:
    """Remove a candidate at any time before that candidate starts."""
    schedule = _schedule(tenant, wanted)
    seat = _seat(schedule, wanted)
    if seat.attempts:
        raise Refusal("Candidate has already started")
    del schedule.seats[seat.user.external_id]


def set_extra_time(tenant: Tenant, wanted: Json) -> None:
    """Set the extra time of a user in percent; 0 takes special needs away."""
    percentage = number(wanted, "percentage") or 0
    profile: Json = {"SpecialNeeds": percentage > 0}
    if percentage:
        profile["ReasonableAdjustmentPercentage"] = percentage
    users.apply_profile(_user(tenant, wanted), profile)


def edit_user(tenant: Tenant, wanted: Json) -> None:
    """Change profile fields of a user; `fields` uses the names of §1.1."""
    fields: object = wanted.get("fields")
    if not isinstance(fields, dict):
        raise Refusal("fields should not be empty")
    users.apply_profile(_user(tenant, wanted), users.read_profile(cast("Json", fields)))


def delete_user(tenant: Tenant, wanted: Json) -> None:
    """Move a user to the trash can."""
    _user(tenant, wanted).in_trash = True


def restore_user(tenant: Tenant, wanted: Json) -> None:
    """Take a user out of the trash can."""
    user = tenant.users.get(required_text(wanted, "candidate", 500))
    if user is None or not user.in_trash:
        raise Refusal("User is not in the trash can")
    user.in_trash = False


def start_attempt(tenant: Tenant, wanted: Json) -> None:
    """Start an attempt of a candidate, while the schedule is open."""
    schedule = _schedule(tenant, wanted)
    seat = _seat(schedule, wanted)
    if not schedule.is_activated or not schedule.start <= tenant.now < schedule.end:
        raise Refusal("Schedule is not open")
    seat.attempts.append(Attempt(tenant.now))


def hand_in_attempt(tenant: Tenant, wanted: Json) -> None:
    """Hand in the running attempt of a candidate; with `void`, void it."""
    seat = _seat(_schedule(tenant, wanted), wanted)
    if not seat.attempts or seat.attempts[-1].ended is not None:
        raise Refusal("Candidate has no running attempt")
    seat.attempts[-1].ended = tenant.now
    seat.attempts[-1].status = "VOID" if wanted.get("void") else "HANDED_IN"


def publish_assessment(tenant: Tenant, wanted: Json) -> None:
    """Publish an assessment, for which the API has no call (§4)."""
    assessment_id = required_text(wanted, "assessment", SCHEDULE_ID_LIMIT)
    assessment = tenant.assessments.get(assessment_id)
    if assessment is None:
        raise Refusal(f"Assessment [{assessment_id}] is not found")
    assessment.is_published = True


ACTIONS: dict[str, Action] = {
    action.__name__: action
    for action in (
        deactivate_schedule,
        activate_schedule,
        edit_schedule,
        archive_schedule,
        delete_schedule,
        add_candidate,
        remove_candidate,
        set_extra_time,
        edit_user,
        delete_user,
        restore_user,
        start_attempt,
        hand_in_attempt,
        publish_assessment,
    )
}


def _schedule(tenant: Tenant, wanted: Json) -> Schedule:
    return found(tenant, required_text(wanted, "schedule", SCHEDULE_ID_LIMIT))


def _user(tenant: Tenant, wanted: Json) -> User:
    user = tenant.user(required_text(wanted, "candidate", 500))
    if user is None:
        raise Refusal(users.USER_NOT_FOUND)
    return user


def _seat(schedule: Schedule, wanted: Json) -> Seat:
    seat = schedule.seats.get(required_text(wanted, "candidate", 500))
    if seat is None:
        raise Refusal("Candidate is not on this schedule")
    return seat


def _require_unstarted(schedule: Schedule) -> None:
    if schedule.has_attempts:
        raise Refusal("A candidate has already started")
