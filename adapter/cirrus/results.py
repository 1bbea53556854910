"""Results and notices of results: read by the names that a tenant's settings give to the fields.

What stands below `CandidateInfo` in GET /results, and all of the webhook's payload, is UNSEEN (cirrus-api.md 9.1
and C). So nothing here knows a structure. A document is walked from the top: each object knows the plain fields
of those around it, as far as they have a name that is looked for, and the outermost one that tells an outcome or a
score is a result. Names count in any case.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qs

import orjson

from adapter.cirrus.paths import sendable
from adapter.cirrus.phrasebook import fold
from adapter.cirrus.wire import Reading
from adapter.domain.answers import ResultSeen, ResultsSeen, Standing
from adapter.domain.notices import Named

Json = dict[str, Any]

DEEPEST = 8
MOST_RESULTS = 500
MOST_NAMED = 2000
LONGEST_GRADE = 100

FIELDS: Mapping[str, tuple[str, ...]] = {
    "candidate": ("CandidateExtId", "CandidateExternalId", "CandidateId"),
    "schedule": ("ScheduleExtId", "ScheduleExternalId", "ScheduleId"),
    "attempt_id": ("AttemptExtId", "AttemptExternalId"),
    "attempt": ("AttemptNumber", "Attempt"),
    "outcome": ("PassedStatus", "Outcome", "ResultOutcome", "ResultStatus", "Passed"),
    "score": ("Score", "OverallScore", "Percentage"),
    "raw_score": ("RawScore", "Points", "TotalPoints"),
    "max_raw_score": ("MaxRawScore", "MaxPoints", "MaxScore"),
    "grade": ("Grade", "GradeTitle"),
    "test_date": ("LastSatDate", "TestDate", "EndDate", "StartDate"),
    "result_date": ("PublishedDate", "PublicationDate", "ResultDate"),
    "final": ("Final", "IsFinal"),
}
"""Names under which each field is looked for, the likeliest first: those of related pages (8, 6.1) and the UI (11)."""

OUTCOMES: Mapping[str, Standing] = {
    "SATISFACTORY": "passed",
    "NOT_SATISFACTORY": "failed",
    "NOT_SUBMITTED": "not-submitted",
    "VOIDED": "voided",
    "VOID": "voided",
    "PASSED": "passed",
    "FAILED": "failed",
    "TRUE": "passed",
    "FALSE": "failed",
}
"""What Cirrus' words for an outcome mean; the first four are documented (9.1)."""


