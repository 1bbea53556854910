"""S25: an erasure is requested while results are outstanding (the waiting; the erasing itself is a person's so far)."""

from datetime import timedelta

from tests.scenarios.conftest import Begin
from tests.scenarios.exams import publish, sat
from tests.scenarios.sis import candidate


def test_an_erasure_waits_until_the_results_have_been_told(begin: Begin) -> None:
    """S25: nothing is asked of anybody while a result may come; then a person is, and the SIS hears both."""
    world = begin(results={"look_days": []})
    world.connect_webhook()
    sat(world, "exam", "p1", "p2", ends_in=timedelta(seconds=6))
    world.heard("attendance.recorded", "b-p1")
    world.say(world.sis.erasure_requested("p1"))
    world.settle()
    assert world.tasks() == []
    waiting = world.explain("p1").record.wanting
    assert waiting is not None
    assert waiting.reason == "results that are outstanding (1)"

    publish(world, "exam")
    world.heard("result.published", "b-p1")
    world.say(world.sis.updated("p1", mail="new@example.org"))
    raised = world.heard("task.raised", "p1").data
    assert (raised["kind"], raised["about"]) == ("erase-person", {"kind": "candidate", "id": "p1"})
    assert candidate("p1") in raised["steps"][0]
    assert world.profile(candidate("p1"))["Email"] == "p1@example.org"
