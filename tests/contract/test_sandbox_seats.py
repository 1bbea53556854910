"""The sandbox's lists on a schedule (§5.8 to 5.12) and attempt information (§6.1)."""

import pytest

from tests.contract.sandbox_kit import Cirrus, candidate, running


def _content(cirrus: Cirrus, method: str, path: str, body: object) -> object:
    answer = cirrus.call(method, path, body)
    assert answer.status_code == 200
    assert answer.json()["Success"] is True
    return answer.json()["Content"]


def test_adding_existing_users_is_safely_repeatable() -> None:
    """S-SCHED-CAND-PUT: added, not found and already added, under 200."""
    with running() as cirrus:
        cirrus.user("u1")
        cirrus.draft("S1")
        path = "/schedule/S1/candidates"
        assert _content(cirrus, "PUT", path, ["u1", "none"]) == {
            "AddedCandidateExternalIds": ["u1"],
            "NotFoundUserExternalIds": ["none"],
            "AlreadyAddedCandidateExternalIds": [],
        }
        repeated = _content(cirrus, "PUT", path, ["u1"])
        assert repeated["AlreadyAddedCandidateExternalIds"] == ["u1"]
        assert cirrus.schedule()["seats"]["u1"]["links"] == []


def test_adding_only_unknown_users_is_400() -> None:
    """§5.8: "no users found by external ids", and "no external ids" for an empty list."""
    with running() as cirrus:
        cirrus.draft("S1")
        unknown = cirrus.call("PUT", "/schedule/S1/candidates", ["none"])
        assert (unknown.status_code, unknown.json()["Errors"]) == (400, "No users found by external ids")
        assert cirrus.call("PUT", "/schedule/S1/candidates", []).json()["Errors"] == "No external ids specified"
        assert cirrus.call("PUT", "/schedule/none/candidates", ["u1"]).status_code == 400


@pytest.mark.parametrize(
    ("path_variants", "plain", "external"), [("plain", 200, 404), ("external", 404, 200), ("both", 200, 200)]
)
def test_which_spelling_of_a_doubtful_path_exists(path_variants: str, plain: int, external: int) -> None:
    """§A ⚠: heading and sample disagree about /external; the missing spelling is 404."""
    with running(path_variants=path_variants) as cirrus:
        cirrus.user("u1", Role="Invigilator")
        cirrus.draft("S1")
        for part in ("candidates", "invigilators"):
            assert cirrus.call("PUT", f"/schedule/S1/{part}", ["u1"]).status_code == plain
            assert cirrus.call("PUT", f"/external/schedule/S1/{part}", ["u1"]).status_code == external


def test_candidates_leave_a_draft_by_delete_with_a_body() -> None:
    """S-SCHED-CAND-DEL: deleted, not on the schedule, and no such user."""
    with running() as cirrus:
        cirrus.user("u1")
        cirrus.user("u2")
        cirrus.draft("S1")
        cirrus.call("PUT", "/schedule/S1/candidates", ["u1"])
        assert _content(cirrus, "DELETE", "/external/schedule/S1/candidates", ["u1", "u2", "none"]) == {
            "DeletedCandidateExternalIds": ["u1"],
            "NotFoundCandidateExternalIds": ["u2"],
            "NotFoundUserExternalIds": ["none"],
        }


def test_candidates_never_leave_an_activated_schedule() -> None:
    """§5.9: schedules of POST /schedule are activated at once, so the API can not remove anybody."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        answer = cirrus.call("DELETE", "/external/schedule/S1/candidates", ["c1"])
        assert (answer.status_code, answer.json()["Errors"]) == (400, "Can't update activated schedule")


def test_invigilators_are_judged_one_by_one() -> None:
    """S-SCHED-INV: candidates may not invigilate (318)."""
    with running() as cirrus:
        cirrus.user("i1", Role="Invigilator")
        cirrus.user("c1")
        cirrus.draft("S1")
        added = _content(cirrus, "PUT", "/schedule/S1/invigilators", ["i1", "c1", "none"])
        assert added["SuccessfullyAdded"] == ["i1"]
        assert [(item["UserExtId"], item["Code"]) for item in added["Errors"]] == [("c1", 318), ("none", 202)]
        removed = _content(cirrus, "DELETE", "/schedule/S1/invigilators", ["i1", "c1"])
        assert removed["SuccessfullyRemoved"] == ["i1"]
        assert removed["Errors"][0]["Code"] == 319


def test_whole_failures_of_removing_invigilators_come_under_200() -> None:
    """§5.11: the page lists the codes under HTTP 200; adding answers 400 (§5.10)."""
    with running() as cirrus:
        removed = cirrus.call("DELETE", "/schedule/none/invigilators", ["i1"])
        assert (removed.status_code, removed.json()["Success"]) == (200, False)
        assert removed.json()["Errors"][0]["Code"] == 301
        added = cirrus.call("PUT", "/schedule/none/invigilators", ["i1"])
        assert (added.status_code, added.json()["Errors"][0]["Code"]) == (400, 301)


def test_sharing_goes_by_user_name() -> None:
    """§5.12: Filter.Users are user names; an empty list is code 216."""
    with running() as cirrus:
        cirrus.user("u1", UserName="login1", Email="u1@example.com")
        cirrus.draft("S1")
        path = "/external/schedule/S1/sharing"
        assert cirrus.call("PUT", path, {"Filter": {"Users": ["login1", "none"]}, "Access": True}).status_code == 200
        shared = cirrus.call("GET", "/external/schedule/S1").json()["Content"]["SharingInformation"]
        assert [person["UserName"] for person in shared] == ["login1"]
        empty = cirrus.call("PUT", path, {"Filter": {"Users": []}, "Access": True})
        assert (empty.status_code, empty.json()["Errors"][0]["Code"]) == (400, 216)


def test_attempt_information_has_its_own_codes() -> None:
    """§6.1: 301, 303, 310, 202, 203, and at last the attempts."""
    with running() as cirrus:
        cirrus.user("u1")
        cirrus.draft("D1")
        cirrus.book("S1", [candidate("c1")])

        def code(schedule_id: str, who: str) -> int:
            path = f"/external/schedule/{schedule_id}/attempt-info"
            answer = cirrus.call("GET", path, params={"CandidateExtId": who})
            assert answer.status_code == 400
            return int(answer.json()["Errors"][0]["Code"])

        assert (code("none", "c1"), code("D1", "c1"), code("S1", "c1")) == (301, 303, 310)
        cirrus.control.advance(2 * 3600)
        assert (code("S1", "none"), code("S1", "u1")) == (202, 203)
        cirrus.control.ui("start_attempt", tenant="alpha", schedule="S1", candidate="c1")
        cirrus.control.advance(60)
        cirrus.control.ui("hand_in_attempt", tenant="alpha", schedule="S1", candidate="c1")
        shown = _content(cirrus, "GET", "/external/schedule/S1/attempt-info", None)
        assert shown[0]["Attempts"] == [
            {
                "AttemptNumber": 1,
                "StartDate": "2026-01-12T10:00:00Z",
                "EndDate": "2026-01-12T10:01:00Z",
                "Status": "HANDED_IN",
            }
        ]
