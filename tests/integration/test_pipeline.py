"""The whole pipeline while a part of it is away: whatever was said is done in the end, and done once."""

import random
from collections import Counter
from typing import Any

import pytest

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, HOUR, Json, candidate
from tests.scenarios.world import World
from tests.services.postgres import PostgresServer
from tests.services.rabbit import RabbitServer

SITTINGS = 12
BOOKINGS = 480
TOKEN = "token-of-uni"
SLOW: dict[str, Any] = {"sandbox": {"latency_ms": 150.0}, "tenant": {"concurrency": 2}}
"""Slow enough for something to be under way at any moment."""


def _season(world: World) -> list[Json]:
    """Return the events of a small season, shuffled."""
    sis = world.sis
    events = [sis.scheduled(f"off-{n}", 2 * DAY + n * HOUR) for n in range(SITTINGS)]
    events += [sis.booked(f"b-{n}", f"off-{n % SITTINGS}", f"p{n}") for n in range(BOOKINGS)]
    random.Random(7).shuffle(events)
    return events


def _under_way(world: World) -> None:
    """Wait until some bookings are confirmed and others are not."""
    world.until(lambda: world.outcomes("booking.confirmed"), "the first confirmation")
    assert len(world.outcomes("booking.confirmed")) < BOOKINGS


def _all_done(world: World, *, links: bool = True) -> None:
    """Wait for the end, and check that every booking has its seat, its link and one confirmation."""
    world.until(lambda: world.types()["booking.confirmed"] == BOOKINGS, "every booking is confirmed", patience=60)
    world.settle()
    held = world.schedules()
    for n in range(SITTINGS):
        assert held[f"off-{n}"]["seats"].keys() == {candidate(f"p{b}") for b in range(n, BOOKINGS, SITTINGS)}
    told = world.types()
    assert (told["exam.confirmed"], told["booking.rejected"], told["exam.rejected"]) == (SITTINGS, 0, 0)
    if links:
        assert told["launch-link.issued"] == BOOKINGS
        assert world.tasks() == []
    assert world.dead_letters(0) == []


def _sent_once(world: World) -> None:
    """Check that no candidate was sent to a schedule twice."""
    sent = Counter(
        (call["sent"]["Schedule"]["ScheduleExtId"], each["CandidateExtId"])
        for call in world.calls("POST /schedule")
        if call["status"] == 200
        for each in call["sent"]["Candidates"]
    )
    assert len(sent) == BOOKINGS
    assert set(sent.values()) == {1}


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_a_broker_that_goes_away_and_comes_back(begin: Begin, rabbit: RabbitServer, amqp_url: str, end: str) -> None:
    """Events and outcomes under way while RabbitMQ restarts, in order or by a crash, all arrive."""
    if str(rabbit.port) not in amqp_url:
        pytest.skip("the broker of this run is not ours to restart")
    world = begin(**SLOW)
    events = _season(world)
    world.say(*events[: len(events) // 2])
    _under_way(world)
    if end == "restart":
        rabbit.restart()
    else:
        rabbit.crash()
    world.say(*events[len(events) // 2 :])
    _all_done(world)
    _sent_once(world)


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_a_ledger_that_goes_away_and_comes_back(
    begin: Begin, postgres: PostgresServer, postgres_url: str, end: str
) -> None:
    """Whatever was not stored when PostgreSQL went is taken from the broker again, or read from Cirrus."""
    if str(postgres.port) not in postgres_url:
        pytest.skip("the database of this run is not ours to restart")
    world = begin(**SLOW)
    events = _season(world)
    world.say(*events[: len(events) // 2])
    _under_way(world)
    if end == "restart":
        postgres.restart()
    else:
        postgres.kill()
        postgres.start()
    world.say(*events[len(events) // 2 :])
    # The answer of a call that was under way may be lost with the ledger, and its links with it.
    _all_done(world, links=False)
    lost = {task.about.key for task in world.tasks("launch-link-lost")}
    issued = {outcome.subject for outcome in world.outcomes("launch-link.issued")}
    assert len(lost | issued) == BOOKINGS
    _sent_once(world)


def test_a_refused_token_halts_the_tenant_until_it_is_accepted_again(begin: Begin) -> None:
    """After a 403 the calls stop but for a probe; with the token accepted again all goes on, without a restart."""
    world = begin(**SLOW)
    events = _season(world)
    world.say(*events[: len(events) // 2])
    _under_way(world)
    world.cirrus.expire_token(TOKEN)
    world.say(*events[len(events) // 2 :])
    world.until(lambda: len(world.stored()) == len(events), "the intake goes on")
    world.until(
        lambda: world.metric("cirrus_tenant_halted", tenant="uni.example", reason="auth") == 1, "the halt shows"
    )
    refused = world.cirrus.tally()["statuses"]["403"]
    assert refused <= 12, "what was under way, and a probe a second"
    world.cirrus.restore_token(TOKEN)
    _all_done(world)
    assert world.metric("cirrus_tenant_halted", tenant="uni.example") == 0
    _sent_once(world)


def test_an_outage_of_cirrus_keeps_everything(begin: Begin) -> None:
    """While Cirrus is in maintenance the calls stop but for probes, the intake goes on, and then all is done."""
    world = begin(**SLOW)
    events = _season(world)
    world.say(*events[: len(events) // 2])
    _under_way(world)
    world.cirrus.fault("maintenance", count=None)
    world.say(*events[len(events) // 2 :])
    world.until(lambda: len(world.stored()) == len(events), "the intake goes on")
    halted = {"tenant": "uni.example", "reason": "outage"}
    world.until(lambda: world.metric("cirrus_tenant_halted", **halted) == 1, "the halt shows")
    before = world.cirrus.tally()["calls"]
    world.until(lambda: world.cirrus.tally()["calls"] >= before + 3, "three probes")
    assert world.metric("dead_letters_total") == 0
    world.cirrus.clear_faults()
    _all_done(world)
    assert world.metric("cirrus_tenant_halted", tenant="uni.example") == 0
    _sent_once(world)


def test_a_stop_in_the_middle_loses_and_repeats_nothing(begin: Begin) -> None:
    """Told to stop, the adapter finishes the calls under way; started again, it does the rest."""
    world = begin(**SLOW)
    events = _season(world)
    world.say(*events)
    _under_way(world)
    assert world.stop() is True
    calls = world.cirrus.tally()
    assert calls["statuses"].get("cut off", 0) == 0
    assert len(world.outcomes("booking.confirmed")) < BOOKINGS
    world.start()
    _all_done(world)
    _sent_once(world)
