"""S27: time zones, the night on which the clocks change, and answers without a zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import HOUR, candidate, text
from tests.scenarios.world import World

AMSTERDAM = "Europe/Amsterdam"
SUMMER, WINTER = timezone(2 * HOUR), timezone(HOUR)
FIRST_HALF_PAST_TWO = datetime(2030, 10, 27, 2, 30, tzinfo=SUMMER)
"""In the night on which Amsterdam lives through the hour after two twice."""
SECOND_HALF_PAST_TWO = datetime(2030, 10, 27, 2, 30, tzinfo=WINTER)
BEFORE_THE_GAP = datetime(2031, 3, 30, 1, 30, tzinfo=WINTER)
"""In the night on which Amsterdam has no hour after two."""


def test_moments_reach_cirrus_in_utc_whatever_zone_they_were_said_in(world: World) -> None:
    """S27: the same moment said in four zones is the same moment in Cirrus, written with Z."""
    sis = world.sis
    moment = datetime(2030, 6, 3, 9, 0, tzinfo=UTC)
    zones = [UTC, SUMMER, timezone(-5 * HOUR), timezone(timedelta(hours=5, minutes=45))]
    for number, zone in enumerate(zones):
        exam = f"off-{number}"
        world.say(sis.scheduled(exam, moment.astimezone(zone)), sis.booked(f"b-{number}", exam, "p1"))
    for number in range(len(zones)):
        world.heard("booking.confirmed", f"b-{number}")
        assert world.schedules()[f"off-{number}"]["start"] == text(moment)
    sent = {call["sent"]["Schedule"]["StartDateTime"] for call in world.calls("POST /schedule")}
    assert sent == {"2030-06-03T09:00:00Z"}


@pytest.mark.parametrize("zoneless", [False, True])
def test_the_night_of_the_change_is_read_back_as_it_was_sent(begin: Begin, *, zoneless: bool) -> None:
    """S27: read back in that night, with or without a zone, no exam looks moved."""
    world = begin(
        tenant={"zone": AMSTERDAM},
        sandbox={"time_zone": AMSTERDAM, "zoneless_answers": zoneless, "assessment_minutes": 20},
    )
    sis = world.sis
    world.cirrus.fault("reset", when="after", method="POST", path="^/schedule$", count=3)
    starts = (FIRST_HALF_PAST_TWO, SECOND_HALF_PAST_TWO, BEFORE_THE_GAP)
    for number, start in enumerate(starts):
        exam = f"off-{number}"
        world.say(
            sis.scheduled(exam, start, minutes=20, window=HOUR / 2), sis.booked(f"b-{number}", exam, f"p{number}")
        )
    for number, start in enumerate(starts):
        world.heard("booking.confirmed", f"b-{number}")
        held = world.schedules()[f"off-{number}"]
        assert (held["start"], held["seats"].keys()) == (text(start.astimezone(UTC)), {candidate(f"p{number}")})
    world.settle()
    assert world.tasks("move-schedule") == []


def test_a_wrong_hour_is_still_seen_through_answers_without_a_zone(begin: Begin) -> None:
    """S27: a move that a person made in Cirrus shows in a zone-less answer, in summer as in winter."""
    world = begin(
        tenant={"zone": AMSTERDAM},
        sandbox={"time_zone": AMSTERDAM, "zoneless_answers": True, "assessment_minutes": 60},
    )
    sis = world.sis
    starts = [datetime(2030, 1, 14, 9, 0, tzinfo=UTC), datetime(2030, 7, 15, 9, 0, tzinfo=UTC)]
    for number, start in enumerate(starts):
        exam = f"off-{number}"
        world.say(sis.scheduled(exam, start, minutes=60), sis.booked(f"b-{number}", exam, f"p{number}"))
        world.heard("booking.confirmed", f"b-{number}")
        world.say(sis.scheduled(exam, start + HOUR, minutes=60, kind="exam.updated"))
        world.heard("task.raised", exam)
        world.cirrus.ui("edit_schedule", schedule=exam, start=text(start + HOUR), end=text(start + 4 * HOUR))
        world.heard("task.closed", exam)
    assert world.tasks() == []


def test_fractions_of_a_second_that_cirrus_drops_move_nothing(world: World) -> None:
    """S27: Cirrus answers in whole seconds, so a start with milliseconds must not look moved."""
    sis = world.sis
    world.cirrus.fault("reset", when="after", method="POST", path="^/schedule$")
    start = datetime(2030, 6, 3, 9, 0, 0, 123000, tzinfo=UTC)
    world.say(sis.scheduled("off-1", start), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.settle()
    assert world.tasks("move-schedule") == []
