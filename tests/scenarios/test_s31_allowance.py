"""S31: more results than calls: spent in order of need, never exceeded, and said on a gauge."""

from datetime import timedelta

from tests.scenarios.conftest import Begin
from tests.scenarios.exams import publish, sat
from tests.scenarios.sis import DAY, candidate

PEOPLE = tuple(f"p{number:02}" for number in range(16))
RULES = {"per_day": 10, "reserve": 2, "sweeps_per_day": 0}


def test_the_allowance_is_spent_by_need_and_the_rest_waits_for_the_reset(begin: Begin) -> None:
    """S31: 16 results on 10 calls a day, two of them kept for corrections; bookings go on meanwhile."""
    world = begin(results=RULES, sandbox={"results_per_day": 10})
    world.connect_webhook()
    sat(world, "exam", *PEOPLE)
    publish(world, "exam")
    world.until(lambda: world.types()["result.published"] == 8, "eight results")
    world.settle()
    told = world.outcomes("result.published")[0]
    who = told.subject.removeprefix("b-")
    world.cirrus.ui("rescore", tenant="uni", schedule="exam", candidate=candidate(who), score=99)
    world.heard("result.corrected", told.subject)
    assert len(world.readings()) == 9
    world.until(
        lambda: world.metric("cirrus_allowance_remaining_ratio", allowance="results_per_day") == 0.1, "the gauge"
    )
    assert world.cirrus.tally()["results"]["uni"]["over"] == 0

    world.say(world.sis.scheduled("later", 3 * DAY), world.sis.booked("b-later", "later", "p01"))
    world.heard("booking.confirmed", "b-later")
    assert world.metric("cirrus_tenant_halted") == 0


def test_when_cirrus_counts_otherwise_results_wait_and_bookings_go_on(begin: Begin) -> None:
    """S31: its 429 concerns results alone; nothing is called again and again, nothing is lost."""
    world = begin(sandbox={"results_per_day": 3})
    world.connect_webhook()
    sat(world, "exam", *PEOPLE[:6])
    publish(world, "exam")
    world.until(lambda: world.types()["result.published"] == 3, "three results")
    world.say(world.sis.scheduled("later", 3 * DAY), world.sis.booked("b-later", "later", "p01"))
    world.heard("booking.confirmed", "b-later")
    world.settle(patience=timedelta(seconds=30).total_seconds())
    assert len(world.readings()) < 3 + 9
    assert world.metric("cirrus_tenant_halted") == 0
