"""S1: the season opens, and every booking of every exam comes at once."""

import random
from datetime import datetime, timedelta
from itertools import pairwise

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, HOUR, candidate

SITTINGS = 24
BOOKINGS = 1200
PACE = 40.0
BATCH = 100


def test_a_season_goes_to_cirrus_in_few_calls_soonest_exam_first(begin: Begin) -> None:
    """S1: 1,200 shuffled bookings of 24 sittings take few calls, at the pace that is set, the soonest exam first."""
    tenant = {"calls_per_second": PACE, "concurrency": 2}
    world = begin(tenant=tenant, policy={"linger_s": 2.5, "batch_size": BATCH}, start=False)
    sis = world.sis
    soonest, *events = [sis.scheduled(f"off-{n}", 2 * DAY + n * HOUR) for n in range(SITTINGS)]
    booked = [sis.booked(f"b-{n}", f"off-{n % SITTINGS}", f"p{n}") for n in range(BOOKINGS)]
    events += [event for n, event in enumerate(booked) if n % SITTINGS]
    random.Random(1).shuffle(events)
    # The first messages may come alone, and what they speak of is due a moment before the rest.
    world.say(soonest, *booked[::SITTINGS], *events)
    world.start()
    world.settle(patience=60, quiet=3)

    assert world.types() == {
        "exam.confirmed": SITTINGS,
        "booking.confirmed": BOOKINGS,
        "launch-link.issued": BOOKINGS,
    }
    for n in range(SITTINGS):
        assert world.seats(f"off-{n}") == {candidate(f"p{b}") for b in range(n, BOOKINGS, SITTINGS)}
    calls = world.calls()
    assert len(calls) <= 2 * SITTINGS, "about one call for each sitting"
    assert max(call["items"] for call in calls) <= BATCH
    first = [call["sent"]["Schedule"]["ScheduleExtId"] for call in calls if call["operation"] == "POST /schedule"]
    order = [int(name.removeprefix("off-")) for name in first]
    # Two calls are under way at once, so neighbours may change places.
    assert all(earlier < later + 2 for earlier, later in pairwise(order)), order
    moments = [datetime.fromisoformat(call["time"]) for call in calls]
    window = int(PACE / 4)
    quickest = min(later - earlier for earlier, later in zip(moments, moments[window:], strict=False))
    assert quickest >= timedelta(seconds=window / PACE) * 0.8, "no burst above the pace"


def test_a_large_sitting_goes_in_whole_batches(begin: Begin) -> None:
    """S1: 250 bookings of one sitting are three calls: two of a hundred candidates and one of fifty."""
    # Longer than it takes to read all of them, also on a busy machine.
    world = begin(policy={"linger_s": 2.5}, start=False)
    sis = world.sis
    world.say(*(sis.booked(f"b-{n}", "off-1", f"p{n}") for n in range(250)), sis.scheduled("off-1", 2 * DAY))
    world.start()
    world.settle(quiet=3)
    assert [(call["operation"], call["items"]) for call in world.calls()] == [
        ("POST /schedule", 100),
        ("POST /schedule/add-candidates", 100),
        ("POST /schedule/add-candidates", 50),
    ]
    assert len(world.seats("off-1")) == 250
