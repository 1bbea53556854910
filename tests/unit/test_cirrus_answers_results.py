"""Tests of what the client makes of an answer to GET /results, whose shape is UNSEEN, over real HTTP."""

import pytest

from adapter.domain import steps
from adapter.domain.allowance import Need
from adapter.domain.answers import Absent, Accepted, Answer, ResultsSeen, Throttled
from tests.unit.cirrus_stage import QUICK, says, scene

READ_RESULTS = steps.ReadResults("c1", "S-1", None, Need.FIRST)
A_RESULT = {"ScheduleExtId": "S-1", "Score": 7}


def answer(step: steps.Step, body: object, status: int = 200) -> Answer:
    """Return what the client makes of one HTTP answer."""
    with scene(says(body, status), options=QUICK) as (client, _):
        return client.perform(step)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"Success": False, "Errors": [{"Code": 202, "Error": "User not found"}]}, 400),
        ({"Success": False, "Errors": "Results are not found"}, 400),
        ({"Message": "Published candidate result not found"}, 400),
        (b"", 200),
    ],
)
def test_no_results_are_an_answer(body: object, status: int) -> None:
    """How Cirrus says that nothing is published is UNSEEN (9.1); every way it may is understood."""
    assert answer(READ_RESULTS, body, status) == Accepted(Absent())


@pytest.mark.parametrize(
    "body", [{"Results": [{"ScheduleExtId": "S-1", "Score": 7}]}, [{"ScheduleExtId": "S-1", "Score": 7}]]
)
def test_results_are_read_without_an_envelope(body: object) -> None:
    """E5: an object, or an array, of no envelope."""
    said = answer(READ_RESULTS, body)
    assert isinstance(said, Accepted)
    assert isinstance(said.content, ResultsSeen)
    assert [(one.schedule_id, one.score) for one in said.content.results] == [("S-1", 7.0)]


def test_a_result_in_an_unknown_structure_is_no_outage() -> None:
    """It is kept for people to look at, and the tenant goes on."""
    said = answer(READ_RESULTS, {"Strange": {"Thing": 1}})
    assert said == Accepted(ResultsSeen((), {"Strange": {"Thing": 1}}))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"Message": "Too many requests"}, 429),
        ({"Message": "The daily limit of calls to [results] has been exceeded"}, 400),
        ({"Success": False, "Errors": "Daily quota exceeded"}, 200),
    ],
)
def test_a_spent_allowance_is_told_from_a_refusal(body: object, status: int) -> None:
    """The answer to a call too many is UNSEEN (9.1)."""
    assert answer(READ_RESULTS, body, status) == Throttled(None)
