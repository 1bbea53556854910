"""S6: extra time granted shortly before the exam."""

from tests.scenarios.sis import MINUTE, candidate
from tests.scenarios.world import World


def test_extra_time_before_the_preparation_is_on_the_profile_in_time(world: World) -> None:
    """S6: granted 30 minutes before the start, it is on the profile before Cirrus prepares the exam."""
    sis = world.sis
    world.say(sis.scheduled("off-1", 30 * MINUTE), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.accommodation("p1", 25))
    confirmed = world.heard("booking.confirmed", "b-1", count=2)
    assert confirmed.data["extraTimePercentage"] == 25
    assert world.profile(candidate("p1"))["ReasonableAdjustmentPercentage"] == 25
    world.settle()
    assert world.tasks() == []


def test_extra_time_after_the_preparation_is_a_task_for_the_invigilator(world: World) -> None:
    """S6: granted 10 minutes before the start, Cirrus will not honour it: a person is told, and so is the SIS."""
    sis = world.sis
    world.say(sis.scheduled("off-1", 10 * MINUTE), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.accommodation("p1", 25))
    raised = world.heard("task.raised", "b-1")
    assert raised.data["kind"] == "late-extra-time"
    assert candidate("p1") in raised.data["text"]
    assert "25 %" in raised.data["text"]
    assert any("invigilation" in step for step in raised.data["steps"])
    world.until(
        lambda: world.profile(candidate("p1")).get("ReasonableAdjustmentPercentage") == 25, "later exams have it"
    )
    assert [task.name for task in world.tasks()] == ["late-extra-time"]
    assert world.schedules()["off-1"]["seats"][candidate("p1")]["prepared_extra_time"] == 0
