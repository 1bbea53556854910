"""The sandbox's POST /schedule and POST /schedule/add-candidates (§5.1, 5.7)."""

import re

import pytest

from tests.contract.sandbox_kit import Cirrus, candidate, running


def _seats(cirrus: Cirrus, schedule_id: str = "S1") -> list[str]:
    return sorted(cirrus.schedule(schedule_id)["seats"])


def test_a_schedule_is_created_activated_and_answered_with_links() -> None:
    """S-SCHED-CREATE: envelope E4, one launch link of 64 hexadecimal digits per candidate."""
    with running() as cirrus:
        answer = cirrus.book("S1", [candidate("c1"), candidate("c2")])
        assert answer.status_code == 200
        body = answer.json()
        assert body.keys() == {"Result", "Schedule", "Candidates"}
        assert body["Result"] == "Schedule[S1] created successfully"
        assert body["Schedule"]["Owner"] == "scheduler"
        links = [item["LaunchUrl"] for item in body["Candidates"]]
        pattern = r"https://alpha\.cirrus\.invalid/delivery/external-login\?session=[0-9a-f]{64}"
        assert all(re.fullmatch(pattern, link) for link in links)
        assert len(set(links)) == 2
        assert links[0].endswith(body["Candidates"][0]["StartupLink"])
        assert cirrus.schedule()["is_activated"] is True


def test_missing_users_and_the_hierarchy_are_created() -> None:
    """§D 9: UserName defaults to CandidateExtId, new users go into GroupExtId."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1"), candidate("c2", UserName="login2")])
        users = cirrus.control.state()["tenants"]["alpha"]["users"]
        assert {key: user["username"] for key, user in users.items()} == {"c1": "c1", "c2": "login2"}
        assert users["c1"]["profile"]["Hierarchies"][0]["ExternalId"] == "G1"
        assert cirrus.call("GET", "/groups", params={"search": "G1"}).json()[0]["Title"] == "Faculty"


def test_a_repeated_schedule_id_is_refused_with_a_message() -> None:
    """§5.1: {"Message"} with the id in brackets; the first schedule is untouched."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        repeat = cirrus.book("S1", [candidate("c2")])
        assert (repeat.status_code, repeat.json()) == (400, {"Message": "Schedule [S1] already exists"})
        assert _seats(cirrus) == ["c1"]


def test_upsert_updates_the_existing_schedule_and_merges_candidates() -> None:
    """§5.1: with Upsert an existing schedule is updated, although it is activated."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        again = cirrus.book("S1", [candidate("c2")], Upsert=True, Title="New", EndDateTime="2026-01-12T15:00:00Z")
        assert again.json()["Result"] == "Schedule[S1] updated successfully"
        assert (_seats(cirrus), cirrus.schedule()["title"]) == (["c1", "c2"], "New")
        assert cirrus.schedule()["end"] == "2026-01-12T15:00:00+00:00"
        assert cirrus.book("S9", [], Upsert=True).json()["Result"] == "Schedule[S9] created successfully"


def test_upsert_may_replace_the_candidates() -> None:
    """§5.1, UNSEEN: the option in which the list is the whole truth, but for those who started."""
    with running(upsert_merges_candidates=False) as cirrus:
        cirrus.book("S1", [candidate("c1"), candidate("c2")])
        cirrus.control.advance(2.5 * 3600)
        cirrus.control.ui("start_attempt", tenant="alpha", schedule="S1", candidate="c2")
        cirrus.book("S1", [candidate("c3")], Upsert=True)
        assert _seats(cirrus) == ["c2", "c3"]


def test_upsert_never_changes_the_assessment() -> None:
    """§11: dates and title are editable, the assessment never."""
    with running() as cirrus:
        cirrus.control.seed_assessments({"A2": 60})
        cirrus.book("S1")
        assert cirrus.book("S1", Upsert=True, AssessmentExtId="A2").status_code == 400


def test_the_window_must_exceed_duration_and_extra_time() -> None:
    """§5.1: 120 minutes and 50 % are 180; four hours are enough, three are not."""
    with running() as cirrus:
        needy = [candidate("c1", SpecialNeeds="true", ReasonableAdjustmentPercentage=50)]
        assert cirrus.book("S1", needy, EndDateTime="2026-01-12T13:00:00Z").status_code == 400
        assert cirrus.control.state()["tenants"]["alpha"]["users"] == {}
        assert cirrus.book("S1", needy).status_code == 200


@pytest.mark.parametrize("missing", ["AssessmentExtId", "StartDateTime", "GroupExtId", "GroupName"])
def test_mandatory_fields_are_mandatory(missing: str) -> None:
    """§5.1: a refusal of this family is {"Message"}."""
    with running() as cirrus:
        answer = cirrus.book("S1", [candidate("c1")], **{missing: None})
        assert (answer.status_code, answer.json().keys()) == (400, {"Message"})


def test_candidates_can_be_added_to_an_activated_and_running_schedule() -> None:
    """§11: at any time, also during the window; an unknown schedule is 400."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(2.5 * 3600)
        answer = cirrus.add("S1", [candidate("c2")])
        assert answer.json()["Candidates"][0]["LaunchUrl"]
        assert _seats(cirrus) == ["c1", "c2"]
        assert cirrus.add("S2", [candidate("c2")]).json() == {"Message": "Schedule [S2] not found"}


