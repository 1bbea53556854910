"""Tests of the judge: one row per cell of its table."""

from typing import get_args

import pytest

from adapter.domain.answers import (
    Absent,
    Accepted,
    Answer,
    Done,
    Failing,
    Forbidden,
    Garbled,
    NoAnswer,
    Phrase,
    Refused,
    Remark,
    Throttled,
    Unreachable,
    Unsendable,
)
from adapter.domain.policy import Policy
from adapter.domain.steps import ReadSchedule
from adapter.domain.verdict import (
    SENTENCES,
    STALE,
    Confirmed,
    Halt,
    Manual,
    Reason,
    Rejected,
    Retry,
    Unsure,
    Verdict,
    judge,
    judge_item,
    reason_of,
)
from tests.unit.cirrus_stage import ALL_STEPS

POLICY = Policy(retry_first=2.0, retry_longest=60.0, halt_probe=30.0)
READS = [step for step in ALL_STEPS if step.reads]
WRITES = [step for step in ALL_STEPS if not step.reads]


def refused(*phrases: Phrase) -> Refused:
    """Return a refusal with one remark per phrase."""
    return Refused(400, tuple(Remark(phrase, f"said {phrase}") for phrase in phrases))


def rejected(*phrases: Phrase) -> Rejected:
    """Return the verdict that hands those remarks on."""
    return Rejected(reason_of(refused(*phrases).remarks))


TABLE: list[tuple[Answer, Verdict, Verdict]] = [
    # answer, verdict on a read, verdict on a write; at the third try, so the pause is 2 * 2 ** 2
    (Accepted(Done()), Confirmed(), Confirmed()),
    (Accepted(Absent()), Confirmed(), Confirmed()),
    (Forbidden(401), Halt("auth", 30.0), Halt("auth", 30.0)),
    (Forbidden(403), Halt("auth", 30.0), Halt("auth", 30.0)),
    (Throttled(None), Retry(8.0), Retry(8.0)),
    (Throttled(3.0), Retry(8.0), Retry(8.0)),
    (Throttled(90.0), Retry(90.0), Retry(90.0)),
    (Failing(500), Retry(8.0), Unsure(8.0)),
    (Failing(503, 120.0), Retry(120.0), Unsure(120.0)),
    (NoAnswer(), Retry(8.0), Unsure(8.0)),
    (Garbled(200), Retry(8.0), Unsure(8.0)),
    (Unreachable(), Retry(8.0), Retry(8.0)),
    (
        Unsendable("a/b", "letters only"),
        Rejected(Reason("invalid-id", "Cirrus does not accept the id 'a/b': letters only.")),
        Rejected(Reason("invalid-id", "Cirrus does not accept the id 'a/b': letters only.")),
    ),
    (
        Refused(400, ()),
        Rejected(Reason("unknown", "Cirrus refused without a reason.")),
        Rejected(Reason("unknown", "Cirrus refused without a reason.")),
    ),
    (refused(Phrase.SETUP), Halt("setup", 30.0), Halt("setup", 30.0)),
    (refused(Phrase.NOT_FOUND, Phrase.SETUP), Halt("setup", 30.0), Halt("setup", 30.0)),
    *[(refused(phrase), rejected(phrase), Unsure(8.0)) for phrase in sorted(STALE)],
    (
        refused(Phrase.ASSESSMENT_UNUSABLE),
        Manual("prepare-assessment", reason_of(refused(Phrase.ASSESSMENT_UNUSABLE).remarks)),
        Manual("prepare-assessment", reason_of(refused(Phrase.ASSESSMENT_UNUSABLE).remarks)),
    ),
    (
        refused(Phrase.HIERARCHY_MISSING),
        Manual("prepare-hierarchy", reason_of(refused(Phrase.HIERARCHY_MISSING).remarks)),
        Manual("prepare-hierarchy", reason_of(refused(Phrase.HIERARCHY_MISSING).remarks)),
    ),
    *[
        (refused(phrase), rejected(phrase), rejected(phrase))
        for phrase in (
            Phrase.IN_TRASH,
            Phrase.USERNAME_TAKEN,
            Phrase.CANNOT_DELETE,
            Phrase.NOT_BEGUN,
            Phrase.NOT_ACTIVATED,
            Phrase.WINDOW_TOO_SHORT,
            Phrase.INVALID_ID,
            Phrase.INVALID_FIELD,
            Phrase.NO_RESULT,
            Phrase.OVER_LIMIT,
            Phrase.UNKNOWN,
        )
    ],
    (
        refused(Phrase.INVALID_FIELD, Phrase.UNKNOWN),
        rejected(Phrase.INVALID_FIELD, Phrase.UNKNOWN),
        rejected(Phrase.INVALID_FIELD, Phrase.UNKNOWN),
    ),
]


