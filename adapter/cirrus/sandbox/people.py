"""What a person does in the Cirrus user interface and the API cannot (§11): the cause of drift and of closed tasks."""

from collections.abc import Callable
from typing import cast

from adapter.cirrus.sandbox import marking, sitting, users
from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.named import named_schedule, named_seat, named_user
from adapter.cirrus.sandbox.reading import instant, number, required_text, text
from adapter.cirrus.sandbox.schedules import SCHEDULE_ID_LIMIT, TITLE_LIMIT, Window, rename, require_room
from adapter.cirrus.sandbox.state import Schedule, Seat, Tenant
from adapter.cirrus.sandbox.timeline import pass_time, watch

Action = Callable[[Tenant, Json], None]


def deactivate_schedule(tenant: Tenant, wanted: Json) -> None:
    """Make a schedule a draft again; only while nobody has started."""
    schedule = named_schedule(tenant, wanted)
    _require_unstarted(schedule)
    schedule.is_activated = False


def activate_schedule(tenant: Tenant, wanted: Json) -> None:
    """Activate a schedule."""
    schedule = named_schedule(tenant, wanted)
    schedule.is_activated = True
    watch(tenant, schedule)


def edit_schedule(tenant: Tenant, wanted: Json) -> None:
    """Change `start`, `end`, `title` or `external_id`: deactivate, edit, activate again, as a person would."""
    schedule = named_schedule(tenant, wanted)
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
    named_schedule(tenant, wanted).is_archived = True


def delete_schedule(tenant: Tenant, wanted: Json) -> None:
    """Delete a schedule; only while nobody has started."""
    schedule = named_schedule(tenant, wanted)
    _require_unstarted(schedule)
    del tenant.schedules[schedule.external_id]


def add_candidate(tenant: Tenant, wanted: Json) -> None:
    """Add an existing user to a schedule by hand, without a launch link."""
    schedule = named_schedule(tenant, wanted)
    user = named_user(tenant, wanted)
    schedule.seats.setdefault(user.external_id, Seat(user, added_by="person"))
    pass_time(tenant, schedule)


def remove_candidate(tenant: Tenant, wanted: Json) -> None:
    """Remove a candidate at any time before that candidate starts."""
    schedule = named_schedule(tenant, wanted)
    seat = named_seat(schedule, wanted)
    if seat.attempts:
        raise Refusal("Candidate has already started")
    del schedule.seats[seat.user.external_id]


def set_extra_time(tenant: Tenant, wanted: Json) -> None:
    """Set the extra time of a user in percent; 0 takes special needs away."""
    percentage = number(wanted, "percentage") or 0
    profile: Json = {"SpecialNeeds": percentage > 0}
    if percentage:
        profile["ReasonableAdjustmentPercentage"] = percentage
    users.apply_profile(named_user(tenant, wanted), profile)


def edit_user(tenant: Tenant, wanted: Json) -> None:
    """Change profile fields of a user; `fields` uses the names of §1.1."""
    fields: object = wanted.get("fields")
    if not isinstance(fields, dict):
        raise Refusal("fields should not be empty")
    users.apply_profile(named_user(tenant, wanted), users.read_profile(cast("Json", fields)))


def delete_user(tenant: Tenant, wanted: Json) -> None:
    """Move a user to the trash can."""
    named_user(tenant, wanted).in_trash = True


def restore_user(tenant: Tenant, wanted: Json) -> None:
    """Take a user out of the trash can."""
    user = tenant.users.get(required_text(wanted, "candidate", 500))
    if user is None or not user.in_trash:
        raise Refusal("User is not in the trash can")
    user.in_trash = False


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
        sitting.start_attempt,
        sitting.hand_in_attempt,
        sitting.sit,
        marking.mark,
        marking.publish_results,
        marking.rescore,
        marking.void_result,
        marking.withdraw_result,
        publish_assessment,
    )
}


def _require_unstarted(schedule: Schedule) -> None:
    if schedule.has_attempts:
        raise Refusal("A candidate has already started")
