"""The rules of `/external/schedule` (§5.2 to 5.6, 5.13): drafts, their change, activation and removal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapter.cirrus.sandbox import groups
from adapter.cirrus.sandbox.answers import Answer, Json, Refusal, content, done
from adapter.cirrus.sandbox.assessments import schedulable
from adapter.cirrus.sandbox.reading import external_id, instant, parse_object, required_id, text, written
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.state import Assessment, Schedule, Tenant, User
from adapter.cirrus.sandbox.timeline import watch
from adapter.cirrus.sandbox.users import person

SCHEDULE_ID_LIMIT = 64
TITLE_LIMIT = 100
PIN_LIMIT = 64
OWNER_LIMIT = 64
_UPDATED_PIN_LIMIT = 4  # 64 on create (§0, length conflicts)
_UPDATED_HIERARCHY_LIMIT = 500
_SLACK = timedelta(minutes=60)

_CANT_UPDATE = "Can't update activated schedule"
_CANT_DELETE = "Can\u2019t delete schedule"  # the docs use straight and curly apostrophes (§10)


@dataclass(frozen=True, slots=True)
class Window:
    """When a schedule is open."""

    start: datetime
    end: datetime


def create(tenant: Tenant, call: Call) -> Answer:
    """POST /external/schedule: a draft (§5.2); the answer is UNSEEN, `Content` is the id as in its siblings."""
    require_scheduler(tenant)
    body = parse_object(call.raw)
    options = tenant.options
    assessment = schedulable(tenant, required_id(body, "AssessmentExternalId", SCHEDULE_ID_LIMIT, options))
    schedule_id = external_id(body, "ScheduleExternalId", SCHEDULE_ID_LIMIT, options) or generated_id(tenant)
    require_new(tenant, schedule_id)
    window = read_window(tenant, body, assessment)
    require_room(assessment, window, ())
    hierarchy = external_id(body, "HierarchyExternalId", SCHEDULE_ID_LIMIT, options)
    schedule = Schedule(
        schedule_id,
        assessment,
        text(body, "Title", TITLE_LIMIT) or generated_title(assessment, window),
        window.start,
        window.end,
        hierarchy=_known_hierarchy(tenant, hierarchy),
        pin=text(body, "PIN", PIN_LIMIT),
        owner=text(body, "Owner", OWNER_LIMIT) or options.scheduler,
    )
    tenant.schedules[schedule_id] = schedule
    return content(schedule_id)


def update(tenant: Tenant, call: Call) -> Answer:
    """PATCH /external/schedule/{id}: drafts, or the PIN alone (§5.3, 5.4)."""
    require_scheduler(tenant)
    schedule = found(tenant, call.external_id)
    body = parse_object(call.raw) if call.raw else {}
    given = {key for key, value in body.items() if value is not None}
    if not given & _UPDATABLE:
        raise Refusal("Invalid input data")
    pin = text(body, "PIN", _UPDATED_PIN_LIMIT)
    if given != {"PIN"}:
        if schedule.is_activated:
            raise Refusal(_CANT_UPDATE)
        _change(tenant, schedule, body)
    schedule.pin = pin or schedule.pin
    return content(None)


def activate(tenant: Tenant, call: Call) -> Answer:
    """PUT /external/schedule/{id}/activate: a repeat is an error (§5.5)."""
    require_scheduler(tenant)
    schedule = found(tenant, call.external_id)
    if schedule.is_activated:
        raise Refusal("Schedule is already activated")
    try:
        require_room(
            schedule.assessment,
            Window(schedule.start, schedule.end),
            [seat.user for seat in schedule.seats.values()],
        )
    except Refusal as refusal:
        raise Refusal(f"Can't activate schedule (invalid information): {refusal.text}") from refusal
    schedule.is_activated = True
    watch(tenant, schedule)
    return done()


def show(tenant: Tenant, call: Call) -> Answer:
    """GET /external/schedule/{id}: no launch links, no assessment (§5.6)."""
    schedule = found(tenant, call.external_id)
    group = None if schedule.hierarchy is None else tenant.groups.get(schedule.hierarchy)
    return content(
        {
            "ExternalId": schedule.external_id,
            "Title": schedule.title,
            "StartDateTime": written(schedule.start, tenant.options),
            "EndDateTime": written(schedule.end, tenant.options),
            "Hierarchy": {
                "ExternalId": schedule.hierarchy,
                "FullPath": None if group is None else groups.path(tenant, group),
            },
            "ArchiveState": 2 if schedule.is_archived else 1,
            "IsActivated": schedule.is_activated,
            "Candidates": [_person(seat.user, with_id=True) for seat in schedule.seats.values()],
            "Invigilators": [_person(user) for user in schedule.invigilators.values()],
            "SharingInformation": [person(user) for user in schedule.shared_with.values()],
        }
    )


def delete(tenant: Tenant, call: Call) -> Answer:
    """DELETE /external/schedule/{id}: refused when activated or with attempts (§5.13, conditions n.d.)."""
    require_scheduler(tenant)
    schedule = found(tenant, call.external_id)
    if schedule.has_attempts or (schedule.is_activated and not tenant.options.delete_activated):
        raise Refusal(_CANT_DELETE)
    del tenant.schedules[schedule.external_id]
    return done()


def found(tenant: Tenant, schedule_id: str, *, code: int | None = None) -> Schedule:
    """Return a schedule; an unknown id is 400, never 404 (§0)."""
    schedule = tenant.schedules.get(schedule_id)
    if schedule is None:
        raise Refusal(f"Schedule [{schedule_id}] not found", code=code)
    return schedule


def require_scheduler(tenant: Tenant) -> None:
    """Refuse while the External API settings have no scheduler (§0.1)."""
    if tenant.options.scheduler is None:
        raise Refusal("Scheduler hasn't been set in External API settings")


def require_new(tenant: Tenant, schedule_id: str) -> None:
    """Refuse an external id that another schedule has."""
    if schedule_id in tenant.schedules:
        raise Refusal(f"Schedule [{schedule_id}] already exists")


def read_window(tenant: Tenant, body: Json, assessment: Assessment) -> Window:
    """Read start and end; the end defaults to start + duration + 60 minutes (§5.1)."""
    start = instant(body, "StartDateTime", tenant.options)
    if start is None:
        raise Refusal("'StartDateTime' should not be empty")
    end = instant(body, "EndDateTime", tenant.options)
    return Window(start, end or start + timedelta(minutes=assessment.minutes or 0) + _SLACK)


def require_room(assessment: Assessment, window: Window, users: Iterable[User], extra_minutes: int = 0) -> None:
    """Refuse a window which does not exceed duration plus the largest extra time (§5.1)."""
    needed = timedelta(minutes=assessment.minutes or 0)
    needed += timedelta(minutes=max((assessment.minutes_for(user) for user in users), default=0) + extra_minutes)
    if window.end - window.start <= needed:
        raise Refusal("Schedule window must be longer than assessment duration with extra time")


def generated_id(tenant: Tenant) -> str:
    """Return an external id for a schedule that came without one."""
    return tenant.mint()[:8]


def generated_title(assessment: Assessment, window: Window) -> str:
    """Return a title for a schedule that came without one."""
    return f"{assessment.title[:80]} {window.start:%Y-%m-%d %H:%M}"


_UPDATABLE = {
    "StartDateTime",
    "EndDateTime",
    "Title",
    "ScheduleExtId",
    "ScheduleExternalId",
    "HierarchyExternalId",
    "PIN",
    "UseProctorIo",
    "ProctorioTemplateExternalId",
}


def _change(tenant: Tenant, schedule: Schedule, body: Json) -> None:
    """Apply an update to a draft; the new id stands in either of two keys (§5.3: table and sample differ)."""
    options = tenant.options
    window = Window(
        instant(body, "StartDateTime", options) or schedule.start,
        instant(body, "EndDateTime", options) or schedule.end,
    )
    require_room(schedule.assessment, window, [seat.user for seat in schedule.seats.values()])
    title = text(body, "Title", TITLE_LIMIT)
    hierarchy = external_id(body, "HierarchyExternalId", _UPDATED_HIERARCHY_LIMIT, options)
    hierarchy = _known_hierarchy(tenant, hierarchy)
    renamed = external_id(body, "ScheduleExtId", SCHEDULE_ID_LIMIT, options) or external_id(
        body, "ScheduleExternalId", SCHEDULE_ID_LIMIT, options
    )
    if renamed is not None:
        rename(tenant, schedule, renamed)
    schedule.start, schedule.end = window.start, window.end
    schedule.title = title or schedule.title
    schedule.hierarchy = hierarchy or schedule.hierarchy


def rename(tenant: Tenant, schedule: Schedule, schedule_id: str) -> None:
    """Give a schedule another external id."""
    if schedule_id == schedule.external_id:
        return
    require_new(tenant, schedule_id)
    tenant.schedules[schedule_id] = tenant.schedules.pop(schedule.external_id)
    schedule.external_id = schedule_id


def _known_hierarchy(tenant: Tenant, group_id: str | None) -> str | None:
    if group_id is not None and group_id not in tenant.groups:
        raise Refusal(f"Hierarchy [{group_id}] not found")
    return group_id


def _person(user: User, *, with_id: bool = False) -> Json:
    shown: Json = {"ExternalId": user.external_id} if with_id else {}
    return shown | {
        "FirstName": user.profile.get("FirstName"),
        "LastName": user.profile.get("LastName"),
        "UserName": user.username,
    }
