"""Results and notices are read whatever their structure, by the names of their fields."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.cirrus.results import ResultFields
from adapter.cirrus.wire import Reading
from adapter.domain.answers import ResultSeen, Standing
from adapter.domain.notices import Named

FIELDS = ResultFields()
READING = Reading()
INFO = {"ExternalId": "c1", "FirstName": "F", "LastName": "L"}
HALF = "it names a candidate or a schedule, but not both, and no attempt"
NOBODY = "it names no candidate, schedule or attempt under the names that are set"
SAT = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)


def seen(document: dict[str, Any], fields: ResultFields = FIELDS) -> tuple[ResultSeen, ...]:
    """Return the results in a document."""
    return fields.read(document, READING).results


def test_a_list_of_results_is_read() -> None:
    """Names as on the related page on review sessions (8)."""
    entry = {
        "ScheduleExtId": "s1",
        "AttemptNumber": 1,
        "LastSatDate": "2026-10-20T12:00:00Z",
        "PassedStatus": "SATISFACTORY",
        "Score": 72.5,
        "RawScore": 29,
        "MaxRawScore": 40,
        "Grade": "B",
        "PublishedDate": "2026-10-21T12:00:00Z",
    }
    (result,) = seen({"CandidateExtId": "c1", "CandidateInfo": INFO, "Results": [entry]})
    assert result == ResultSeen(
        standing="passed",
        schedule_id="s1",
        attempt=1,
        score=72.5,
        raw_score=29.0,
        max_raw_score=40.0,
        grade="B",
        test_date=SAT,
        result_date=datetime(2026, 10, 21, 12, 0, tzinfo=UTC),
    )


def test_nested_results_know_what_stands_around_them() -> None:
    """The schedule is told above the attempts, the number of the attempt beside its result."""
    result = {"Outcome": "NOT_SATISFACTORY", "Percentage": "40,5 %", "Points": 8, "MaxPoints": 20}
    attempt = {"AttemptExtId": "a1", "AttemptNumber": "2", "EndDate": "2026-10-20T12:00:00Z", "Result": result}
    schedules = [{"ScheduleExtId": "s1", "Title": "Exam", "Attempts": [attempt]}]
    (read,) = seen({"CandidateExtId": "c1", "CandidateInfo": {**INFO, "Schedules": schedules}})
    assert (read.standing, read.schedule_id, read.attempt_id, read.attempt) == ("failed", "s1", "a1", 2)
    assert (read.score, read.raw_score, read.max_raw_score, read.test_date) == (40.5, 8.0, 20.0, SAT)


def test_a_single_result_may_stand_at_the_top() -> None:
    """What stands below it, such as the score of each question, is no result."""
    questions = [{"Question": "1", "Score": 1}, {"Question": "2", "Score": 0}]
    (read,) = seen({"candidateextid": "c1", "passedstatus": "voided", "Questions": questions})
    assert read.standing == "voided"


@pytest.mark.parametrize(
    ("word", "standing"),
    [
        ("SATISFACTORY", "passed"),
        ("Not satisfactory", "failed"),
        ("not-submitted", "not-submitted"),
        ("Voided", "voided"),
        (True, "passed"),
        (False, "failed"),
        ("", "unknown"),
        ("WHO_KNOWS", "unknown"),
    ],
)
def test_outcomes_are_read_in_any_spelling(word: object, standing: Standing) -> None:
    """The documented vocabulary (9.1); what is not known is unknown, never guessed."""
    assert [standing] == [one.standing for one in seen({"PassedStatus": word, "Score": 1})]


def test_settings_name_other_fields_and_words() -> None:
    """The structure is UNSEEN, so its names are settings."""
    fields = ResultFields.with_settings({"score": ["Mark"], "outcome": ["Verdict"]}, {"merit": "passed"})
    (read,) = seen({"Results": [{"Verdict": "MERIT", "Mark": 8}]}, fields)
    assert (read.standing, read.score) == ("passed", 8.0)
    assert seen({"Results": [{"PassedStatus": "SATISFACTORY"}]}, fields) == ()


def test_a_document_without_results_is_read_and_kept_whole() -> None:
    """Nobody can tell whether nothing is published or the structure is another one."""
    document = {"CandidateExtId": "c1", "CandidateInfo": INFO}
    read = FIELDS.read(document, READING)
    assert read.results == ()
    assert read.document == document


def test_times_without_a_zone_are_the_tenants() -> None:
    """As everywhere in the answers of Cirrus (S27)."""
    reading = Reading(ZoneInfo("Europe/Amsterdam"))
    (read,) = FIELDS.read({"Score": 1, "TestDate": "2026-10-20T14:00:00"}, reading).results
    assert read.test_date == SAT


@pytest.mark.parametrize("value", ["abc", "", None, True, [1], {"a": 1}, "NaN", "inf", "1e300"])
def test_what_is_no_number_is_no_score(value: object) -> None:
    """Neither is infinity."""
    assert [one.score for one in seen({"PassedStatus": "SATISFACTORY", "Score": value})] == [None]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Score", "PassedStatus", "CandidateExtId", "ScheduleExtId", "AttemptNumber", "Results", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@given(document=st.dictionaries(st.text(max_size=5), json_values, max_size=5))
def test_no_document_breaks_the_reading(document: dict[str, Any]) -> None:
    """Whatever Cirrus sends."""
    FIELDS.read(document, READING)
    FIELDS.named(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))


@given(body=st.binary(max_size=200))
def test_no_body_breaks_the_reading_of_a_notice(body: bytes) -> None:
    """Whatever arrives."""
    assert isinstance(FIELDS.named(body), str | tuple)


def test_deep_nesting_ends() -> None:
    """A body of brackets is no reason to stop working."""
    deep: Any = {"Score": 1}
    for _ in range(200):
        deep = {"x": [deep]}
    assert seen({"y": deep}) == ()
    assert isinstance(FIELDS.named(b'{"a":' * 20_000), str)


@pytest.mark.parametrize(
    "document",
    [
        {"CandidateExtId": "c1", "ScheduleExtId": "s1", "AttemptExtId": "a1"},
        {"candidateextid": "c1", "scheduleExtId": "s1", "AttemptExtId": "a1"},
        {"Event": "ExamResultsReady", "Data": {"CandidateExtId": "c1", "ScheduleExtId": "s1", "AttemptExtId": "a1"}},
        {"CandidateExtId": "c1", "Results": [{"ScheduleExtId": "s1", "AttemptExtId": "a1", "Score": 1}]},
        [{"CandidateExtId": "c1", "ScheduleExtId": "s1", "AttemptExtId": "a1"}] * 2,
    ],
)
def test_a_notice_is_understood_in_many_shapes(document: object) -> None:
    """Thin, wrapped, in a list, or with the whole result; each result once."""
    assert FIELDS.named(orjson.dumps(document)) == (Named("c1", "s1", "a1"),)


def test_a_notice_may_name_several_results() -> None:
    """One for each schedule of the candidate."""
    body = orjson.dumps({"CandidateExtId": "c1", "Results": [{"ScheduleExtId": "s1"}, {"ScheduleExtId": "s2"}]})
    assert FIELDS.named(body) == (Named("c1", "s1"), Named("c1", "s2"))


@pytest.mark.parametrize(
    "body",
    [
        b"CandidateExtId=c1&ScheduleExtId=s1",
        b"payload=%7B%22CandidateExtId%22%3A%22c1%22%2C%22ScheduleExtId%22%3A%22s1%22%7D",
    ],
)
def test_a_notice_may_be_a_form(body: bytes) -> None:
    """The content type of the webhook is UNSEEN."""
    assert FIELDS.named(body) == (Named("c1", "s1"),)


def test_an_attempt_alone_is_enough() -> None:
    """Whose it is, the ledger knows."""
    assert FIELDS.named(b'{"AttemptExtId": "a1"}') == (Named(attempt_id="a1"),)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "it is neither JSON nor a form"),
        (b"\xff\xfe", "it is neither JSON nor a form"),
        (b"[]", NOBODY),
        (b'{"CandidateExtId": "c1"}', HALF),
        (
            b'{"CandidateExtId": "c 1", "ScheduleExtId": "s1"}',
            HALF,
        ),
        (
            b'{"CandidateExtId": "../user", "ScheduleExtId": "s1"}',
            HALF,
        ),
    ],
)
def test_a_notice_that_cannot_be_understood_says_why(body: bytes, reason: str) -> None:
    """The reason holds nothing of the body; an id that Cirrus cannot have is none."""
    assert reason == FIELDS.named(body)
