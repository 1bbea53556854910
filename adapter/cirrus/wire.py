"""Wire: the answers of Cirrus in their five envelopes, read tolerantly into what the domain understands.

Sources: cirrus-api.md sections 0.3, 1.3, 5 and 6.1, shapes in cirrus-samples.md. Unknown keys are ignored
and keys are read in any case. Models are for single objects; lists of candidates are read by hand, for they
may have 1,800 entries. Nothing here shows a name, a mail address or a link in its repr or its errors.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, cast

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapter.cirrus.phrasebook import fold, read_remarks
from adapter.domain.answers import (
    AttemptSeen,
    AttemptsSeen,
    CandidateSeen,
    Phrase,
    Remark,
    ScheduleSeen,
    Seated,
    Unlisted,
)

Json = dict[str, Any]
CANDIDATE_KEYS = ("candidateextid", "externalid", "userextid")
LISTED_KEYS = ("addedcandidateexternalids", "alreadyaddedcandidateexternalids")
UNKNOWN_KEY = "notfounduserexternalids"
SEATED_KEYS = ("candidates", "schedule", "result", UNKNOWN_KEY, *LISTED_KEYS)
GONE_KEYS = ("deletedcandidateexternalids", "notfoundcandidateexternalids", UNKNOWN_KEY)
ARCHIVED = frozenset({"2", "archived"})
ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")
NOT_STARTED = "NOT_STARTED"


def decode(body: bytes) -> object:
    """Return the JSON of an answer, raise `ValueError` when it is none."""
    return orjson.loads(body)


def succeeded(payload: Json) -> bool:
    """Tell whether a 2xx answer means success: what `Success` says, else whether it holds an error text.

    Inside a success some items may still have failed (section 0, "Sub-resource failures").
    """
    folded = fold(payload)
    success = folded.get("success")
    if isinstance(success, bool):
        return success
    if not folded.get("errors") and not folded.get("message"):
        return True
    return any(folded.get(key) for key in ("result", "candidates", "content"))


class _Wire(BaseModel):
    """Keys are in lower case here, because they are read in any case."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _fold_keys(cls, data: object) -> object:
        return fold(cast("Json", data)) if isinstance(data, dict) else data


class _Reference(_Wire):
    externalid: str | None = None


class User(_Wire):
    """`Content.User` of 1.3."""

    externalid: str | None = None
    firstname: str | None = Field(None, repr=False)
    lastname: str | None = Field(None, repr=False)
    email: str | None = Field(None, repr=False)
    specialneeds: bool | None = None
    reasonableadjustmentpercentage: int | None = None
    disablelogin: bool | None = None
    hierarchies: tuple[_Reference, ...] | None = None


class ScheduleInfo(_Wire):
    """`Content` of 5.6, but for its people."""

    externalid: str | None = None
    title: str | None = None
    startdatetime: datetime | None = None
    enddatetime: datetime | None = None
    isactivated: bool | None = None
    archivestate: int | str | None = None
    candidates: list[Any] | None = Field(None, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a tenant's settings change about reading: the zone of times without one, and where links lead."""

    zone: tzinfo = UTC
    launch_origin: str | None = None

    def candidate(self, payload: Json, asked: str) -> CandidateSeen | None:
        """Read GET /user/{id}; None when that candidate is not in it."""
        content = fold(_content(payload))
        try:
            user = User.model_validate(content.get("user", content))
        except ValidationError:
            return None
        if not _same(user.externalid, asked):
            return None
        return CandidateSeen(
            external_id=asked,
            first_name=user.firstname,
            last_name=user.lastname,
            mail=user.email,
            extra_time=(user.reasonableadjustmentpercentage or 0) if user.specialneeds else 0,
            login_disabled=user.disablelogin,
            hierarchies=frozenset(each.externalid for each in user.hierarchies or () if each.externalid),
        )

    def schedule(self, payload: Json, asked: str) -> ScheduleSeen | None:
        """Read GET /external/schedule/{id}; None when that schedule is not in it."""
        try:
            info = ScheduleInfo.model_validate(_content(payload))
        except ValidationError:
            return None
        if not _same(info.externalid, asked) or info.isactivated is None:
            return None
        return ScheduleSeen(
            external_id=asked,
            title=info.title,
            start=self.utc(info.startdatetime),
            end=self.utc(info.enddatetime),
            activated=info.isactivated,
            archived=str(info.archivestate).lower() in ARCHIVED,
            candidates=frozenset(name for entry in _objects(info.candidates) if (name := _name(entry))),
        )

    def seated(self, payload: Json, asked: Iterable[str]) -> Seated | None:
        """Read who is on the schedule now: E4 with links (5.1, 5.7) or lists of ids (5.8); None if it is neither."""
        content = fold(_content(payload))
        if not any(key in content for key in SEATED_KEYS) and not _says_success(payload):
            return None
        spelling = _Spelling(asked)
        entries = [(spelling.of(_name(entry)), entry) for entry in _objects(content.get("candidates"))]
        refused = {name: remark for name, entry in entries if name and (remark := _remark(entry))}
        refused |= spelling.refusals(payload)
        seated = dict.fromkeys(name for key in LISTED_KEYS for name in spelling.all_of(content.get(key)))
        origin = self.launch_origin or next((found for _, e in entries if (found := _origin(e))), None)
        repeated = {name for name, remark in refused.items() if remark.phrase is Phrase.ALREADY_ADDED}
        seated |= {
            name: _link(entry, origin) for name, entry in entries if name and (name not in refused or name in repeated)
        }
        unknown = frozenset(spelling.all_of(content.get(UNKNOWN_KEY)))
        return Seated(seated, unknown, {name: remark for name, remark in refused.items() if name not in seated})

    def unlisted(self, payload: Json, asked: Iterable[str]) -> Unlisted | None:
        """Read DELETE .../candidates (5.9); whom Cirrus did not find there or at all is off the schedule too."""
        content = fold(_content(payload))
        if not any(key in content for key in GONE_KEYS) and not _says_success(payload):
            return None
        spelling = _Spelling(asked)
        return Unlisted(frozenset(name for key in GONE_KEYS for name in spelling.all_of(content.get(key))))

    def attempts(self, payload: Json) -> AttemptsSeen | None:
        """Read GET .../attempt-info (6.1); no content is an answer only beside a plain success."""
        content: object = fold(payload).get("content")
        entries = _objects(content)
        if not isinstance(content, list) and (content or not _says_success(payload)):
            return None
        started = (name for entry in entries if _begun(entry) and (name := _name(entry)))
        shown = {name: self._attempts(entry) for entry in entries if (name := _name(entry))}
        return AttemptsSeen(frozenset(started), shown)

    def _attempts(self, entry: Json) -> tuple[AttemptSeen, ...]:
        """Read one candidate's attempts, oldest first; one that cannot be read is one all the same."""
        given: object = entry.get("attempts")
        attempts = cast("list[object]", given) if isinstance(given, list) else [given] if given else []
        return tuple(self._attempt(attempt) for attempt in attempts)

    def _attempt(self, given: object) -> AttemptSeen:
        attempt = fold(cast("Json", given)) if isinstance(given, dict) else {}
        return AttemptSeen(
            started=self._moment(attempt.get("startdate")),
            ended=self._moment(attempt.get("enddate")),
            status=_text(attempt, "status").upper(),
        )

    def _moment(self, value: object) -> datetime | None:
        try:
            return self.utc(datetime.fromisoformat(value)) if isinstance(value, str) else None
        except ValueError:
            return None

    def utc(self, moment: datetime | None) -> datetime | None:
        """Return a moment in UTC, None where it is none or could be either of two."""
        if moment is None:
            return None
        readings = [moment] if moment.tzinfo else [moment.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1)]
        try:
            moments = {reading.astimezone(UTC) for reading in readings}
        except OverflowError:  # the year 1, which is how .NET writes that there is no time
            return None
        # An hour that is lived through twice names two moments; a guess would make an exam look moved.
        return moments.pop() if len(moments) == 1 else None


