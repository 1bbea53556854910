"""Bodies: what is sent for each step, in the two dialects of the API (cirrus-api.md sections 1 and 5, D.3).

Ids are checked, never cut; names are cut with a mark, for they are for display only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson

from adapter.domain import steps
from adapter.domain.answers import Phrase, Remark
from adapter.domain.version import utc_text

LONGEST_TITLE = 100
LONGEST_NAME = 500
LONGEST_MAIL = 100
LONGEST_PIN = 4
MARK = "\u2026"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a tenant's settings change about bodies: per-candidate attempt ids, and `Upsert`."""

    external_attempts: bool = False
    upsert: bool = False


def cut(text: str, longest: int) -> str:
    """Return the text, shortened with a mark when it is too long; lengths count as .NET counts, in UTF-16."""
    if len(text) * 2 <= longest or _length(text) <= longest:
        return text
    kept = text[: longest - 1]
    while _length(kept) >= longest:
        kept = kept[:-1]
    return kept.rstrip() + MARK


def _length(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def refusal_of_profile(profile: steps.Profile) -> Remark | None:
    """Return why Cirrus would not take this candidate, without the value it is about."""
    about = (profile.external_id,)
    if _length(profile.mail) > LONGEST_MAIL:
        text = f"the e-mail address is longer than {LONGEST_MAIL} characters"
        return Remark(Phrase.INVALID_FIELD, text, about=about)
    if encode((profile.first_name, profile.last_name, profile.mail)) is None:
        return Remark(Phrase.INVALID_FIELD, "a name or the e-mail address is no valid text", about=about)
    return None


def refusal_of_pin(schedule: steps.Schedule) -> Remark | None:
    """Return why Cirrus would not take this schedule's PIN, without the PIN."""
    if schedule.pin is None or len(schedule.pin) <= LONGEST_PIN:
        return None
    return Remark(
        Phrase.INVALID_FIELD, f"the PIN is longer than {LONGEST_PIN} characters", about=(schedule.external_id,)
    )


def publish(step: steps.PublishSchedule, seats: tuple[steps.Seat, ...], dialect: Dialect) -> Json:
    """POST /schedule (5.1)."""
    schedule = step.schedule
    body: Json = {}
    if dialect.external_attempts:
        body["Workflow"] = "EXTERNAL_ATTEMPTS"
    if dialect.upsert:
        body["Upsert"] = True
    body["Schedule"] = {
        "AssessmentExtId": schedule.assessment_id,
        "Title": cut(schedule.title, LONGEST_TITLE),
        "ScheduleExtId": schedule.external_id,
        "StartDateTime": utc_text(schedule.start),
        "EndDateTime": utc_text(schedule.end),
        **_group(schedule.hierarchy),
    }
    if schedule.pin is not None:
        body["Schedule"]["PIN"] = schedule.pin
    body["Candidates"] = [_seat(seat, dialect) for seat in seats]
    return body


def seat(step: steps.SeatCandidates, seats: tuple[steps.Seat, ...], dialect: Dialect) -> Json:
    """POST /schedule/add-candidates (5.7)."""
    return {
        "Schedule": {"ScheduleExtId": step.external_id, **_group(step.hierarchy)},
        "Candidates": [_seat(each, dialect) for each in seats],
    }


def draft(schedule: steps.Schedule) -> Json:
    """POST /external/schedule (5.2)."""
    body: Json = {
        "AssessmentExternalId": schedule.assessment_id,
        "StartDateTime": utc_text(schedule.start),
        "EndDateTime": utc_text(schedule.end),
        "Title": cut(schedule.title, LONGEST_TITLE),
        "ScheduleExternalId": schedule.external_id,
        "HierarchyExternalId": schedule.hierarchy.external_id,
    }
    if schedule.pin is not None:
        body["PIN"] = schedule.pin
    return body


def change(schedule: steps.Schedule) -> Json:
    """PATCH /external/schedule/{id} (5.3), without the field that would give the schedule another id."""
    return {
        "StartDateTime": utc_text(schedule.start),
        "EndDateTime": utc_text(schedule.end),
        "Title": cut(schedule.title, LONGEST_TITLE),
    }


def create_candidate(step: steps.CreateCandidate) -> Json:
    """POST /user (1.1)."""
    profile = step.profile
    body: Json = {"ExternalId": profile.external_id}
    for of_field in PROFILE_FIELDS.values():
        body.update(of_field(profile))
    if step.hierarchies:
        body["Hierarchies"] = [{"ExternalId": each} for each in step.hierarchies]
    return body


def change_candidate(step: steps.ChangeCandidate) -> Json:
    """PATCH /user/{id} (1.2): the named fields and nothing else."""
    body: Json = {}
    for name in sorted(step.fields):
        body.update(PROFILE_FIELDS[name](step.profile))
    return body


def encode(body: object) -> bytes | None:
    """Return the body as JSON, None when a text in it is no text (half of a surrogate pair)."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        return None


def _extra_time(profile: steps.Profile) -> Json:
    if profile.extra_time is None:
        return {}
    if profile.extra_time == 0:
        return {"SpecialNeeds": False}
    return {"SpecialNeeds": True, "ReasonableAdjustmentPercentage": profile.extra_time}


def _login(profile: steps.Profile) -> Json:
    return {} if profile.login_disabled is None else {"DisableLogin": profile.login_disabled}


PROFILE_FIELDS: Mapping[str, Callable[[steps.Profile], Json]] = MappingProxyType(
    {
        "first_name": lambda profile: {"FirstName": cut(profile.first_name, LONGEST_NAME)},
        "last_name": lambda profile: {"LastName": cut(profile.last_name, LONGEST_NAME)},
        "mail": lambda profile: {"Email": profile.mail},
        "extra_time": _extra_time,
        "login_disabled": _login,
    }
)
"""The keys of /user for each attribute of a profile that a step may name."""


def _group(hierarchy: steps.Hierarchy) -> Json:
    return {"GroupExtId": hierarchy.external_id, "GroupName": cut(hierarchy.name, LONGEST_NAME)}


def _seat(seat: steps.Seat, dialect: Dialect) -> Json:
    profile = seat.profile
    body: Json = {
        "CandidateExtId": profile.external_id,
        "FirstName": cut(profile.first_name, LONGEST_NAME),
        "LastName": cut(profile.last_name, LONGEST_NAME),
        "Email": profile.mail,
    }
    if profile.extra_time is not None:
        body["SpecialNeeds"] = "true" if profile.extra_time else "false"  # a text here, a boolean in /user
        if profile.extra_time:
            body["ReasonableAdjustmentPercentage"] = profile.extra_time
    if dialect.external_attempts and seat.attempt_id is not None:
        body["AttemptExtId"] = seat.attempt_id
    return body
