"""Answers: what came back from Cirrus for one step, before anybody judged it.

The client turns HTTP into these; `adapter.domain.verdict.judge` turns them into verdicts.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from adapter.domain.steps import Step


class Phrase(enum.StrEnum):
    """What Cirrus can mean by an error, whatever its wording (the wordings are in the phrasebook)."""

    ALREADY_EXISTS = "already-exists"
    ALREADY_ACTIVATED = "already-activated"
    ALREADY_ADDED = "already-added"
    IN_TRASH = "in-trash-can"
    USERNAME_TAKEN = "username-taken"
    NOT_FOUND = "not-found"
    USER_NOT_FOUND = "user-not-found"
    ASSESSMENT_UNUSABLE = "assessment-unusable"
    HIERARCHY_MISSING = "hierarchy-missing"
    FROZEN = "schedule-activated"
    CANNOT_DELETE = "cannot-delete"
    ARCHIVED = "schedule-archived"
    FINISHED = "schedule-finished"
    NOT_BEGUN = "schedule-not-begun"
    NOT_ACTIVATED = "schedule-not-activated"
    WINDOW_TOO_SHORT = "window-too-short"
    INVALID_ID = "invalid-id"
    INVALID_FIELD = "invalid-field"
    NO_RESULT = "no-result"
    OVER_LIMIT = "over-limit"
    SETUP = "api-settings-incomplete"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Remark:
    """One error as Cirrus worded it; `about` holds the ids it names in square brackets."""

    phrase: Phrase
    text: str
    code: int | None = None
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandidateSeen:
    """A candidate as Cirrus holds it; a field it did not show is None."""

    external_id: str
    first_name: str | None
    last_name: str | None
    mail: str | None
    extra_time: int
    login_disabled: bool | None
    hierarchies: frozenset[str]

    def __repr__(self) -> str:
        return f"CandidateSeen({self.external_id!r}, ***)"


@dataclass(frozen=True, slots=True)
class ScheduleSeen:
    """A schedule as Cirrus holds it (5.6); the endpoint shows neither links nor the assessment."""

    external_id: str
    title: str | None
    start: datetime | None
    end: datetime | None
    activated: bool
    archived: bool
    candidates: frozenset[str]


@dataclass(frozen=True, slots=True)
class Absent:
    """Cirrus does not know the external id (it answers 400, never 404)."""


@dataclass(frozen=True, slots=True)
class Seated:
    """Per candidate what a call about many said.

    `seated` maps each external id that is on the schedule now to its launch link, None without one.
    A candidate in none of the three was not mentioned: only a read-back can tell.
    """

    seated: Mapping[str, str | None]
    unknown: frozenset[str] = frozenset()
    refused: Mapping[str, Remark] = field(default_factory=dict[str, Remark])

    def __repr__(self) -> str:
        return f"Seated({len(self.seated)} seated, {len(self.unknown)} unknown, {len(self.refused)} refused)"


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Candidates that are certainly off the schedule now."""

    gone: frozenset[str]


@dataclass(frozen=True, slots=True)
class AttemptSeen:
    """One attempt as Cirrus holds it (6.1); times are UTC."""

    started: datetime | None
    ended: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class AttemptsSeen:
    """External ids of candidates with at least one attempt, and everybody's attempts, oldest first, as far as shown."""

    started: frozenset[str]
    attempts: Mapping[str, tuple[AttemptSeen, ...]] = field(default_factory=dict[str, tuple[AttemptSeen, ...]])


Standing = Literal["passed", "failed", "unknown", "not-submitted", "voided"]
"""What Cirrus makes of an attempt."""


@dataclass(frozen=True, slots=True)
class ResultSeen:
    """One published result (9.1). Scores are as Cirrus gives them, times UTC; what it did not show is None."""

    standing: Standing
    schedule_id: str | None = None
    attempt_id: str | None = None
    attempt: int | None = None
    score: float | None = field(default=None, repr=False)
    raw_score: float | None = field(default=None, repr=False)
    max_raw_score: float | None = field(default=None, repr=False)
    grade: str | None = field(default=None, repr=False)
    test_date: datetime | None = None
    result_date: datetime | None = None
    final: bool | None = None


@dataclass(frozen=True, slots=True)
class ResultsSeen:
    """What is published of one candidate, and the whole document, for as long as its structure is UNSEEN."""

    results: tuple[ResultSeen, ...]
    document: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """Carried out; the answer holds nothing more."""


Content = CandidateSeen | ScheduleSeen | Absent | Seated | Unlisted | AttemptsSeen | ResultsSeen | Done


@dataclass(frozen=True, slots=True)
class Accepted:
    """Cirrus says yes (a partial yes shows in its content)."""

    content: Content


@dataclass(frozen=True, slots=True)
class Refused:
    """Cirrus says no to the whole call, by 400 or by 200 with `Success: false`."""

    status: int
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Forbidden:
    """401 or 403: the token, not this record."""

    status: int


@dataclass(frozen=True, slots=True)
class Throttled:
    """429; `after` in seconds when Cirrus named a time."""

    after: float | None


@dataclass(frozen=True, slots=True)
class Failing:
    """5xx; a write may or may not have been carried out."""

    status: int
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection was made: nothing was sent."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request was sent and no whole answer came back."""


@dataclass(frozen=True, slots=True)
class Garbled:
    """An answer that cannot be read."""

    status: int


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Refused before sending: the external id is one that Cirrus would not accept."""

    external_id: str
    rule: str


Answer = Accepted | Refused | Forbidden | Throttled | Failing | Unreachable | NoAnswer | Garbled | Unsendable


@dataclass(frozen=True, slots=True)
class Receipt:
    """A step that was performed, and what came of it."""

    step: Step
    answer: Answer
    verdict: Any
    at: datetime
