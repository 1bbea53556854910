"""The sandbox's GET /results (§9.1): parameters, refusals, shapes, and the daily allowance."""

import pytest
import requests

from tests.contract.sandbox_kit import HOUR, NOW, Cirrus, candidate, running

INFO = {"ExternalId": "c1", "FirstName": "F", "LastName": "L", "UserName": "c1", "Email": "c1@example.com"}
ENTRY = {
    "ScheduleExtId": "S1",
    "ScheduleTitle": "Law",
    "AssessmentExtId": "A1",
    "AttemptNumber": 1,
    "LastSatDate": "2026-01-12T12:00:00Z",
    "PassedStatus": "SATISFACTORY",
    "Score": 60,
    "RawScore": 30.0,
    "MaxRawScore": 50,
    "Grade": "6.0",
    "PublishedDate": "2026-01-12T14:00:00Z",
}


def _publish(cirrus: Cirrus, *schedule_ids: str) -> None:
    """Publish 60 percent for c1 on each schedule, at 14:00."""
    for schedule_id in schedule_ids:
        cirrus.book(schedule_id, [candidate("c1")], Title="Law")
    cirrus.control.advance(6 * HOUR)
    for schedule_id in schedule_ids:
        cirrus.ui("sit", schedule_id)
        cirrus.ui("mark", schedule_id, candidate="c1", score=60)
        cirrus.ui("publish_results", schedule_id)


def _code(answer: requests.Response) -> int:
    assert answer.status_code == 400
    return int(answer.json()["Errors"][0]["Code"])


def _spent(cirrus: Cirrus, tenant: str = "alpha") -> dict[str, int]:
    return cirrus.control.tally()["results"][tenant]


def test_results_come_as_a_list() -> None:
    """S-RESULTS: a bare object that begins with CandidateExtId and CandidateInfo; below it, a choice."""
    with running() as cirrus:
        _publish(cirrus, "S1")
        expected = {"CandidateExtId": "c1", "CandidateInfo": INFO, "Results": [ENTRY]}
        assert expected == cirrus.results("c1").json()


def test_results_may_be_nested_by_schedule_and_attempt() -> None:
    """§9.1, UNSEEN: another reading, with other names."""
    with running(result_shape="nested") as cirrus:
        _publish(cirrus, "S1")
        attempt = {
            "AttemptNumber": 1,
            "StartDate": "2026-01-12T10:00:00Z",
            "EndDate": "2026-01-12T12:00:00Z",
            "Result": {
                "Outcome": "SATISFACTORY",
                "Percentage": 60,
                "Points": 30.0,
                "MaxPoints": 50,
                "Grade": "6.0",
                "PublicationDate": "2026-01-12T14:00:00Z",
            },
        }
        schedules = [{"ScheduleExtId": "S1", "Title": "Law", "Attempts": [attempt]}]
        expected = {"CandidateExtId": "c1", "CandidateInfo": INFO | {"Schedules": schedules}}
        assert expected == cirrus.results("c1").json()


def test_results_may_be_the_newest_alone() -> None:
    """§9.1, UNSEEN: the fields stand beside CandidateInfo."""
    with running(result_shape="flat") as cirrus:
        _publish(cirrus, "S1", "S2")
        cirrus.ui("withdraw_result", "S1", candidate="c1")
        cirrus.control.advance(60)
        cirrus.ui("publish_results", "S1")
        expected = {"CandidateExtId": "c1", "CandidateInfo": INFO} | ENTRY | {"PublishedDate": "2026-01-12T14:01:00Z"}
        assert expected == cirrus.results("c1").json()


@pytest.mark.parametrize(
    ("shape", "tail"),
    [
        ("list", {"CandidateInfo": INFO, "Results": []}),
        ("nested", {"CandidateInfo": INFO | {"Schedules": []}}),
        ("flat", {"CandidateInfo": INFO}),
    ],
)
def test_without_published_results_the_document_is_empty(shape: str, tail: dict[str, object]) -> None:
    """§9.1: marked is not yet published."""
    with running(result_shape=shape) as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.ui("sit", early=True)
        cirrus.ui("mark")
        assert {"CandidateExtId": "c1"} | tail == cirrus.results("c1", ScheduleExtId="S1").json()


def test_without_published_results_it_may_be_refused() -> None:
    """§9.1, UNSEEN: 400 with a text."""
    with running(no_results="refused") as cirrus:
        cirrus.user("c1")
        answer = cirrus.results("c1")
        assert (answer.status_code, answer.json()["Errors"]) == (400, "Results are not found")


def test_without_published_results_there_may_be_nothing() -> None:
    """§9.1, UNSEEN: 200 without a body, as GET /groups (§2.1)."""
    with running(no_results="nothing") as cirrus:
        cirrus.user("c1")
        answer = cirrus.results("c1")
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_candidate_or_an_attempt_must_be_named() -> None:
    """§9.1: the refusal names the parameter in brackets."""
    with running() as cirrus:
        cirrus.book("S1")
        for query in ({}, {"ScheduleExtId": "S1"}, {"CandidateExtId": ""}):
            answer = cirrus.results(**query)
            assert answer.status_code == 400
            assert "[CandidateExtId]" in answer.json()["Errors"]


