"""Results in the demo: what the SIS was told of each, and what Cirrus shows of it by its own account."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from handlers import said

WHAT = {said.RESULT_PUBLISHED: "published", said.RESULT_CORRECTED: "corrected", said.RESULT_VOIDED: "voided"}
"""In a word, what each type of event tells of a result."""

PASS = {"SATISFACTORY": "passed", "NOT_SATISFACTORY": "failed"}
"""Outcomes of Cirrus in the words of our events."""

Seat = tuple[str, str]
"""Whose result it is: schedule and candidate, by their ids in Cirrus."""


@dataclass(frozen=True, slots=True)
class ToldResult:
    """One version of a result, as the SIS hears it; `booking` is None and `orphan` set where nobody was booked."""

    seat: Seat
    booking: str | None
    version: int
    what: str
    passed: str | None
    score: float | None
    orphan: bool

    @classmethod
    def of(cls, outcome: Mapping[str, Any]) -> Self | None:
        """Read an outcome, None when it is about something else."""
        if (what := WHAT.get(outcome["type"])) is None:
            return None
        data: Mapping[str, Any] = outcome["data"]
        result: Mapping[str, Any] = data.get("result", {})
        return cls(
            seat=(data["scheduleExtId"], data["candidateExtId"]),
            booking=data["associationId"],
            version=data["resultVersion"],
            what=what,
            passed=result.get("pass"),
            score=result.get("score"),
            orphan=data["orphan"],
        )

    @property
    def name(self) -> str:
        """The booking's id, or else the seat's."""
        return self.booking or "/".join(self.seat)

    @property
    def content(self) -> tuple[str | None, float | None]:
        """Return what holds from now on: pass and score, or that nothing does."""
        return ("voided", None) if self.what == "voided" else (self.passed, self.score)

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "booking": self.booking,
            "schedule": self.seat[0],
            "candidate": self.seat[1],
            "version": self.version,
            "told": self.what,
            "pass": self.passed,
            "score": self.score,
            "orphan": self.orphan,
        }


def in_order(told: Iterable[ToldResult]) -> list[ToldResult]:
    """Return them by whose they are, each with its versions; orphans last."""
    return sorted(told, key=lambda one: (one.orphan, one.name, one.version))


def newest(told: Iterable[ToldResult]) -> dict[Seat, tuple[str | None, float | None]]:
    """Return what the SIS holds to be so: of each result the last version."""
    return {one.seat: one.content for one in in_order(told)}


def shown(schedules: Mapping[str, Any]) -> dict[Seat, tuple[str | None, float | None]]:
    """Return what Cirrus shows, from the sandbox's state; each candidate of the day has one attempt."""
    return {
        (schedule_id, candidate_id): _content(result)
        for schedule_id, schedule in schedules.items()
        for candidate_id, seat in schedule["seats"].items()
        for result in seat["results"]
        if result["published"]
    }


def _content(result: Mapping[str, Any]) -> tuple[str | None, float | None]:
    if result["outcome"] == "VOIDED":
        return "voided", None
    return PASS.get(result["outcome"]), result["score"]
