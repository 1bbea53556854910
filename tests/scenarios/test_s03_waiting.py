"""S3: a booking before its exam, or before anybody has said who the student is."""

from adapter.domain.records import SITTING, Ref, Status
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, MINUTE, candidate
from tests.scenarios.world import World


def test_a_booking_waits_for_its_exam_and_is_released_by_it(world: World) -> None:
    """S3: the booking waits, the SIS hears for what, and the exam's arrival releases it."""
    sis = world.sis
    world.say(sis.booked("b-1", "off-1", "p1"))
    pending = world.heard("booking.pending", "b-1")
    assert pending.data["waitingFor"] == {"kind": "sitting", "id": "off-1"}
    assert pending.data["deadline"] is None
    waiting = world.explain("b-1").record
    assert waiting.status is Status.WAITING
    assert waiting.wanting is not None
    assert waiting.wanting.ref == Ref(SITTING, "off-1")
    assert world.calls() == []

    world.say(sis.scheduled("off-1", 3 * DAY))
    world.heard("booking.confirmed", "b-1")
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}
    assert world.types()["booking.pending"] == 1


def test_extra_time_waits_for_its_student(world: World) -> None:
    """S3: extra time for a student whom nobody has named yet waits without a call, and counts once there is a name."""
    sis = world.sis
    world.say(sis.accommodation("p1", 25))
    world.settle()
    assert world.explain("p1").record.status is Status.WAITING
    assert world.calls() == []

    world.say(sis.enrolled("p1"))
    confirmed = world.heard("candidate.confirmed", "p1")
    assert confirmed.data["extraTimePercentage"] == 25
    assert world.profile(candidate("p1"))["ReasonableAdjustmentPercentage"] == 25


def test_waiting_is_told_by_the_time_to_the_exam_and_not_by_age(begin: Begin) -> None:
    """S3: of two bookings that wait equally long, only the one whose exam is near is told of."""
    world = begin(policy={"pending_after_min": 60}, sandbox={"auto_assessments": False})
    sis = world.sis
    world.say(
        sis.scheduled("far", 3 * DAY),
        sis.booked("b-far", "far", "p1"),
        sis.scheduled("near", 15 * MINUTE),
        sis.booked("b-near", "near", "p2"),
    )
    pending = world.heard("booking.pending", "b-near")
    assert pending.data["deadline"].startswith(str(sis.now.date())[:4])
    world.until(lambda: len(world.tasks("prepare-assessment")) == 2, "both exams ask for their assessment")
    assert world.outcomes("booking.pending", "b-far") == []

    world.cirrus.seed_assessments({"MATH1": 120})
    world.heard("booking.confirmed", "b-near")
    world.heard("booking.confirmed", "b-far")
    world.until(lambda: not world.tasks(), "the tasks close by themselves")
    world.settle()
    assert world.types()["task.closed"] == 2
