"""S5: a booking ten minutes before its exam, behind a long backlog."""

import time

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, MINUTE, candidate

BACKLOG = 5000
SECONDS = 5.0


def test_an_urgent_booking_overtakes_five_thousand_rows(begin: Begin) -> None:
    """S5: with 5,000 older rows due and a slow Cirrus, the booking for the next exam is confirmed in seconds."""
    world = begin(sandbox={"latency_ms": 50.0})
    sis = world.sis
    world.say(*(sis.enrolled(f"p{number}") for number in range(BACKLOG)))
    world.until(lambda: len(world.stored()) == BACKLOG, "the backlog is stored", patience=40)
    world.say(sis.scheduled("later", 3 * DAY), sis.booked("b-later", "later", "q1"))
    began = time.monotonic()
    world.say(sis.scheduled("next", 10 * MINUTE), sis.booked("b-next", "next", "q2"))
    world.heard("booking.confirmed", "b-next")
    took = time.monotonic() - began
    assert took < SECONDS
    assert world.seats("next") == {candidate("q2")}
    behind = BACKLOG - len(world.cirrus.state()["tenants"]["uni"]["users"])
    assert behind > BACKLOG / 2, "the backlog was still there, or this proves nothing"
