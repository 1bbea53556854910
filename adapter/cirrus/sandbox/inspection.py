"""Views of a sandbox for tests and people: its state, a form of it that two runs can be compared by, a page."""

from html import escape

from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.calls import CallLog
from adapter.cirrus.sandbox.postman import Postman
from adapter.cirrus.sandbox.sandbox import Sandbox
from adapter.cirrus.sandbox.state import Assessment, Attempt, Group, Schedule, Seat, Tenant, User

_SHOWN_SCHEDULES = 200
_SHOWN_CALLS = 100


def state(sandbox: Sandbox) -> Json:
    """Return everything there is, launch links included."""
    sandbox.settle()
    tenants = {name: _tenant(tenant, volatile=True) for name, tenant in sandbox.tenants.items()}
    return {"now": sandbox.now().isoformat(), "tenants": tenants}


def final_state(sandbox: Sandbox) -> Json:
    """Return the state per tenant without what differs between two equal runs: links and the clock."""
    sandbox.settle()
    return {name: _tenant(tenant, volatile=False) for name, tenant in sandbox.tenants.items()}


def allowances(sandbox: Sandbox) -> Json:
    """Return what each tenant spent of its calls of GET /results."""
    now = sandbox.now()
    return {name: tenant.allowance.view(now, sandbox.options) for name, tenant in sandbox.tenants.items()}


def page(sandbox: Sandbox, log: CallLog, postman: Postman) -> str:
    """Return the state, what the webhook did and the newest calls as one plain HTML page."""
    sandbox.settle()
    parts = [_HEAD, f"<p>Sandbox clock: {sandbox.now().isoformat(timespec='seconds')}</p>"]
    for name, tenant in sandbox.tenants.items():
        seats = sum(len(schedule.seats) for schedule in tenant.schedules.values())
        parts.append(
            f"<h2>{escape(name)}</h2><p>{len(tenant.users)} users, {len(tenant.groups)} groups, "
            f"{len(tenant.schedules)} schedules, {seats} seats</p>"
        )
        shown = list(tenant.schedules.values())[-_SHOWN_SCHEDULES:]
        parts.append(_table(_SCHEDULE_COLUMNS, [_schedule_row(schedule) for schedule in shown]))
    spent = [[name, *map(str, view.values())] for name, view in allowances(sandbox).items()]
    parts.append("<h2>GET /results</h2>" + _table(_ALLOWANCE_COLUMNS, spent))
    counts: dict[str, int] = postman.view()["counts"]
    parts.append("<h2>Webhook</h2>" + _table(tuple(counts), [[str(count) for count in counts.values()]]))
    calls = [call.view(bodies=False) for call in reversed(log.newest(_SHOWN_CALLS))]
    parts.append(f"<h2>Last {len(calls)} calls</h2>")
    parts.append(_table(_CALL_COLUMNS, [[str(call[key]) for key in _CALL_COLUMNS] for call in calls]))
    return "".join(parts)


_HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
    "<title>Cirrus sandbox</title><style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:2px 8px;text-align:left}</style><h1>Cirrus sandbox</h1>"
)
_SCHEDULE_COLUMNS = ("schedule", "assessment", "start", "end", "state", "seats", "started", "handed in", "published")
_ALLOWANCE_COLUMNS = ("tenant", "spent today", "most in a day", "over", "per day")
_CALL_COLUMNS = ("n", "time", "tenant", "operation", "path", "status", "items", "fault")


def _table(columns: tuple[str, ...], lines: list[list[str]]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"


def _schedule_row(schedule: Schedule) -> list[str]:
    phase = "archived" if schedule.is_archived else "activated" if schedule.is_activated else "draft"
    attempts = [attempt for seat in schedule.seats.values() for attempt in seat.attempts]
    started = sum(1 for seat in schedule.seats.values() if seat.attempts)
    return [
        schedule.external_id,
        schedule.assessment.external_id,
        f"{schedule.start:%Y-%m-%d %H:%M}",
        f"{schedule.end:%Y-%m-%d %H:%M}",
        phase,
        str(len(schedule.seats)),
        str(started),
        str(sum(1 for attempt in attempts if attempt.ended is not None)),
        str(sum(1 for attempt in attempts if attempt.published is not None)),
    ]


def _tenant(tenant: Tenant, *, volatile: bool) -> Json:
    return {
        "users": {key: _user(user) for key, user in tenant.users.items()},
        "groups": {key: _group(group) for key, group in tenant.groups.items()},
        "assessments": {key: _assessment(item) for key, item in tenant.assessments.items()},
        "schedules": {key: _schedule(item, volatile=volatile) for key, item in tenant.schedules.items()},
    }


def _user(user: User) -> Json:
    return {
        "username": user.username,
        "in_trash": user.in_trash,
        "profile": {key: value for key, value in user.profile.items() if value not in (None, False, [])},
    }


def _group(group: Group) -> Json:
    return {
        "title": group.title,
        "parent": group.parent,
        "allow_schedules": group.allow_schedules,
        "is_organization": group.is_organization,
        "is_archived": group.is_archived,
    }


def _assessment(assessment: Assessment) -> Json:
    return {
        "title": assessment.title,
        "code": assessment.code,
        "minutes": assessment.minutes,
        "extra_minutes": assessment.extra_minutes,
        "is_published": assessment.is_published,
    }


def _schedule(schedule: Schedule, *, volatile: bool) -> Json:
    return {
        "assessment": schedule.assessment.external_id,
        "title": schedule.title,
        "start": schedule.start.isoformat(),
        "end": schedule.end.isoformat(),
        "hierarchy": schedule.hierarchy,
        "group": None if schedule.group is None else schedule.group.external_id,
        "pin": schedule.pin,
        "extra_time": schedule.extra_time,
        "owner": schedule.owner,
        "external_attempts": schedule.external_attempts,
        "is_activated": schedule.is_activated,
        "is_archived": schedule.is_archived,
        "seats": {key: _seat(seat, volatile=volatile) for key, seat in schedule.seats.items()},
        "invigilators": sorted(schedule.invigilators),
        "shared_with": sorted(schedule.shared_with),
    }


def _seat(seat: Seat, *, volatile: bool) -> Json:
    shown: Json = {
        "attempt_id": seat.attempt_id,
        "added_by": seat.added_by,
        "prepared_extra_time": seat.prepared_extra_time,
        "attempts": [attempt.status for attempt in seat.attempts],
        "results": [_result(attempt, volatile=volatile) for attempt in seat.attempts if attempt.mark is not None],
    }
    if volatile:
        shown["links"] = seat.links
    return shown


def _result(attempt: Attempt, *, volatile: bool) -> Json:
    mark = attempt.mark
    assert mark is not None
    shown: Json = {
        "attempt": attempt.number,
        "outcome": mark.outcome,
        "score": mark.score,
        "raw_score": mark.raw_score,
        "max_raw_score": mark.max_raw_score,
        "grade": mark.grade,
        "published": attempt.published is not None,
    }
    if volatile:
        shown["published_at"] = None if attempt.published is None else attempt.published.isoformat()
    return shown
