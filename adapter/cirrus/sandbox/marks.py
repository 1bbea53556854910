"""Marks (§8, §9.1): read from a request, changed by a rescore, or made up from the seed."""

from dataclasses import replace
from typing import cast

from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.draws import draw_whole
from adapter.cirrus.sandbox.reading import decimal, text
from adapter.cirrus.sandbox.state import Mark, Outcome, Paper

PASS_MARK = 55
_GIVEN_OUTCOMES = ("SATISFACTORY", "NOT_SATISFACTORY", "NOT_SUBMITTED")
_FIELDS = ("score", "raw_score", "max_raw_score", "grade", "outcome")
_SPANS: dict[Outcome | None, tuple[int, int]] = {
    "SATISFACTORY": (PASS_MARK, 100),
    "NOT_SATISFACTORY": (20, PASS_MARK - 1),
}
_ANY_SCORE = (20, 100)
# Not 100, so that points and percent can not be taken for each other unnoticed.
_MAX_RAW = 50
_GRADE_LIMIT = 100


def made_up(seed: str, paper: Paper, outcome: Outcome | None = None) -> Mark:
    """Return a mark of 20 to 100 percent that is the same in every run for this attempt, and fits the outcome."""
    least, most = _SPANS.get(outcome, _ANY_SCORE)
    words = (paper.schedule.external_id, paper.seat.user.external_id, paper.attempt.number)
    return _scored(draw_whole(least, most, seed, "mark", *words), None, _MAX_RAW)


def read_mark(wanted: Json, before: Mark | None, seed: str, paper: Paper) -> Mark:
    """Return the mark a request describes; what it leaves out follows from the score, or stays as it was before."""
    given_outcome = _read_outcome(wanted)
    grade = text(wanted, "grade", _GRADE_LIMIT)
    if given_outcome == "NOT_SUBMITTED" and decimal(wanted, "score") is None:
        return Mark(given_outcome, None, None, None, grade)
    mark = _read_score(wanted, before) or before or made_up(seed, paper, given_outcome)
    return replace(mark, outcome=given_outcome or mark.outcome, grade=grade or mark.grade)


def names_a_mark(wanted: Json) -> bool:
    """Return whether a request says anything of the mark."""
    return any(wanted.get(key) is not None for key in _FIELDS)


def _read_outcome(wanted: Json) -> Outcome | None:
    outcome = text(wanted, "outcome", 64)
    if outcome is not None and outcome not in _GIVEN_OUTCOMES:
        raise Refusal(f"outcome must be one of: {', '.join(_GIVEN_OUTCOMES)}")
    return cast("Outcome | None", outcome)


def _read_score(wanted: Json, before: Mark | None) -> Mark | None:
    """Return the mark by `score`, or by `raw_score` of `max_raw_score`; None when neither is given."""
    score = decimal(wanted, "score", 100)
    most = decimal(wanted, "max_raw_score") or (before and before.max_raw_score) or _MAX_RAW
    raw = decimal(wanted, "raw_score", most)
    if score is None and raw is None and wanted.get("max_raw_score") is not None:
        raise Refusal("max_raw_score needs score or raw_score")
    if score is None and raw is not None:
        score = round(100 * raw / most, 2)
    return None if score is None else _scored(score, raw, most)


def _scored(score: float, raw: float | None, most: float) -> Mark:
    return Mark(
        outcome="SATISFACTORY" if score >= PASS_MARK else "NOT_SATISFACTORY",
        score=score,
        raw_score=round(score * most / 100, 2) if raw is None else raw,
        max_raw_score=most,
        grade=f"{score / 10:.1f}",
    )
