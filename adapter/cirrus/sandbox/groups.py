"""The rules of hierarchies (§2): strictly alphanumeric ids, and a search that answers nothing with nothing."""

from typing import cast

from adapter.cirrus.sandbox.answers import Answer, Json, Refusal, content
from adapter.cirrus.sandbox.reading import external_id, flag, parse_object, required_text
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.state import Group, Tenant

_ID_LIMIT = 64
_TITLE_LIMIT = 100


def search(tenant: Tenant, call: Call) -> Answer:
    """GET /groups?search=: a bare array; no hit is 200 with an empty body."""
    wanted = call.query.get("search", "").lower()
    found = [
        shown
        for group in tenant.groups.values()
        if wanted in (shown := _view(tenant, group))["Title"].lower()
        or wanted in shown["Path"].lower()
        or wanted in group.external_id.lower()
    ]
    return Answer(200, found or None)


def create(tenant: Tenant, call: Call) -> Answer:
    """POST /groups: the only call that answers 201."""
    body = parse_object(call.raw)
    group_id = _read_id(tenant, body)
    if group_id in tenant.groups:
        raise Refusal(f"Group with ExternalId [{group_id}] already exists.")
    group = Group(group_id, required_text(body, "Title", _TITLE_LIMIT))
    _apply(tenant, group, body)
    tenant.groups[group_id] = group
    return content({"ExternalId": group_id}, status=201)


def update(tenant: Tenant, call: Call) -> Answer:
    """PATCH /groups/{id}: ExternalId and Title are mandatory, an empty parent moves to the root (§2.3)."""
    group = _found(tenant, call)
    body = parse_object(call.raw)
    group_id = _read_id(tenant, body)
    title = required_text(body, "Title", _TITLE_LIMIT)
    if group_id != group.external_id and group_id in tenant.groups:
        raise Refusal(f"Group with ExternalId [{group_id}] already exists.")
    _apply(tenant, group, body)
    group.title = title
    _rename(tenant, group, group_id)
    return content({"ExternalId": group_id})


def delete(tenant: Tenant, call: Call) -> Answer:
    """DELETE /groups/{id}: refused while the group, or a child, is used (§2.4)."""
    group = _found(tenant, call)
    used = any(schedule.group is group for schedule in tenant.schedules.values()) or any(
        other.parent == group.external_id for other in tenant.groups.values()
    )
    if used or _memberships(tenant, group):
        raise Refusal("Group or its children are used")
    del tenant.groups[group.external_id]
    return Answer(200, {"SuccessfullyRemoved": [group.external_id]})


def ensure(tenant: Tenant, group_id: str, name: str) -> Group:
    """Return the hierarchy a schedule call names, made if it is missing (§2, inferred); its title is kept."""
    return tenant.groups.setdefault(group_id, Group(group_id, name))


def path(tenant: Tenant, group: Group) -> str:
    """Return the path of a group from its root, joined as the samples show."""
    titles = [group.title]
    seen = {group.external_id}
    while group.parent is not None and group.parent not in seen and group.parent in tenant.groups:
        group = tenant.groups[group.parent]
        seen.add(group.external_id)
        titles.insert(0, group.title)
    return " \\ ".join(titles)


def _view(tenant: Tenant, group: Group) -> Json:
    return {
        "ExternalId": group.external_id,
        "Title": group.title,
        "Path": path(tenant, group),
        "ParentExternalId": group.parent,
        "SynchronizationKey": None,
        "AllowRelationshipWithSchedules": group.allow_schedules,
        "IsArchived": group.is_archived,
        "IsOrganization": group.is_organization,
    }


def _read_id(tenant: Tenant, body: Json) -> str:
    value: object = body.get("ExternalId")
    if isinstance(value, str) and len(value) > _ID_LIMIT:
        # The table allows 64, the error text speaks of 500 (§0, length conflicts).
        raise Refusal("ExternalId should not be longer than 500")
    group_id = external_id(body, "ExternalId", _ID_LIMIT, tenant.options, dashes=False)
    if group_id is None:
        raise Refusal("ExternalId is null or empty")
    return group_id


def _apply(tenant: Tenant, group: Group, body: Json) -> None:
    if "ParentExternalId" in body:
        parent = external_id(body, "ParentExternalId", _ID_LIMIT, tenant.options)
        if parent is not None and parent not in tenant.groups:
            raise Refusal(f"Parent group with ExternalId [{parent}] is not found.")
        group.parent = parent
    if (allowed := flag(body, "AllowRelationshipWithSchedules")) is not None:
        group.allow_schedules = allowed
    if (organization := flag(body, "IsOrganization")) is not None:
        group.is_organization = organization
    if (archived := flag(body, "IsArchived")) is not None:
        group.is_archived = archived


def _rename(tenant: Tenant, group: Group, group_id: str) -> None:
    if group_id == group.external_id:
        return
    for other in tenant.groups.values():
        if other.parent == group.external_id:
            other.parent = group_id
    for member in _memberships(tenant, group):
        member["ExternalId"] = group_id
    tenant.groups[group_id] = tenant.groups.pop(group.external_id)
    group.external_id = group_id


def _memberships(tenant: Tenant, group: Group) -> list[Json]:
    return [
        member
        for user in tenant.users.values()
        for member in cast("list[Json]", user.profile.get("Hierarchies", []))
        if member.get("ExternalId") == group.external_id
    ]


def _found(tenant: Tenant, call: Call) -> Group:
    group = tenant.groups.get(call.external_id)
    if group is None:
        raise Refusal(f"Group with ExternalId [{call.external_id}] is not found.")
    return group
