"""The rules of `POST /schedule` and `POST /schedule/add-candidates` (§5.1, 5.7): one call for exam, people, links."""

from dataclasses import dataclass

from adapter.cirrus.sandbox import candidates, groups
from adapter.cirrus.sandbox.answers import Answer, Json, Refusal
from adapter.cirrus.sandbox.assessments import schedulable
from adapter.cirrus.sandbox.reading import (
    child,
    external_id,
    flag,
    number,
    parse_object,
    required_id,
    required_text,
    rows,
    text,
    written,
)
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.schedules import (
    OWNER_LIMIT,
    PIN_LIMIT,
    SCHEDULE_ID_LIMIT,
    TITLE_LIMIT,
    Window,
    found,
    generated_id,
    generated_title,
    read_window,
    require_new,
    require_room,
    require_scheduler,
)
from adapter.cirrus.sandbox.state import Assessment, Group, Schedule, Tenant
from adapter.cirrus.sandbox.timeline import pass_time, watch

_GROUP_ID_LIMIT = 64
_GROUP_NAME_LIMIT = 500


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The `Schedule` object of POST /schedule, read and checked."""

    assessment: Assessment
    schedule_id: str
    title: str | None
    window: Window
    group_id: str
    group_name: str
    hierarchy: tuple[str, str] | None
    pin: str | None
    extra_time: int | None
    owner: str | None


def create(tenant: Tenant, call: Call) -> Answer:
    """POST /schedule: create, or update with Upsert; activated at once; a link per candidate."""
    require_scheduler(tenant)
    body = parse_object(call.raw)
    external_attempts = _read_workflow(body)
    wanted = _read_wanted(tenant, child(body, "Schedule"))
    bodies = rows(body, "Candidates")
    known = tenant.schedules.get(wanted.schedule_id)
    if known is not None:
        if not flag(body, "Upsert"):
            require_new(tenant, wanted.schedule_id)
        _check_upsert(known, wanted)
        external_attempts = external_attempts or known.external_attempts
    sheet = candidates.read(tenant, bodies, known, external_attempts=external_attempts)
    _check_room(tenant, wanted, known, sheet)
    schedule = known or _new(tenant, wanted)
    schedule.external_attempts = external_attempts
    _apply(tenant, schedule, wanted)
    if known is not None and not tenant.options.upsert_merges_candidates:
        _drop_missing(schedule, sheet)
    group = groups.ensure(tenant, wanted.group_id, wanted.group_name)
    items = [candidates.seat(tenant, schedule, row, group) for row in sheet.rows]
    schedule.is_activated = True
    watch(tenant, schedule)
    verb = "created" if known is None else "updated"
    return _answer(schedule, (group, f"Schedule[{schedule.external_id}] {verb} successfully"), items, sheet, tenant)


def add_candidates(tenant: Tenant, call: Call) -> Answer:
    """POST /schedule/add-candidates: also for an activated or running schedule (§11)."""
    require_scheduler(tenant)
    body = parse_object(call.raw)
    wanted = child(body, "Schedule")
    schedule = found(tenant, required_id(wanted, "ScheduleExtId", SCHEDULE_ID_LIMIT, tenant.options))
    group_id, group_name = _read_group(tenant, wanted)
    if schedule.is_archived:
        raise Refusal(f"Schedule [{schedule.external_id}] is archived", code=302)
    bodies = rows(body, "Candidates")
    if not bodies:
        raise Refusal("'Candidates' should not be empty")
    # Whether this call's candidates must carry AttemptExtId is UNSEEN: one is taken, none is missed.
    sheet = candidates.read(tenant, bodies, schedule, external_attempts=False)
    group = groups.ensure(tenant, group_id, group_name)
    items = [candidates.seat(tenant, schedule, row, group) for row in sheet.rows]
    pass_time(tenant, schedule)
    return _answer(
        schedule,
        (group, f"Candidates added to Schedule[{schedule.external_id}] successfully"),
        items,
        sheet,
        tenant,
    )


def _read_workflow(body: Json) -> bool:
    workflow = text(body, "Workflow", 64) or "DEFAULT"
    if workflow not in {"DEFAULT", "EXTERNAL_ATTEMPTS"}:
        raise Refusal("Workflow is not valid")
    return workflow == "EXTERNAL_ATTEMPTS"


def _read_wanted(tenant: Tenant, wanted: Json) -> _Wanted:
    options = tenant.options
    schedule_id = external_id(wanted, "ScheduleExtId", SCHEDULE_ID_LIMIT, options)
    assessment = schedulable(tenant, required_id(wanted, "AssessmentExtId", SCHEDULE_ID_LIMIT, options))
    group_id, group_name = _read_group(tenant, wanted)
    hierarchy_id = external_id(wanted, "ScheduleGroupExtId", _GROUP_ID_LIMIT, options)
    hierarchy_name = text(wanted, "ScheduleGroupName", _GROUP_NAME_LIMIT)
    return _Wanted(
        assessment=assessment,
        schedule_id=schedule_id or generated_id(tenant),
        title=text(wanted, "Title", TITLE_LIMIT),
        window=read_window(tenant, wanted, assessment),
        group_id=group_id,
        group_name=group_name,
        hierarchy=None if hierarchy_id is None else (hierarchy_id, hierarchy_name or hierarchy_id),
        pin=text(wanted, "PIN", PIN_LIMIT),
        extra_time=number(wanted, "ExtraTime"),
        owner=text(wanted, "Owner", OWNER_LIMIT),
    )


def _read_group(tenant: Tenant, wanted: Json) -> tuple[str, str]:
    return (
        required_id(wanted, "GroupExtId", _GROUP_ID_LIMIT, tenant.options),
        required_text(wanted, "GroupName", _GROUP_NAME_LIMIT),
    )


def _check_upsert(known: Schedule, wanted: _Wanted) -> None:
    """Refuse what no update can do: an archived schedule, or another assessment (§11)."""
    if known.is_archived:
        raise Refusal(f"Schedule [{known.external_id}] is archived", code=302)
    if known.assessment is not wanted.assessment:
        raise Refusal(f"Assessment of schedule [{known.external_id}] can't be changed")


def _check_room(tenant: Tenant, wanted: _Wanted, known: Schedule | None, sheet: candidates.Sheet) -> None:
    seated = [] if known is None else [seat.user for seat in known.seats.values()]
    coming = [row.as_user(tenant) for row in sheet.rows]
    require_room(wanted.assessment, wanted.window, [*seated, *coming], wanted.extra_time or 0)


def _new(tenant: Tenant, wanted: _Wanted) -> Schedule:
    title = wanted.title or generated_title(wanted.assessment, wanted.window)
    schedule = Schedule(wanted.schedule_id, wanted.assessment, title, wanted.window.start, wanted.window.end)
    schedule.owner = tenant.options.scheduler
    tenant.schedules[wanted.schedule_id] = schedule
    return schedule


def _apply(tenant: Tenant, schedule: Schedule, wanted: _Wanted) -> None:
    schedule.start, schedule.end = wanted.window.start, wanted.window.end
    schedule.title = wanted.title or schedule.title
    schedule.pin = wanted.pin or schedule.pin
    schedule.owner = wanted.owner or schedule.owner
    schedule.extra_time = wanted.extra_time if wanted.extra_time is not None else schedule.extra_time
    schedule.group = groups.ensure(tenant, wanted.group_id, wanted.group_name)
    if wanted.hierarchy is not None:
        schedule.hierarchy = groups.ensure(tenant, *wanted.hierarchy).external_id


def _drop_missing(schedule: Schedule, sheet: candidates.Sheet) -> None:
    """Remove the candidates an upsert does not name, except those who have started."""
    named = {row.external_id for row in sheet.rows}
    for candidate, seat in list(schedule.seats.items()):
        if candidate not in named and not seat.attempts:
            del schedule.seats[candidate]


def _answer(
    schedule: Schedule, said: tuple[Group, str], items: list[Json], sheet: candidates.Sheet, tenant: Tenant
) -> Answer:
    """Answer with envelope E4; `Errors` is there only when a candidate was not seated (UNSEEN)."""
    group, result = said
    hierarchy = None if schedule.hierarchy is None else tenant.groups.get(schedule.hierarchy)
    body: Json = {
        "Result": result,
        "Schedule": {
            "Title": schedule.title,
            "AssessmentExtId": schedule.assessment.external_id,
            "ScheduleExtId": schedule.external_id,
            "StartDateTime": written(schedule.start, tenant.options),
            "GroupExtId": group.external_id,
            "GroupName": group.title,
            "ScheduleGroupExtId": schedule.hierarchy,
            "ScheduleGroupName": None if hierarchy is None else hierarchy.title,
            "PIN": schedule.pin,
            "ExtraTime": schedule.extra_time,
            "Owner": schedule.owner,
        },
        "Candidates": items,
    }
    if sheet.errors:
        body["Errors"] = sheet.errors
    return Answer(200, body, len(items) + len(sheet.errors))
