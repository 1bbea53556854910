"""S12: two student numbers are merged, and a retired number is used again."""

import pytest

from adapter.domain.records import Ref, Status
from tests.scenarios.conftest import Begin
from tests.scenarios.exams import publish, sat
from tests.scenarios.sis import DAY, candidate, student_number
from tests.scenarios.world import World


def test_bookings_of_the_retired_person_are_the_survivors(begin: Begin) -> None:
    """S12: on a draft the survivor takes the seat, the retired candidate is taken off, and nobody is there twice."""
    world = begin(policy={"mode": "before_start"})
    world.make_hierarchy()
    sis = world.sis
    world.say(
        sis.enrolled("p1"),
        sis.enrolled("p2"),
        sis.scheduled("off-1", 3 * DAY),
        sis.scheduled("off-2", 3 * DAY),
        sis.booked("b-1", "off-1", "p2"),
        sis.booked("b-2", "off-2", "p1"),
        sis.booked("b-3", "off-2", "p2"),
    )
    for booking in ("b-1", "b-2", "b-3"):
        world.heard("booking.confirmed", booking)
    world.say(sis.merged("p1", "p2"))
    again = world.heard("booking.confirmed", "b-1", count=2)
    assert (again.data["personId"], again.data["candidateExtId"]) == ("p1", candidate("p1"))
    world.heard("booking.confirmed", "b-3", count=2)
    world.until(lambda: world.seats("off-1") == world.seats("off-2") == {candidate("p1")}, "one seat for one person")
    task = world.heard("task.raised", "p2")
    assert task.data["kind"] == "retire-user"
    assert candidate("p2") in " ".join(task.data["steps"])

    world.say(sis.booked("b-4", "off-1", "p2"), sis.scheduled("off-3", 3 * DAY), sis.booked("b-5", "off-3", "p2"))
    assert world.heard("booking.confirmed", "b-4").data["candidateExtId"] == candidate("p1")
    assert world.heard("booking.confirmed", "b-5").data["candidateExtId"] == candidate("p1")
    world.say(sis.cancelled("b-5", "off-3", "p2"))
    world.heard("booking.cancelled", "b-5")
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}
    assert world.seats("off-3") == set()
    assert [task.name for task in world.tasks()] == ["retire-user"]


def test_a_seat_that_the_api_cannot_take_back_is_a_task(world: World) -> None:
    """S12: on an activated schedule the survivor is added, and a person takes the retired candidate off."""
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p2"), sis.enrolled("p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.merged("p1", "p2"))
    world.until(lambda: world.tasks("remove-candidate"), "a task")
    (task,) = world.tasks("remove-candidate")
    assert candidate("p2") in task.text
    assert world.seats("off-1") == {candidate("p1"), candidate("p2")}
    world.heard("booking.confirmed", "b-1", count=2)
    world.cirrus.ui("remove_candidate", schedule="off-1", candidate=candidate("p2"))
    world.until(lambda: not world.tasks("remove-candidate"), "the task is closed")
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}


def test_a_result_under_the_retired_number_is_the_survivors(world: World) -> None:
    """S12: an exam that was sat before the merger stays with the retired user, and its result names the survivor."""
    world.connect_webhook()
    sat(world, "off-1", "p2")
    world.say(world.sis.enrolled("p1"), world.sis.merged("p1", "p2"))
    world.settle()
    publish(world, "off-1", "p2")
    published = world.heard("result.published", "b-p2", patience=40)
    assert published.data["personId"] == "p1"
    assert published.data["candidateExtId"] == candidate("p2")
    assert published.data["orphan"] is False
    assert world.tasks("remove-candidate") == []


@pytest.mark.parametrize("first", ["merged", "used again"])
def test_a_retired_number_is_not_used_for_another_person(world: World, first: str) -> None:
    """S12: whoever comes with the number of a merged person is refused with the reason, before or after the merger."""
    sis = world.sis
    world.say(sis.enrolled("p1"), sis.enrolled("p2"))
    world.heard("candidate.confirmed", "p2")
    newcomer = sis.enrolled("p3", primaryCode=student_number("p2"))
    events = [sis.merged("p1", "p2"), newcomer]
    world.say(*(events if first == "merged" else reversed(events)))
    refused = world.heard("candidate.rejected", "p3")
    assert refused.data["error"]["code"] == "id-taken"
    world.settle()
    (history,) = [each for each in world.ledger.explain("p3") if each.record.ref == Ref("candidate", "p3")]
    assert history.record.status is Status.REJECTED
    assert world.profile(candidate("p2"))["LastName"] == "Surname p2"
