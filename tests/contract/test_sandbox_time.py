"""What passes by itself in the sandbox (§11): preparation 20 minutes ahead, archiving, and people at work."""

import pytest

from adapter.cirrus.sandbox import ControlError
from tests.contract.sandbox_kit import Cirrus, candidate, running

HOUR = 3600.0
NEEDS = {"SpecialNeeds": True, "ReasonableAdjustmentPercentage": 25}


def _prepared(cirrus: Cirrus, who: str = "c1") -> object:
    return cirrus.schedule()["seats"][who]["prepared_extra_time"]


def test_extra_time_set_before_preparation_counts() -> None:
    """§6.2: set 21 minutes before the start, it is in the prepared exam."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(2 * HOUR - 21 * 60)
        cirrus.call("PATCH", "/user/c1", NEEDS)
        assert _prepared(cirrus) is None
        cirrus.control.advance(60)
        assert _prepared(cirrus) == 25


def test_extra_time_set_after_preparation_is_ignored() -> None:
    """§6.2: Cirrus prepares the exam 20 minutes ahead; the profile changes, the seat does not."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(2 * HOUR - 19 * 60)
        assert cirrus.call("PATCH", "/user/c1", NEEDS).status_code == 200
        assert _prepared(cirrus) == 0


def test_a_late_candidate_is_prepared_when_added() -> None:
    """§6.2: who is added inside the 20 minutes gets what the profile says then."""
    with running() as cirrus:
        cirrus.book("S1", [])
        cirrus.control.advance(2 * HOUR - 10 * 60)
        cirrus.add("S1", [candidate("c1", SpecialNeeds="true", ReasonableAdjustmentPercentage=10)])
        assert _prepared(cirrus) == 10


def test_a_draft_is_not_prepared_and_not_archived() -> None:
    """§11: a schedule is visible only once activated; it is prepared then."""
    with running() as cirrus:
        cirrus.user("c1")
        cirrus.draft("S1")
        cirrus.call("PUT", "/schedule/S1/candidates", ["c1"])
        cirrus.control.advance(2 * HOUR)
        assert _prepared(cirrus) is None
        cirrus.call("PUT", "/external/schedule/S1/activate")
        assert _prepared(cirrus) == 0


def test_an_activated_schedule_is_archived_at_its_end() -> None:
    """§11: archived once the deadline has passed, and nobody can be added."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.draft("D1")
        cirrus.control.advance(6 * HOUR)
        assert cirrus.call("GET", "/external/schedule/S1").json()["Content"]["ArchiveState"] == 2
        assert cirrus.call("GET", "/external/schedule/D1").json()["Content"]["ArchiveState"] == 1
        assert cirrus.add("S1", [candidate("c2")]).status_code == 400
        assert cirrus.book("S1", [candidate("c2")], Upsert=True).status_code == 400


def test_a_person_can_deactivate_until_somebody_starts() -> None:
    """§11: UI only; then the API may change the schedule again."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.ui("deactivate_schedule", tenant="alpha", schedule="S1")
        assert cirrus.call("PATCH", "/external/schedule/S1", {"Title": "New"}).status_code == 200
        cirrus.call("PUT", "/external/schedule/S1/activate")
        cirrus.control.advance(2 * HOUR)
        cirrus.control.ui("start_attempt", tenant="alpha", schedule="S1", candidate="c1")
        with pytest.raises(ControlError, match="already started"):
            cirrus.control.ui("deactivate_schedule", tenant="alpha", schedule="S1")
        with pytest.raises(ControlError, match="already started"):
            cirrus.control.ui("remove_candidate", tenant="alpha", schedule="S1", candidate="c1")


def test_a_person_moves_a_schedule_and_preparation_moves_with_it() -> None:
    """§11: deactivate, edit, activate; a seat already prepared is prepared anew for the later start."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(2 * HOUR - 60)
        assert _prepared(cirrus) == 0
        later = {"start": "2026-01-12T12:00:00Z", "end": "2026-01-12T16:00:00Z"}
        cirrus.control.ui("edit_schedule", tenant="alpha", schedule="S1", **later)
        assert _prepared(cirrus) is None
        cirrus.call("PATCH", "/user/c1", NEEDS)
        cirrus.control.advance(1.7 * HOUR)
        assert _prepared(cirrus) == 25


def test_people_add_and_remove_candidates_and_set_extra_time() -> None:
    """§11: the manual work behind drift and closed tasks."""
    with running() as cirrus:
        cirrus.user("u1")
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.ui("add_candidate", tenant="alpha", schedule="S1", candidate="u1")
        cirrus.control.ui("remove_candidate", tenant="alpha", schedule="S1", candidate="c1")
        cirrus.control.ui("set_extra_time", tenant="alpha", candidate="u1", percentage=15)
        seats = cirrus.schedule()["seats"]
        assert (list(seats), seats["u1"]["added_by"]) == (["u1"], "person")
        user = cirrus.call("GET", "/user/u1").json()["Content"]["User"]
        assert (user["SpecialNeeds"], user["ReasonableAdjustmentPercentage"]) == (True, 15)
        cirrus.control.ui("archive_schedule", tenant="alpha", schedule="S1")
        assert cirrus.schedule()["is_archived"] is True
