"""S8: a student withdraws after the schedule was activated."""

from adapter.domain.records import Status
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, candidate
from tests.scenarios.world import World


def test_a_withdrawal_from_an_activated_schedule_is_a_task_until_it_is_done(world: World) -> None:
    """S8: nothing can be removed by API: a person gets exact steps, and the booking is cancelled once it is seen."""
    sis = world.sis
    world.say(
        sis.enrolled("p1"),
        sis.scheduled("off-1", 3 * DAY),
        sis.booked("b-1", "off-1", "p1"),
        sis.booked("b-2", "off-1", "p2"),
    )
    world.heard("booking.confirmed", "b-1")
    world.heard("booking.confirmed", "b-2")
    world.say(sis.withdrawn("p1", ended=sis.now))
    raised = world.heard("task.raised", "b-1")
    assert raised.data["kind"] == "remove-candidate"
    steps = " ".join(raised.data["steps"])
    assert candidate("p1") in steps
    assert "off-1" in steps
    assert raised.cause is not None
    assert world.outcomes("booking.cancelled", "b-1") == [], "the seat is still there"
    assert world.calls("DELETE") == []
    assert world.explain("b-1").record.status is Status.MANUAL

    world.cirrus.ui("remove_candidate", schedule="off-1", candidate=candidate("p1"))
    closed = world.heard("task.closed", "b-1")
    assert closed.data["taskId"] == raised.data["taskId"]
    cancelled = world.heard("booking.cancelled", "b-1")
    assert "left" in cancelled.data["reason"]
    world.settle()
    assert world.tasks() == []
    assert world.seats("off-1") == {candidate("p2")}


def test_a_cancelled_booking_whose_student_changes_his_mind_needs_no_task(world: World) -> None:
    """S8: booked anew before anybody acted, the task is closed and the seat simply stays."""
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.cancelled("b-1", "off-1", "p1"))
    world.heard("task.raised", "b-1")
    world.say(sis.booked("b-1", "off-1", "p1"))
    world.heard("task.closed", "b-1")
    world.heard("booking.confirmed", "b-1", count=2)
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}
    assert world.tasks() == []


def test_a_withdrawal_before_the_activation_needs_no_person(begin: Begin) -> None:
    """S8: from a draft the candidate is taken off by API, and the SIS hears that the booking is cancelled."""
    world = begin(policy={"mode": "before_start"})
    world.make_hierarchy()
    sis = world.sis
    world.say(sis.enrolled("p1"), sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"))
    world.say(sis.booked("b-2", "off-1", "p2"))
    world.heard("booking.confirmed", "b-1")
    world.heard("booking.confirmed", "b-2")
    world.say(sis.withdrawn("p1", ended=sis.now))
    world.heard("booking.cancelled", "b-1")
    world.settle()
    assert world.seats("off-1") == {candidate("p2")}
    assert world.tasks() == []
