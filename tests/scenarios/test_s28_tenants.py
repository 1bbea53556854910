"""S28: one tenant floods or fails, and the others do not notice."""

import time

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, MINUTE, Sis, candidate
from tests.scenarios.world import World

SECONDS = 5.0
FLOOD = 4000


def _two_tenants(begin: Begin) -> tuple[World, Sis]:
    world = begin(
        others={"other": {"name": "other.example", "token": "token-of-other"}},
        sandbox={"tokens": {"token-of-uni": "uni", "token-of-other": "other"}, "latency_ms": 20.0},
    )
    return world, Sis(world.sis.now, "other.example")


def _book_and_confirm(world: World, starts: list[str]) -> None:
    """Book a student of `uni.example` on each exam and see them confirmed."""
    sis = world.sis
    for name in starts:
        world.say(sis.scheduled(name, 3 * DAY), sis.booked(f"b-{name}", name, f"p-{name}"))
    for name in starts:
        confirmed = world.heard("booking.confirmed", f"b-{name}")
        assert confirmed.routing_key == "uni.example.cirrus.booking.confirmed.v1"
        assert world.seats(name) == {candidate(f"p-{name}")}


def test_a_cirrus_that_hangs_holds_up_nobody_else(begin: Begin) -> None:
    """S28: while every call of one tenant hangs, the other's bookings are confirmed in seconds."""
    world, other = _two_tenants(begin)
    world.cirrus.fault("hang", tenant="other", count=None)
    exams = [f"off-{number}" for number in range(20)]
    for exam in exams:
        world.say(other.scheduled(exam, 10 * MINUTE), other.booked(f"b-{exam}", exam, "q1"))
    world.until(lambda: len(world.calls(tenant="other")) >= 8, "all threads of the other tenant hang")
    began = time.monotonic()
    _book_and_confirm(world, ["one", "two", "three"])
    assert time.monotonic() - began < SECONDS
    assert [outcome for outcome in world.outcomes() if outcome.tenant == "other.example"] == []

    world.cirrus.clear_faults()
    for exam in exams:
        world.heard("booking.confirmed", f"b-{exam}", patience=40)


def test_a_flood_of_one_tenant_holds_up_nobody_else(begin: Begin) -> None:
    """S28: behind thousands of one tenant's events, the other's bookings are confirmed before half of it is done."""
    world, other = _two_tenants(begin)
    world.say(*(other.enrolled(f"q{number}") for number in range(FLOOD)))
    _book_and_confirm(world, ["one", "two", "three"])
    done = len(world.cirrus.state()["tenants"]["other"]["users"])
    assert done < FLOOD / 2, "the flood was still there, or this proves nothing"


def test_a_refused_token_halts_only_its_own_tenant(begin: Begin) -> None:
    """S28: one tenant without a valid token is halted after a call or two; the other goes on."""
    world, other = _two_tenants(begin)
    world.cirrus.expire_token("token-of-other")
    world.say(other.scheduled("off-1", 3 * DAY), other.booked("b-1", "off-1", "q1"))
    world.until(lambda: world.cirrus.tally()["statuses"].get("403"), "the token is refused")
    _book_and_confirm(world, ["one"])
    world.cirrus.restore_token("token-of-other")
    world.heard("booking.confirmed", "b-1")