def test_unknown_ids_have_their_codes() -> None:
    """§10: 202 and 301; users in the trash can are unknown."""
    with running() as cirrus:
        cirrus.user("c1")
        cirrus.user("c2")
        cirrus.call("DELETE", "/user/c2")
        assert [_code(cirrus.results(who)) for who in ("none", "c2")] == [202, 202]
        assert _code(cirrus.results("c1", ScheduleExtId="none")) == 301
        assert cirrus.results(AttemptExtId="none").status_code == 400


def test_a_schedule_narrows_the_results() -> None:
    """§9.1: without ScheduleExtId, all results of the candidate; who is not on the schedule has none."""
    with running() as cirrus:
        cirrus.book("S3")
        _publish(cirrus, "S1", "S2")

        def listed(**query: str) -> list[str]:
            return [result["ScheduleExtId"] for result in cirrus.results("c1", **query).json()["Results"]]

        assert listed() == ["S1", "S2"]
        assert listed(ScheduleExtId="S2") == ["S2"]
        assert listed(ScheduleExtId="S3") == []


def test_an_attempt_is_named_by_its_own_id() -> None:
    """§9.1: only in the EXTERNAL_ATTEMPTS workflow; the candidate need not be given, and must fit when it is."""
    with running() as cirrus:
        rows = [candidate("c1", AttemptExtId="T1"), candidate("c2", AttemptExtId="T2")]
        cirrus.book("S1", rows, Workflow="EXTERNAL_ATTEMPTS")
        cirrus.book("S2", [candidate("c1")])
        for schedule_id in ("S1", "S2"):
            cirrus.ui("sit", schedule_id, early=True)
            cirrus.ui("publish_results", schedule_id)
        shown = cirrus.results(AttemptExtId="T1").json()
        assert shown["CandidateExtId"] == "c1"
        assert [result["AttemptExtId"] for result in shown["Results"]] == ["T1"]
        both = cirrus.results("c1").json()["Results"]
        assert [result.get("AttemptExtId") for result in both] == ["T1", None]
        assert cirrus.results("c2", AttemptExtId="T1").json()["Results"] == []
        assert cirrus.results("c1", AttemptExtId="T1", ScheduleExtId="S2").json()["Results"] == []


def test_the_nested_shape_names_attempts_too() -> None:
    """§5.1: AttemptExtId stands at the attempt."""
    with running(result_shape="nested") as cirrus:
        cirrus.book("S1", [candidate("c1", AttemptExtId="T1")], Workflow="EXTERNAL_ATTEMPTS")
        cirrus.ui("sit", early=True)
        cirrus.ui("publish_results")
        schedules = cirrus.results("c1").json()["CandidateInfo"]["Schedules"]
        assert schedules[0]["Attempts"][0]["AttemptExtId"] == "T1"


def test_every_call_is_counted_but_those_without_a_token() -> None:
    """§9.1: refused calls count, for their own tenant."""
    with running() as cirrus:
        cirrus.user("c1")
        for who in ("c1", "none", None):
            cirrus.results(who)
        cirrus.token = "wrong"
        cirrus.results("c1")
        assert _spent(cirrus) == {"spent": 3, "most": 3, "over": 0, "per_day": 3000}
        assert _spent(cirrus, "beta")["spent"] == 0


def test_over_the_allowance_it_is_429_without_a_hint() -> None:
    """§9.1, UNSEEN: the answer says not when to come back; the excess shows in the counts."""
    with running(results_per_day=2) as cirrus:
        cirrus.user("c1")
        answers = [cirrus.results("c1") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
        assert answers[-1].json().keys() == {"Message"}
        assert "Retry-After" not in answers[-1].headers
        assert _spent(cirrus) == {"spent": 4, "most": 4, "over": 2, "per_day": 2}


def test_over_the_allowance_it_may_be_a_refusal() -> None:
    """§9.1, UNSEEN: 400 with a text."""
    with running(results_per_day=1, over_allowance="refused") as cirrus:
        cirrus.user("c1")
        cirrus.results("c1")
        answer = cirrus.results("c1")
        expected = "The daily limit of calls to [results] has been exceeded"
        assert (answer.status_code, answer.json()["Errors"]) == (400, expected)


@pytest.mark.parametrize(("results_reset", "hours"), [("13:30", 5.5), ("00:00", 16), ("07:59:30", 24 - 1 / 120)])
def test_the_allowance_begins_anew_at_its_time_of_day(results_reset: str, hours: float) -> None:
    """§9.1: 13:30 UTC by the sandbox's clock, not the local day; the most of any day is kept."""
    with running(results_per_day=1, results_reset=results_reset) as cirrus:
        cirrus.user("c1")
        assert cirrus.results("c1").status_code == 200
        cirrus.control.advance(hours * HOUR - 1)
        assert cirrus.results("c1").status_code == 429
        cirrus.control.advance(1)
        assert _spent(cirrus) == {"spent": 0, "most": 2, "over": 1, "per_day": 1}
        assert cirrus.results("c1").status_code == 200
        cirrus.control.reset()
        assert _spent(cirrus) == {"spent": 0, "most": 0, "over": 0, "per_day": 1}


def test_a_reset_time_that_is_none_is_refused() -> None:
    """A typing mistake is found before the first call."""
    with pytest.raises(ValueError, match="isoformat"), running(results_reset="half past one"):
        raise AssertionError(NOW)
