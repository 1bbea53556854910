"""The candidates of a schedule call (§5.1, 5.7): read one by one, created when missing, seated, given a link."""

import re
from dataclasses import dataclass

from adapter.cirrus.sandbox import users
from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.reading import flag, number, required_id, required_text, text
from adapter.cirrus.sandbox.state import Group, Schedule, Seat, Tenant, User

_LIMIT = 500  # every candidate field of §5.7, though 64 holds elsewhere for the id (§0, length conflicts)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate as a schedule call describes it."""

    external_id: str
    username: str | None
    profile: Json
    attempt_id: str | None

    def as_user(self, tenant: Tenant) -> User:
        """Return the user this row will be seated as, without changing anything."""
        known = tenant.user(self.external_id)
        if known is None:
            return User(self.external_id, self.username or self.external_id, self.profile)
        if tenant.options.existing_users == "kept":
            return known
        return User(self.external_id, self.username or known.username, known.profile | self.profile)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The candidates of a call: those that can be seated, and what is wrong with the others."""

    rows: list[Row]
    errors: list[Json]


def read(tenant: Tenant, bodies: list[Json], schedule: Schedule | None, *, external_attempts: bool) -> Sheet:
    """Check every candidate before anything is changed; refuse the whole call where the options say so."""
    sheet = Sheet([], [])
    taken: dict[str, str] = {}
    for body in bodies:
        try:
            row = _read(tenant, body, external_attempts=external_attempts)
            _check(tenant, row, schedule, taken)
            sheet.rows.append(row)
        except Refusal as refusal:
            sheet.errors.append({"CandidateExtId": body.get("CandidateExtId"), "Error": refusal.text})
    if sheet.errors and tenant.options.invalid_candidates == "whole":
        # Several messages are joined by a bar, ids stand in brackets (S-SCHED-CREATE).
        raise Refusal("|".join(f"[{error['CandidateExtId']}] {error['Error']}" for error in sheet.errors))
    return sheet


def seat(tenant: Tenant, schedule: Schedule, row: Row, group: Group) -> Json:
    """Seat one candidate and return its item of the answer, with a link if one is to be issued."""
    user = _ensure_user(tenant, row, group)
    found = schedule.seats.get(row.external_id)
    if found is None:
        found = schedule.seats[row.external_id] = Seat(user)
    if schedule.external_attempts and found.attempt_id is None:
        found.attempt_id = row.attempt_id
        if row.attempt_id is not None:
            tenant.named_attempts[row.attempt_id] = (schedule, found)
    path: str | None = None
    if not found.links or tenant.options.repeat_add == "ignored_with_link":
        session = tenant.mint()
        found.links.append(session)
        path = f"/delivery/external-login?session={session}"
    return {
        "CandidateExtId": row.external_id,
        "StartupLink": path,
        "LaunchUrl": None if path is None else f"https://{tenant.name}.cirrus.invalid{path}",
        "FirstName": user.profile.get("FirstName"),
        "LastName": user.profile.get("LastName"),
        "Email": user.profile.get("Email"),
        "Password": None,
    }


def _read(tenant: Tenant, body: Json, *, external_attempts: bool) -> Row:
    external_id = required_id(body, "CandidateExtId", _LIMIT, tenant.options)
    profile: Json = {key: required_text(body, key, _LIMIT) for key in ("FirstName", "LastName", "Email")}
    if not _EMAIL.fullmatch(profile["Email"]):
        raise Refusal(f"Email of candidate [{external_id}] is not valid")
    needs = flag(body, "SpecialNeeds")
    percentage = number(body, "ReasonableAdjustmentPercentage")
    if percentage is not None and needs is not True:
        raise Refusal("ReasonableAdjustmentPercentage can only be set when SpecialNeeds is true")
    if needs is not None:
        profile["SpecialNeeds"] = needs
    if percentage is not None:
        profile["ReasonableAdjustmentPercentage"] = percentage
    attempt_id = text(body, "AttemptExtId", users.USER_ID_LIMIT)
    if external_attempts and attempt_id is None:
        raise Refusal(f"'AttemptExtId' of candidate [{external_id}] should not be empty")
    return Row(external_id, text(body, "UserName", _LIMIT), profile, attempt_id)


def _check(tenant: Tenant, row: Row, schedule: Schedule | None, taken: dict[str, str]) -> None:
    """Refuse a candidate who is in the trash can, whose user name is taken, or who may not be added again."""
    known = tenant.user(row.external_id)
    username = row.username or (row.external_id if known is None else known.username)
    if known is None or tenant.options.existing_users == "overwritten":
        users.check_free(tenant, row.external_id, username, but_for=known)
        if taken.setdefault(username, row.external_id) != row.external_id:
            raise Refusal(f"User with UserName [{username}] already exists")
    if schedule is not None and row.external_id in schedule.seats and tenant.options.repeat_add == "refused":
        raise Refusal(f"Candidate [{row.external_id}] is already added to schedule [{schedule.external_id}]")


def _ensure_user(tenant: Tenant, row: Row, group: Group) -> User:
    known = tenant.user(row.external_id)
    if known is None:
        profile = row.profile | {"Hierarchies": [users.membership(group.external_id)]}
        return users.add(tenant, row.external_id, row.username or row.external_id, profile)
    if tenant.options.existing_users == "overwritten":
        users.rename(tenant, known, known.external_id, row.username or known.username)
        users.apply_profile(known, row.profile)
    return known