@pytest.mark.parametrize(("repeat_add", "has_link"), [("ignored_without_link", False), ("ignored_with_link", True)])
def test_adding_again_is_ignored_with_or_without_a_new_link(repeat_add: str, has_link: bool) -> None:
    """§5.7, UNSEEN: links are issued once, or a repeat issues another."""
    with running(repeat_add=repeat_add) as cirrus:
        first = cirrus.book("S1", [candidate("c1")]).json()["Candidates"][0]["LaunchUrl"]
        item = cirrus.add("S1", [candidate("c1")]).json()["Candidates"][0]
        assert (item["LaunchUrl"] is not None) == has_link
        assert item["LaunchUrl"] != first
        assert _seats(cirrus) == ["c1"]


def test_adding_again_may_be_an_item_error() -> None:
    """§5.7, UNSEEN: the third possibility."""
    with running(repeat_add="refused") as cirrus:
        cirrus.book("S1", [candidate("c1")])
        body = cirrus.add("S1", [candidate("c1"), candidate("c2")]).json()
        assert [item["CandidateExtId"] for item in body["Candidates"]] == ["c2"]
        assert [error["CandidateExtId"] for error in body["Errors"]] == ["c1"]


BAD = [
    candidate("c9", Email="no-address"),
    candidate("c9", Email=None),
    candidate("c9", FirstName=""),
    candidate("c_9"),
    candidate("c" * 501, Email="c@example.com"),
    candidate("c9", SpecialNeeds="false", ReasonableAdjustmentPercentage=10),
    candidate("c9", UserName="c1"),
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_candidate_fails_alone(bad: dict[str, object]) -> None:
    """§5.7, §0: 200 with an `Errors` entry; the others are seated."""
    with running() as cirrus:
        answer = cirrus.book("S1", [candidate("c1"), bad])
        assert answer.status_code == 200
        assert [error["CandidateExtId"] for error in answer.json()["Errors"]] == [bad["CandidateExtId"]]
        assert _seats(cirrus) == ["c1"]


def test_a_bad_candidate_may_fail_the_whole_call() -> None:
    """§5.7, UNSEEN: messages joined by a bar, nothing changed."""
    with running(invalid_candidates="whole") as cirrus:
        bad = [candidate("c8", Email="x"), candidate("c1"), candidate("c9", Email="x")]
        answer = cirrus.book("S1", bad)
        assert answer.status_code == 400
        assert len(answer.json()["Message"].split("|")) == 2
        assert cirrus.control.state()["tenants"]["alpha"]["schedules"] == {}


def test_a_candidate_in_the_trash_can_fails_alone() -> None:
    """§1.4: a deleted id can not be created again by a schedule call either."""
    with running() as cirrus:
        cirrus.user("c1")
        cirrus.call("DELETE", "/user/c1")
        body = cirrus.book("S1", [candidate("c1"), candidate("c2")]).json()
        assert [error["CandidateExtId"] for error in body["Errors"]] == ["c1"]


def test_a_candidate_id_may_have_500_characters() -> None:
    """§0: 500 in the schedule calls, 64 for POST /user."""
    with running() as cirrus:
        longest = candidate("c" * 500, Email="c@example.com")
        assert "Errors" not in cirrus.book("S1", [longest]).json()


@pytest.mark.parametrize(("existing_users", "last_name"), [("kept", "Old"), ("overwritten", "New")])
def test_existing_users_are_kept_or_overwritten(existing_users: str, last_name: str) -> None:
    """§5.7, UNSEEN: whether a schedule call changes names of a known user."""
    with running(existing_users=existing_users) as cirrus:
        cirrus.user("c1", LastName="Old")
        cirrus.book("S1", [candidate("c1", LastName="New")])
        assert cirrus.call("GET", "/user/c1").json()["Content"]["User"]["LastName"] == last_name


def test_external_attempts_need_an_attempt_id_per_candidate() -> None:
    """§5.1: Workflow EXTERNAL_ATTEMPTS."""
    with running() as cirrus:
        rows = [candidate("c1", AttemptExtId="T1"), candidate("c2")]
        body = cirrus.book("S1", rows, Workflow="EXTERNAL_ATTEMPTS").json()
        assert [error["CandidateExtId"] for error in body["Errors"]] == ["c2"]
        assert cirrus.schedule()["seats"]["c1"]["attempt_id"] == "T1"
        assert cirrus.book("S2", Workflow="OTHER").status_code == 400


def test_two_runs_issue_the_same_links() -> None:
    """Links derive from the seed, so a run can be repeated."""
    found = []
    for seed in ("x", "x", "y"):
        with running(seed=seed) as cirrus:
            found.append(cirrus.book("S1", [candidate("c1")]).json()["Candidates"][0]["LaunchUrl"])
    assert found[0] == found[1] != found[2]
