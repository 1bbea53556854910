"""The lists on a schedule (§5.8 to 5.12): candidates, invigilators, sharing; item errors under HTTP 200."""

from typing import cast

from adapter.cirrus.sandbox.answers import Answer, Json, Refusal, content
from adapter.cirrus.sandbox.reading import flag, parse_ids, parse_object
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.schedules import found, require_scheduler
from adapter.cirrus.sandbox.state import Schedule, Seat, Tenant
from adapter.cirrus.sandbox.timeline import pass_time
from adapter.cirrus.sandbox.users import CANDIDATE_ROLE, USER_NOT_FOUND

_NOT_FOUND = 301
_ARCHIVED = "Schedule is archived"
_FINISHED = "Schedule is finished"


def add_candidates(tenant: Tenant, call: Call) -> Answer:
    """PUT .../candidates: existing users only, safely repeatable, no links (§5.8)."""
    require_scheduler(tenant)
    schedule = found(tenant, call.external_id)
    wanted = parse_ids(call.raw, Refusal("No external ids specified"))
    if schedule.is_archived:
        raise Refusal(_ARCHIVED, code=302)
    unknown = _require_some_user(tenant, wanted)
    already = [user_id for user_id in wanted if user_id in schedule.seats and user_id not in unknown]
    added = [user_id for user_id in wanted if user_id not in schedule.seats and user_id not in unknown]
    for user_id in added:
        schedule.seats[user_id] = Seat(tenant.users[user_id])
    pass_time(tenant, schedule)
    lists = {
        "AddedCandidateExternalIds": added,
        "NotFoundUserExternalIds": unknown,
        "AlreadyAddedCandidateExternalIds": already,
    }
    return content(lists, items=len(wanted))


def delete_candidates(tenant: Tenant, call: Call) -> Answer:
    """DELETE .../candidates, with a body: refused when activated (§5.9)."""
    require_scheduler(tenant)
    schedule = found(tenant, call.external_id)
    wanted = parse_ids(call.raw, Refusal("No external ids specified"))
    if schedule.is_activated:
        raise Refusal("Can't update activated schedule")
    unknown = _require_some_user(tenant, wanted)
    removed = [user_id for user_id in wanted if user_id in schedule.seats and user_id not in unknown]
    for user_id in removed:
        del schedule.seats[user_id]
    absent = [user_id for user_id in wanted if user_id not in removed and user_id not in unknown]
    lists = {
        "DeletedCandidateExternalIds": removed,
        "NotFoundCandidateExternalIds": absent,
        "NotFoundUserExternalIds": unknown,
    }
    return content(lists, items=len(wanted))


def add_invigilators(tenant: Tenant, call: Call) -> Answer:
    """PUT .../invigilators: each user ends as added, or with a code (§5.10); adding again is harmless."""
    require_scheduler(tenant)
    schedule = found(tenant, call.external_id, code=_NOT_FOUND)
    wanted = parse_ids(call.raw, Refusal("Request body is null or empty", code=100))
    _require_open(tenant, schedule)
    added: list[str] = []
    errors: list[Json] = []
    for user_id in wanted:
        user = tenant.user(user_id)
        if user is None:
            errors.append(_item_error(user_id, 202, USER_NOT_FOUND))
        elif user.profile.get("Role") == CANDIDATE_ROLE:
            errors.append(_item_error(user_id, 318, "User does not have permissions to be invigilator"))
        else:
            schedule.invigilators[user_id] = user
            added.append(user_id)
    if all(error["Code"] == 202 for error in errors) and not added:  # noqa: PLR2004 - §10: user not found
        raise Refusal("No valid user external ids in request", code=200)
    return content({"SuccessfullyAdded": added, "Errors": errors}, items=len(wanted))


def delete_invigilators(tenant: Tenant, call: Call) -> Answer:
    """DELETE .../invigilators, with a body: the page lists even whole failures under HTTP 200 (§5.11)."""
    try:
        require_scheduler(tenant)
        schedule = found(tenant, call.external_id, code=_NOT_FOUND)
        wanted = parse_ids(call.raw, Refusal("Request body is null or empty", code=100))
        _require_open(tenant, schedule)
    except Refusal as refusal:
        raise Refusal(refusal.text, code=refusal.code, status=200) from refusal
    removed = [user_id for user_id in wanted if schedule.invigilators.pop(user_id, None) is not None]
    errors = [
        _item_error(user_id, 319, "User has not been added as invigilator of this schedule")
        for user_id in wanted
        if user_id not in removed
    ]
    return content({"SuccessfullyRemoved": removed, "Errors": errors}, items=len(wanted))


def share(tenant: Tenant, call: Call) -> Answer:
    """PUT .../sharing: user names, not ids; unknown names are passed over (§5.12)."""
    schedule = found(tenant, call.external_id, code=_NOT_FOUND)
    body = parse_object(call.raw)
    access = flag(body, "Access")
    wanted: object = body.get("Filter")
    listed: object = cast("Json", wanted).get("Users") if isinstance(wanted, dict) else None
    if not isinstance(listed, list) or not listed:
        raise Refusal("Filter.Users is empty", code=216)
    names = [str(name) for name in cast("list[object]", listed)]
    for name in names:
        user = tenant.usernames.get(name)
        if user is None or user.in_trash:
            continue
        if access:
            schedule.shared_with[name] = user
        else:
            schedule.shared_with.pop(name, None)
    return content(None, items=len(names))


def _require_some_user(tenant: Tenant, wanted: list[str]) -> list[str]:
    """Return the ids that belong to no user; refuse when that is all of them."""
    unknown = [user_id for user_id in wanted if tenant.user(user_id) is None]
    if len(unknown) == len(wanted):
        raise Refusal("No users found by external ids")
    return unknown


def _require_open(tenant: Tenant, schedule: Schedule) -> None:
    if schedule.is_archived:
        raise Refusal(_ARCHIVED, code=302)
    if tenant.now >= schedule.end:
        raise Refusal(_FINISHED, code=305)


def _item_error(user_id: str, code: int, said: str) -> Json:
    return {"UserExtId": user_id, "Code": code, "Error": said}
