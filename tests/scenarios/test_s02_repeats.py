"""S2: the same event two to ten times."""

import random

from tests.scenarios.sis import DAY, candidate
from tests.scenarios.world import World, ids


def test_repeats_have_one_effect_and_one_set_of_outcomes(world: World) -> None:
    """S2: redelivered ten times and resent as a snapshot, a booking is one seat, one call and one set of ids."""
    sis = world.sis
    people = [f"p{number}" for number in range(5)]
    events = [sis.scheduled("off-1", 3 * DAY), *(sis.booked(f"b-{who}", "off-1", who) for who in people)]
    many = events * 10
    random.Random(2).shuffle(many)
    world.say(*many)
    world.settle()
    assert world.seats("off-1") == {candidate(who) for who in people}
    first, calls = ids(world.outcomes()), len(world.calls())
    assert len(first) == len(set(first))
    assert world.types() == {"exam.confirmed": 1, "booking.confirmed": 5, "launch-link.issued": 5}

    world.say(*events, *(sis.again(event) for event in events))
    world.settle()
    assert ids(world.outcomes()) == first
    assert len(world.calls()) == calls
