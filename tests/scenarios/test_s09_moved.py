"""S9: a sitting is moved or called off after its schedule was activated."""

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, HOUR, MINUTE, candidate, text
from tests.scenarios.world import World


def test_a_move_after_activation_is_a_task_until_a_person_has_made_it(world: World) -> None:
    """S9: the task says what to set, and closes by itself when a read-back shows it."""
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.scheduled("off-1", 4 * DAY, kind="exam.updated"))
    raised = world.heard("task.raised", "off-1")
    assert raised.data["kind"] == "move-schedule"
    start, end = sis.now + 4 * DAY, sis.now + 4 * DAY + 3 * HOUR
    assert any(zulu(start) in step and zulu(end) in step for step in raised.data["steps"])
    assert world.schedules()["off-1"]["start"] == text(sis.now + 3 * DAY), "nobody has moved it yet"

    world.cirrus.ui("edit_schedule", schedule="off-1", start=text(start), end=text(end))
    closed = world.heard("task.closed", "off-1")
    assert closed.data["taskId"] == raised.data["taskId"]
    world.settle()
    assert world.tasks() == []
    assert world.seats("off-1") == {candidate("p1")}
    assert world.calls("DELETE") == []


def test_a_move_back_closes_the_task_without_a_person(world: World) -> None:
    """S9: when the SIS takes the move back, nothing is left to do."""
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.scheduled("off-1", 4 * DAY, kind="exam.updated"))
    world.heard("task.raised", "off-1")
    world.say(sis.scheduled("off-1", 3 * DAY, kind="exam.updated"))
    world.heard("task.closed", "off-1")
    assert world.tasks() == []


def test_a_draft_is_moved_without_a_person(begin: Begin) -> None:
    """S9: what is not activated yet is simply moved."""
    world = begin(policy={"mode": "before_start"})
    world.make_hierarchy()
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.scheduled("off-1", 4 * DAY, kind="exam.updated"))
    world.until(lambda: world.schedules()["off-1"]["start"] == text(sis.now + 4 * DAY), "the draft is moved")
    world.settle()
    assert world.tasks() == []


def test_a_schedule_with_attempts_is_never_deleted(begin: Begin) -> None:
    """S9: an exam called off after somebody has begun is left to a person, however willing Cirrus is to delete it."""
    world = begin(sandbox={"delete_activated": True})
    sis = world.sis
    world.say(sis.scheduled("off-1", -1 * MINUTE), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.cirrus.ui("start_attempt", schedule="off-1", candidate=candidate("p1"))
    world.say(sis.exam_cancelled("off-1"))
    raised = world.heard("task.raised", "off-1")
    assert raised.data["kind"] == "remove-schedule"
    assert any("archive" in step for step in raised.data["steps"])
    assert world.calls("DELETE") == []

    world.cirrus.ui("archive_schedule", schedule="off-1")
    world.heard("task.closed", "off-1")
    world.heard("booking.cancelled", "b-1")
    world.settle()
    assert world.tasks() == []
    assert "off-1" in world.schedules()


def zulu(moment: object) -> str:
    """Write a moment as the steps of a task do."""
    return str(moment).replace(" ", "T").replace("+00:00", "Z")
