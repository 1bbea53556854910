"""S20: results of cancelled bookings, of candidates added by hand, of schedules nobody knows."""

from tests.scenarios.conftest import Begin
from tests.scenarios.exams import publish, sat
from tests.scenarios.sis import DAY, candidate
from tests.scenarios.world import World


def test_a_result_of_a_cancelled_booking_is_marked(world: World) -> None:
    """S20, S8: the candidate could not be taken off any more and sat the exam; the result is told as an orphan."""
    world.connect_webhook()
    sat(world, "exam", "p1", "p2")
    world.say(world.sis.cancelled("b-p1", "exam", "p1"))
    world.heard("task.raised", "b-p1")
    publish(world, "exam")
    assert world.heard("result.published", "b-p1").data["orphan"]
    assert not world.heard("result.published", "b-p2").data["orphan"]


def test_a_result_of_somebody_added_by_hand_is_told_by_the_ids_of_cirrus(world: World) -> None:
    """S20: nobody knows a booking, so the event names candidate and schedule."""
    world.connect_webhook()
    world.say(world.sis.enrolled("walkin"))
    world.heard("candidate.confirmed", "walkin")
    sat(world, "exam", "p1")
    world.cirrus.ui("add_candidate", tenant="uni", schedule="exam", candidate=candidate("walkin"))
    world.cirrus.ui("sit", tenant="uni", schedule="exam", candidate=candidate("walkin"))
    publish(world, "exam")
    told = world.heard("result.published", f"exam/{candidate('walkin')}").data
    assert (told["associationId"], told["offeringId"], told["orphan"]) == (None, "exam", True)

    # The SIS enters the booking afterwards: the result is found to be its own.
    world.say(world.sis.booked("b-walkin", "exam", "walkin"))
    world.heard("booking.confirmed", "b-walkin")
    world.cirrus.ui("rescore", tenant="uni", schedule="exam", candidate=candidate("walkin"), score=88)
    corrected = world.heard("result.corrected", "b-walkin").data
    assert (corrected["associationId"], corrected["orphan"], corrected["resultVersion"]) == ("b-walkin", False, 2)


def test_the_result_of_a_resit_does_not_land_on_the_first_booking(begin: Begin) -> None:
    """S10: two exams of one student, each with its own result; attempt ids tell them apart."""
    world = begin(policy={"external_attempts": True})
    world.connect_webhook()
    sat(world, "first", "p1")
    world.say(
        world.sis.scheduled("second", -DAY / 12, minutes=100, window=DAY / 6),
        world.sis.booked("b-2", "second", "p1", attempt=2),
    )
    world.heard("booking.confirmed", "b-2")
    world.cirrus.ui("sit", tenant="uni", schedule="second")
    for exam, outcome in (("first", "NOT_SATISFACTORY"), ("second", "SATISFACTORY")):
        world.cirrus.ui("mark", tenant="uni", schedule=exam, candidate=candidate("p1"), score=50, outcome=outcome)
    publish(world, "first")
    first = world.heard("result.published", "b-p1").data["result"]
    world.settle()
    assert world.outcomes("result.published", "b-2") == []
    publish(world, "second")
    second = world.heard("result.published", "b-2").data["result"]
    assert (first["pass"], first["attempt"]) == ("failed", 1)
    assert (second["pass"], second["attempt"]) == ("passed", 2)
    assert {call["query"] for call in world.readings()} == {"AttemptExtId=b-p1", "AttemptExtId=b-2"}
