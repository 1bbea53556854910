"""S7: extra time granted in the middle of the year."""

from datetime import datetime

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, MINUTE, candidate
from tests.scenarios.world import World

FIT = 130 * MINUTE
"""The window of an exam of 120 minutes that has no room for 25 percent more."""


def test_extra_time_reaches_every_future_booking_once(begin: Begin) -> None:
    """S7: one call changes the profile, every draft's window grows as needed, and a repetition changes nothing."""
    world = begin(policy={"mode": "before_start"})
    world.make_hierarchy()
    sis = world.sis
    exams = [f"off-{number}" for number in range(3)]
    for number, exam in enumerate(exams):
        world.say(sis.scheduled(exam, (3 + number) * DAY, window=FIT), sis.booked(f"b-{exam}", exam, "p1"))
    for exam in exams:
        world.heard("booking.confirmed", f"b-{exam}")
    world.settle()
    granted = sis.accommodation("p1", 25)
    world.say(granted)
    for exam in exams:
        confirmed = world.heard("booking.confirmed", f"b-{exam}", count=2)
        assert confirmed.data["extraTimePercentage"] == 25
    world.settle()
    assert world.profile(candidate("p1"))["ReasonableAdjustmentPercentage"] == 25
    for exam in exams:
        held = world.schedules()[exam]
        window = datetime.fromisoformat(held["end"]) - datetime.fromisoformat(held["start"])
        assert window > 150 * MINUTE, "120 minutes and a quarter of it must fit in"
    assert len(world.calls("PATCH /user")) == 1
    assert world.tasks() == []

    calls = len(world.calls())
    world.say(granted, sis.again(granted), sis.booked("b-off-0", "off-0", "p1"))
    world.settle()
    assert len(world.calls()) == calls
    assert world.profile(candidate("p1"))["ReasonableAdjustmentPercentage"] == 25, "never doubled"


def test_a_window_that_is_frozen_is_lengthened_by_a_person(world: World) -> None:
    """S7: an activated schedule cannot be changed by API: a task names the new end, and closes when it is so."""
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY, window=FIT), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.accommodation("p1", 25))
    raised = world.heard("task.raised", "off-1")
    assert raised.data["kind"] == "move-schedule"
    end = sis.now + 3 * DAY + 151 * MINUTE
    assert any(end.isoformat().replace("+00:00", "Z") in step for step in raised.data["steps"])

    world.cirrus.ui("edit_schedule", schedule="off-1", end=end.isoformat())
    world.heard("task.closed", "off-1")
    assert world.tasks() == []


def test_minutes_and_percent_are_never_added(world: World) -> None:
    """S7: the newest statement replaces the older one, and the largest over all exams is what Cirrus gets."""
    sis = world.sis
    world.say(
        sis.accommodation("p1", 10),
        sis.scheduled("off-1", 3 * DAY),
        sis.scheduled("off-2", 4 * DAY, minutes=100),
        sis.booked("b-1", "off-1", "p1", extraTimePercentage=25),
        sis.booked("b-2", "off-2", "p1", additionalTimeInMin=20),
    )
    world.heard("booking.confirmed", "b-1")
    world.heard("booking.confirmed", "b-2")
    world.settle()
    assert world.profile(candidate("p1"))["ReasonableAdjustmentPercentage"] == 25
    assert world.heard("booking.confirmed", "b-2").data["extraTimePercentage"] == 25, "the one percentage in force"
