"""S10: a resit."""

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, candidate


def test_a_resit_is_a_booking_with_an_attempt_of_its_own(begin: Begin) -> None:
    """S10: the second booking has its own seat, link and attempt id, and the first one is left as it was."""
    world = begin(policy={"external_attempts": True})
    sis = world.sis
    world.say(sis.scheduled("first", 3 * DAY), sis.booked("b-1", "first", "p1", attempt=1))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.scheduled("second", 30 * DAY), sis.booked("b-2", "second", "p1", attempt=2))
    world.heard("booking.confirmed", "b-2")
    world.settle()
    held = world.schedules()
    assert held["first"]["seats"][candidate("p1")]["attempt_id"] == "b-1"
    assert held["second"]["seats"][candidate("p1")]["attempt_id"] == "b-2"
    links = {outcome.subject: outcome.data["launchUrl"] for outcome in world.outcomes("launch-link.issued")}
    assert links.keys() == {"b-1", "b-2"}
    assert links["b-1"] != links["b-2"]
    assert len(world.calls("POST /schedule")) == 2


def test_a_resit_on_the_same_schedule_keeps_its_one_seat(begin: Begin) -> None:
    """S10: two bookings of one candidate on one schedule are one seat, which stays while either wants it."""
    world = begin()
    sis = world.sis
    world.say(
        sis.scheduled("off-1", 3 * DAY),
        sis.booked("b-1", "off-1", "p1", attempt=1),
        sis.booked("b-2", "off-1", "p1", attempt=2),
    )
    world.heard("booking.confirmed", "b-1")
    world.heard("booking.confirmed", "b-2")
    world.say(sis.cancelled("b-1", "off-1", "p1"))
    world.heard("booking.cancelled", "b-1")
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}
    assert world.tasks() == []


def test_a_late_booking_has_its_attempt_id_too(begin: Begin) -> None:
    """S10: whoever is added to a schedule that exists gets an attempt id like the first ones."""
    world = begin(policy={"external_attempts": True})
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.say(sis.booked("b-2", "off-1", "p2", attempt=2))
    world.heard("booking.confirmed", "b-2")
    held = world.schedules()["off-1"]["seats"]
    assert {name: seat["attempt_id"] for name, seat in held.items()} == {candidate("p1"): "b-1", candidate("p2"): "b-2"}
