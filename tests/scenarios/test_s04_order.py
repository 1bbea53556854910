"""S4: events that overtake one another."""

import itertools

from tests.scenarios.sis import DAY, candidate, person, text
from tests.scenarios.world import World


def test_a_cancel_that_overtakes_its_booking_keeps_it_out(world: World) -> None:
    """S4: the cancel leaves a tombstone, so the older booking that comes after it seats nobody."""
    sis = world.sis
    book, cancel = sis.booked("b-1", "off-1", "p1"), sis.cancelled("b-1", "off-1", "p1")
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-2", "off-1", "p2"), cancel)
    world.settle()
    world.say(book)
    world.settle()
    assert world.seats("off-1") == {candidate("p2")}
    assert [outcome.type for outcome in world.outcomes(subject="b-1")] == ["booking.cancelled"]
    notes = [line.note for line in world.explain("b-1").lines if line.who == "sis"]
    assert any(note.startswith("superseded") for note in notes), notes


def test_a_booking_repeated_after_its_cancel_does_not_come_back(world: World) -> None:
    """S4: the same old booking, delivered or sent again, changes nothing; a newer one books anew."""
    sis = world.sis
    book, cancel = sis.booked("b-1", "off-1", "p1"), sis.cancelled("b-1", "off-1", "p1")
    old_again = sis.event("exam.booked", "b-1", book["data"], time=book["time"])
    world.say(sis.scheduled("off-1", 3 * DAY), book, cancel, book, old_again)
    world.settle()
    assert world.seats("off-1") == set()
    assert world.types()["booking.confirmed"] == 0

    world.say(sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    assert world.seats("off-1") == {candidate("p1")}


def test_an_older_version_changes_nothing(world: World) -> None:
    """S4: an exam's and a student's older versions that come late are superseded, by time and by sequence."""
    sis = world.sis
    old_exam = sis.scheduled("off-1", 3 * DAY, sequence=1)
    new_exam = sis.scheduled("off-1", 4 * DAY, kind="exam.updated", sequence=2, time=old_exam["time"])
    book = sis.booked("b-1", "off-1", "p1", person=person("p1", surname="Old"))
    old_name, new_name = sis.enrolled("p1", surname="Old"), sis.updated("p1", surname="New")
    world.say(book, new_exam, new_name)
    world.heard("booking.confirmed", "b-1")
    world.settle()
    world.say(old_exam, old_name)
    world.settle()
    assert world.schedules()["off-1"]["start"] == text(sis.now + 4 * DAY)
    assert world.profile(candidate("p1"))["LastName"] == "New"
    assert world.tasks() == []


def test_any_order_of_arrival_ends_in_the_same_state(world: World) -> None:
    """S4: in each of the 24 orders in which they can come, the same four statements leave the same seats."""
    sis = world.sis
    orders = list(itertools.permutations(range(4)))
    for number, order in enumerate(orders):
        exam, gone, stays = f"off-{number}", f"gone-{number}", f"stays-{number}"
        events = [
            sis.scheduled(exam, 3 * DAY),
            sis.booked(gone, exam, f"p{number}"),
            sis.booked(stays, exam, f"q{number}"),
            sis.cancelled(gone, exam, f"p{number}"),
        ]
        world.say(*(events[index] for index in order))
    world.settle()
    for number in range(len(orders)):
        assert world.seats(f"off-{number}") == {candidate(f"q{number}")}
    assert world.types() == {
        "exam.confirmed": len(orders),
        "booking.confirmed": len(orders),
        "launch-link.issued": len(orders),
        "booking.cancelled": len(orders),
    }
