"""S32: workers whose clocks are wrong: leases, deadlines and what counts as the future go by the ledger's time."""

from datetime import timedelta

import pytest

from adapter.broker import dead_letters as header
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, HOUR, MINUTE, candidate, text
from tests.scenarios.workers import worker_beside
from tests.scenarios.world import World

WRONG = [-2 * HOUR, 2 * HOUR]


@pytest.fixture
def idle(begin: Begin) -> World:
    """Lend a world in which no worker runs yet."""
    return begin(start=False)


def test_what_is_in_time_by_the_ledger_is_in_time(idle: World) -> None:
    """S32: extra time 30 minutes before the start is in time, though the exam is over by the worker's own clock."""
    sis = idle.sis
    with worker_beside(idle, clock_off_by=2 * HOUR):
        idle.say(sis.scheduled("off-1", 30 * MINUTE), sis.booked("b-1", "off-1", "p1"))
        idle.heard("booking.confirmed", "b-1")
        idle.say(sis.accommodation("p1", 25))
        assert idle.heard("booking.confirmed", "b-1", count=2).data["extraTimePercentage"] == 25
        idle.settle()
        assert idle.tasks() == []


def test_what_is_late_by_the_ledger_is_late(idle: World) -> None:
    """S32: extra time 10 minutes before the start is a task, though there is time by the worker's own clock."""
    sis = idle.sis
    with worker_beside(idle, clock_off_by=-2 * HOUR):
        idle.say(sis.scheduled("off-1", 10 * MINUTE), sis.booked("b-1", "off-1", "p1"))
        idle.heard("booking.confirmed", "b-1")
        idle.say(sis.accommodation("p1", 25))
        assert idle.heard("task.raised", "b-1").data["kind"] == "late-extra-time"


@pytest.mark.parametrize("off", WRONG, ids=["behind", "ahead"])
def test_the_future_begins_at_the_ledgers_time(idle: World, off: timedelta) -> None:
    """S32: a worker that is behind refuses no event of now, and one that is ahead accepts none of an hour's time."""
    sis = idle.sis
    early = sis.booked("b-2", "off-1", "p2") | {"time": text(sis.now + HOUR)}
    with worker_beside(idle, clock_off_by=off):
        idle.say(sis.scheduled("off-1", 3 * DAY) | {"time": text(sis.now)}, sis.booked("b-1", "off-1", "p1"), early)
        idle.heard("booking.confirmed", "b-1")
        [dead] = idle.dead_letters(1)
        assert dead.headers[header.REASON] == "from-the-future"
        assert dead.properties["correlation_id"] == early["id"]
        idle.settle()
        assert idle.seats("off-1") == {candidate("p1")}


@pytest.mark.parametrize("off", WRONG, ids=["behind", "ahead"])
def test_leases_go_by_the_ledgers_time(world: World, off: timedelta) -> None:
    """S32: a worker whose clock says that every lease has run out takes nobody's work while the other works on it."""
    sis = world.sis
    world.cirrus.fault("latency", method="POST", path="^/schedule$", latency_ms=3000)
    world.say(sis.scheduled("off-1", 10 * MINUTE), sis.booked("b-1", "off-1", "p1"))
    world.until(lambda: world.cirrus.faults()[0]["matched"], "a call that takes its time")
    with worker_beside(world, clock_off_by=off):
        world.heard("booking.confirmed", "b-1")
        world.settle()
        assert [call["operation"] for call in world.calls()] == ["POST /schedule"]
        assert world.types()["booking.confirmed"] == 1
