"""The rules of users (§1): unique external id and user name, and a trash can that blocks both."""

from adapter.cirrus.sandbox.answers import Answer, Json, Refusal, content, done
from adapter.cirrus.sandbox.reading import external_id, flag, number, parse_object, required_text, rows, text
from adapter.cirrus.sandbox.routing import Call
from adapter.cirrus.sandbox.state import Tenant, User

USER_ID_LIMIT = 64
USERNAME_LIMIT = 50
CANDIDATE_ROLE = "Candidate"

_TEXTS = {
    "LastName": 500,
    "FirstName": 500,
    "Email": 100,
    "Role": 500,
    "Photo": 500,
    "DateOfBirth": 10,
    "Company": 100,
    "CountryCode": 20,
    "State": 50,
    "City": 50,
    "PostalCode": 50,
    "PostalAddress": 500,
    "AddressLine1": 500,
    "AddressLine2": 500,
    "PhoneNumber": 50,
    "CellularPhone": 50,
}
_FLAGS = ("SpecialNeeds", "EnableReadSpeaker", "DisableLogin", "DisablePasswordReset")
_GROUP_LIMIT = 64
_RIGHTS = ("IsCoordinator", "IsAdministrator", "HasViewReportsPermissions", "HasReScoringPermissions")
_LISTS = ("Labels", "AllowedIpAddresses", "Hierarchies")
_ORDER = (*_TEXTS, "SpecialNeeds", "ReasonableAdjustmentPercentage", *_FLAGS[1:], *_LISTS)

USER_NOT_FOUND = "User not found"


def create(tenant: Tenant, call: Call) -> Answer:
    """POST /user. Success code and texts are UNSEEN; 200 with the id, as in the sibling calls."""
    body = parse_object(call.raw)
    profile = read_profile(body)
    user_id = external_id(body, "ExternalId", USER_ID_LIMIT, tenant.options)
    if user_id is None:
        raise Refusal("'ExternalId' should not be empty")
    for name in ("LastName", "FirstName"):
        required_text(body, name, _TEXTS[name])
    add(tenant, user_id, text(body, "UserName", USERNAME_LIMIT) or user_id, profile)
    return content(user_id)


def update(tenant: Tenant, call: Call) -> Answer:
    """PATCH /user/{id}: no field is mandatory, an `ExternalId` in the body re-keys; lists replace (UNSEEN)."""
    user = _found(tenant, call)
    body = parse_object(call.raw)
    profile = read_profile(body)
    renamed = external_id(body, "ExternalId", USER_ID_LIMIT, tenant.options) or user.external_id
    username = text(body, "UserName", USERNAME_LIMIT) or user.username
    check_free(tenant, renamed, username, but_for=user)
    rename(tenant, user, renamed, username)
    apply_profile(user, profile)
    return content(user.external_id)


def show(tenant: Tenant, call: Call) -> Answer:
    """GET /user/{id} (S-USER-GET)."""
    return content({"User": view(_found(tenant, call))})


def delete(tenant: Tenant, call: Call) -> Answer:
    """DELETE /user/{id}: into the trash can, where the id and user name stay taken (§1.4)."""
    if call.external_id == tenant.options.api_user:
        raise Refusal("Current user can not be deleted with external api", code=260)
    _found(tenant, call).in_trash = True
    return done()


def view(user: User) -> Json:
    """Return a user with every documented field."""
    shown: Json = {"ExternalId": user.external_id, "UserName": user.username}
    for key in _ORDER:
        shown[key] = user.profile.get(key, _empty(key))
    return shown


def person(user: User) -> Json:
    """Return who a user is, as attempts, results and a schedule's sharing show it."""
    return {
        "ExternalId": user.external_id,
        "FirstName": user.profile.get("FirstName"),
        "LastName": user.profile.get("LastName"),
        "UserName": user.username,
        "Email": user.profile.get("Email"),
    }


def read_profile(body: Json) -> Json:
    """Read the profile fields which a body holds; a percentage is accepted only with SpecialNeeds=true (§1.1)."""
    profile: Json = {key: text(body, key, limit) for key, limit in _TEXTS.items() if key in body}
    profile |= {key: flag(body, key) or False for key in _FLAGS if key in body}
    profile |= {key: body[key] or [] for key in _LISTS if key in body}
    if "Hierarchies" in body:
        profile["Hierarchies"] = [
            membership(required_text(given, "ExternalId", _GROUP_LIMIT), given) for given in rows(body, "Hierarchies")
        ]
    percentage = number(body, "ReasonableAdjustmentPercentage")
    if percentage is not None:
        if profile.get("SpecialNeeds") is not True:
            raise Refusal("ReasonableAdjustmentPercentage can only be set when SpecialNeeds is true")
        profile["ReasonableAdjustmentPercentage"] = percentage
    return profile


def membership(group_id: str, given: Json | None = None) -> Json:
    """Return that a user belongs to a hierarchy, with every right that was not given shown as withheld (S-USER-GET)."""
    return {"ExternalId": group_id} | dict.fromkeys(_RIGHTS, False) | (given or {})


def apply_profile(user: User, profile: Json) -> None:
    """Set the given profile fields; taking special needs away takes the percentage with it."""
    user.profile |= profile
    if not user.has_special_needs:
        user.profile.pop("ReasonableAdjustmentPercentage", None)


def add(tenant: Tenant, user_id: str, username: str, profile: Json) -> User:
    """Add a user after the check that both names are free."""
    check_free(tenant, user_id, username)
    user = User(user_id, username, {"Role": CANDIDATE_ROLE} | profile)
    tenant.users[user_id] = tenant.usernames[username] = user
    return user


def check_free(tenant: Tenant, user_id: str, username: str, *, but_for: User | None = None) -> None:
    """Refuse an external id or user name that belongs to another user, deleted ones included."""
    holder = tenant.users.get(user_id)
    if holder is not None and holder is not but_for:
        state = "is in the trash can" if holder.in_trash else "already exists"
        raise Refusal(f"User with ExternalId [{user_id}] {state}")
    holder = tenant.usernames.get(username)
    if holder is not None and holder is not but_for:
        raise Refusal(f"User with UserName [{username}] already exists")


def rename(tenant: Tenant, user: User, user_id: str, username: str) -> None:
    """Give a user another external id or user name, on the schedules too."""
    del tenant.usernames[user.username]
    tenant.usernames[username] = user
    user.username = username
    if user_id == user.external_id:
        return
    for schedule in tenant.schedules.values():
        if user.external_id in schedule.seats:
            schedule.seats[user_id] = schedule.seats.pop(user.external_id)
        if user.external_id in schedule.invigilators:
            schedule.invigilators[user_id] = schedule.invigilators.pop(user.external_id)
    tenant.users[user_id] = tenant.users.pop(user.external_id)
    user.external_id = user_id


def _found(tenant: Tenant, call: Call) -> User:
    user = tenant.user(call.external_id)
    if user is None:
        raise Refusal(USER_NOT_FOUND, code=202)
    return user


def _empty(key: str) -> object:
    if key in _FLAGS:
        return False
    return [] if key in _LISTS else None