@pytest.mark.parametrize(("answer", "on_read", "on_write"), TABLE)
def test_each_answer_has_its_verdict(answer: Answer, on_read: Verdict, on_write: Verdict) -> None:
    """The same for all reads and the same for all writes."""
    assert [judge(answer, step, 2, POLICY) for step in READS] == [on_read] * len(READS)
    assert [judge(answer, step, 2, POLICY) for step in WRITES] == [on_write] * len(WRITES)


def test_the_table_has_a_row_for_every_answer_and_every_phrase() -> None:
    """A new answer or phrase has to be decided here first."""
    assert {type(answer) for answer, _, _ in TABLE} == set(get_args(Answer))
    said = {remark.phrase for answer, _, _ in TABLE if isinstance(answer, Refused) for remark in answer.remarks}
    assert said == set(Phrase)


def test_every_verdict_is_given() -> None:
    """No verdict is without its row."""
    assert {type(verdict) for _, *pair in TABLE for verdict in pair} == set(get_args(Verdict))


@pytest.mark.parametrize(("attempt", "pause"), [(0, 2.0), (1, 4.0), (4, 32.0), (5, 60.0), (5000, 60.0)])
def test_the_pause_doubles_up_to_its_limit(attempt: int, pause: float) -> None:
    """Whatever the number of tries."""
    assert judge(NoAnswer(), ReadSchedule("S-1"), attempt, POLICY) == Retry(pause)


@pytest.mark.parametrize("step", WRITES)
def test_a_stale_view_is_looked_at_at_once_and_then_with_pauses(step: object) -> None:
    """The first time there is nothing to wait for; a view that stays stale must not become a storm."""
    assert judge(refused(Phrase.ALREADY_EXISTS), step, 0, POLICY) == Unsure(0.0)
    assert judge(refused(Phrase.ALREADY_EXISTS), step, 1, POLICY) == Unsure(4.0)


@pytest.mark.parametrize("phrase", list(Phrase))
def test_each_remark_about_one_candidate_has_its_verdict(phrase: Phrase) -> None:
    """Already seated is what we wanted; unknown is looked up; the rest is a no for this candidate only."""
    remark = Remark(phrase, "said")
    expected = {Phrase.ALREADY_ADDED: Confirmed(), Phrase.USER_NOT_FOUND: Unsure(0.0)}
    assert judge_item(remark) == expected.get(phrase, Rejected(reason_of((remark,))))


def test_a_reason_says_it_in_the_exam_offices_words_and_in_those_of_cirrus() -> None:
    """The code is of the first remark; the texts of all are kept, up to 500 characters."""
    reason = reason_of(refused(Phrase.WINDOW_TOO_SHORT, Phrase.UNKNOWN).remarks)
    sentence = SENTENCES[Phrase.WINDOW_TOO_SHORT]
    assert reason == Reason(
        "window-too-short", f"{sentence} Cirrus says: said window-too-short | said unknown", retryable=False
    )
    assert reason_of((Remark(Phrase.UNKNOWN, "hm"),)) == Reason("unknown", "Cirrus says: hm")
    assert len(reason_of((Remark(Phrase.UNKNOWN, "x" * 900),)).text) == 513