@dataclass(frozen=True, slots=True)
class ResultFields:
    """The names of a tenant's fields and outcomes: the defaults, but for what its settings say."""

    names: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: FIELDS)
    outcomes: Mapping[str, Standing] = field(default_factory=lambda: OUTCOMES)

    @classmethod
    def with_settings(cls, names: Mapping[str, Iterable[str]], outcomes: Mapping[str, Standing]) -> "ResultFields":
        """Return the defaults with these names in their place, and these outcomes beside them."""
        words: dict[str, Standing] = {**OUTCOMES, **{word.upper(): standing for word, standing in outcomes.items()}}
        return cls({**FIELDS, **{name: tuple(given) for name, given in names.items()}}, words)

    def read(self, document: Json, reading: Reading) -> ResultsSeen:
        """Return every result in a document; `reading` knows the zone of times without one."""
        entries = [entry for entry, _ in zip(self._entries(document), range(MOST_RESULTS), strict=False)]
        return ResultsSeen(tuple(self._result(entry, reading) for entry in entries), document)

    def named(self, body: bytes) -> tuple[Named, ...] | str:
        """Return whose results a notice names, each once, or why nobody can tell."""
        try:
            document: object = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = _form(body)
            if document is None:
                return "it is neither JSON nor a form"
        found = [named for named, _ in zip(self._named(document, {}, 0), range(MOST_NAMED), strict=False)]
        whole = list(dict.fromkeys(one for one in found if one.complete or one.attempt_id is not None))
        if whole:
            return tuple(whole)
        if found:
            return "it names a candidate or a schedule, but not both, and no attempt"
        return "it names no candidate, schedule or attempt under the names that are set"

    def _entries(self, document: object) -> Iterator[Json]:
        yield from self._results(document, {}, 0)

    def _results(self, value: object, around: Json, depth: int) -> Iterator[Json]:
        """Yield the outermost objects that tell a result, with the plain fields of what is around them."""
        if depth > DEEPEST:
            return
        if isinstance(value, list):
            for entry in cast("list[object]", value)[:MOST_RESULTS]:
                yield from self._results(entry, around, depth + 1)
        elif isinstance(value, dict):
            own = fold(cast("Json", value))
            known = {**around, **self._plain(own)}
            if any(_is_plain(own.get(key)) for key in (*self._keys("outcome"), *self._keys("score"))):
                yield known
                return
            for entry in own.values():
                yield from self._results(entry, known, depth + 1)

    def _result(self, entry: Json, reading: Reading) -> ResultSeen:
        number = _number(self._first(entry, "attempt"))
        return ResultSeen(
            standing=self._standing(self._first(entry, "outcome")),
            schedule_id=_text(self._first(entry, "schedule")),
            attempt_id=_text(self._first(entry, "attempt_id")),
            attempt=int(number) if number is not None and number >= 1 else None,
            score=_number(self._first(entry, "score")),
            raw_score=_number(self._first(entry, "raw_score")),
            max_raw_score=_number(self._first(entry, "max_raw_score")),
            grade=(_text(self._first(entry, "grade")) or "")[:LONGEST_GRADE] or None,
            test_date=_moment(self._first(entry, "test_date"), reading),
            result_date=_moment(self._first(entry, "result_date"), reading),
            final=final if isinstance(final := self._first(entry, "final"), bool) else None,
        )

    def _standing(self, word: object) -> Standing:
        key = "_".join(str(word).upper().replace("-", " ").split()) if word is not None else ""
        return self.outcomes.get(key, "unknown")

    def _named(self, value: object, around: Json, depth: int) -> Iterator[Named]:
        """Yield what each object names that names a schedule or an attempt, else what its surroundings name."""
        if depth > DEEPEST:
            return
        if isinstance(value, list):
            for entry in cast("list[object]", value)[:MOST_NAMED]:
                yield from self._named(entry, around, depth + 1)
        elif isinstance(value, dict):
            own = fold(cast("Json", value))
            known = {**around, **self._plain(own)}
            below = [one for entry in own.values() for one in self._named(entry, known, depth + 1)]
            yield from below or self._own(own, known)

    def _own(self, own: Json, known: Json) -> Iterator[Named]:
        if any(
            own.get(key) is not None for name in ("candidate", "schedule", "attempt_id") for key in self._keys(name)
        ):
            yield Named(self._id(known, "candidate"), self._id(known, "schedule"), self._id(known, "attempt_id"))

    def _id(self, entry: Json, name: str) -> str | None:
        given = _text(self._first(entry, name))
        return given if given is not None and sendable(given) else None

    def _first(self, entry: Json, name: str) -> object:
        return next((entry[key] for key in self._keys(name) if entry.get(key) is not None), None)

    def _plain(self, own: Json) -> Json:
        """Return the plain fields whose names are looked for: a copy of all would be made for each object below."""
        wanted = (key for name in self.names for key in self._keys(name))
        return {key: own[key] for key in wanted if _is_plain(own.get(key))}

    def _keys(self, name: str) -> tuple[str, ...]:
        return _lowered(self.names[name])


@cache
def _lowered(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _form(body: bytes) -> Json | None:
    """Read a form, since the webhook's content type is UNSEEN; its first field may hold the JSON itself."""
    try:
        fields = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=50)
    except ValueError:
        return None
    found: Json = {name: values[0] for name, values in fields.items()}
    for value in found.values():
        try:
            nested: object = orjson.loads(value)
        except orjson.JSONDecodeError:
            continue
        if isinstance(nested, dict | list):
            return {"form": nested}
    return found


def _text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def _number(value: object) -> float | None:
    """Return a number, also one that is written as text, with a comma or a percent sign."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value.strip().removesuffix("%").replace(",", ".") if isinstance(value, str) else value)
    except ValueError:
        return None
    return number if abs(number) < 1e9 else None  # noqa: PLR2004 - no score is so large, and infinity is none


def _moment(value: object, reading: Reading) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return reading.utc(datetime.fromisoformat(value))
    except ValueError:
        return None