class _Spelling:
    """Maps ids back to how we spell them, whatever case Cirrus answers in; others' ids are nobody's business."""

    def __init__(self, asked: Iterable[str]) -> None:
        exact = tuple(asked)
        self._ours = {name.lower(): name for name in exact} | {name: name for name in exact}

    def of(self, name: str | None) -> str | None:
        return None if name is None else self._ours.get(name) or self._ours.get(name.lower())

    def all_of(self, names: object) -> list[str]:
        if not isinstance(names, list):
            return []
        return [ours for name in cast("list[object]", names) if (ours := self.of(_id(name))) is not None]

    def refusals(self, payload: Json) -> dict[str, Remark]:
        return {ours: remark for remark in read_remarks(payload) for name in remark.about if (ours := self.of(name))}


def _content(payload: Json) -> Json:
    content = fold(payload).get("content")
    return cast("Json", content) if isinstance(content, dict) else payload


def _objects(entries: object) -> list[Json]:
    if not isinstance(entries, list):
        return []
    return [fold(cast("Json", entry)) for entry in cast("list[object]", entries) if isinstance(entry, dict)]


def _id(value: object) -> str | None:
    """Return an id, which may be written as a number; anything else is none."""
    return str(value) if isinstance(value, str | int) else None


def _name(entry: Mapping[str, Any]) -> str | None:
    return next((name for key in CANDIDATE_KEYS if (name := _id(entry.get(key)))), None)


def _begun(entry: Mapping[str, Any]) -> bool:
    """Tell whether a candidate has an attempt; what cannot be read counts, for it protects a schedule."""
    attempts: object = entry.get("attempts")
    if not isinstance(attempts, list):
        return bool(attempts)
    return any(
        not isinstance(attempt, dict) or fold(cast("Json", attempt)).get("status") != NOT_STARTED
        for attempt in cast("list[object]", attempts)
    )


def _same(answered: str | None, asked: str) -> bool:
    return answered is not None and answered.lower() == asked.lower()


def _says_success(payload: Json) -> bool:
    return fold(payload).get("success") is True


def _remark(entry: Json) -> Remark | None:
    said = [entry[key] for key in ("error", "errors", "message") if entry.get(key)]
    return next(iter(read_remarks({"errors": said})), None) if said else None


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _origin(entry: Mapping[str, Any]) -> str | None:
    found = ORIGIN.match(_text(entry, "launchurl"))
    return found[0] if found else None


def _link(entry: Mapping[str, Any], origin: str | None) -> str | None:
    """Return the launch link in full, None where it could only be guessed: a wrong link is worse than none."""
    launch, startup = _text(entry, "launchurl"), _text(entry, "startuplink")
    if absolute := next((link for link in (launch, startup) if ORIGIN.match(link)), None):
        return absolute
    return origin + startup if origin and startup.startswith("/") else None
