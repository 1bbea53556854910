"""S13: hours of maintenance or errors of Cirrus: calls stop, intake goes on, and then calls begin again slowly."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, Json, candidate
from tests.scenarios.world import World

EXAMS = [f"off-{number}" for number in range(12)]
SLOW = timedelta(seconds=0.95)
TROUBLES = {
    "maintenance": {"kind": "maintenance", "retry_after": 1},
    "5xx": {"kind": "status", "status": 500},
    "hang": {"kind": "hang"},
}


def _book_everybody(world: World) -> None:
    sis = world.sis
    for number, exam in enumerate(EXAMS):
        world.say(sis.scheduled(exam, (3 + number) * DAY), sis.booked(f"b-{exam}", exam, f"p-{exam}"))


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_outage_stops_the_calls_and_nothing_else(begin: Begin, trouble: str) -> None:
    """S13: a few calls show that Cirrus is down; then one probe at a time, all events kept, no dead letter."""
    world = begin(policy={"linger_s": 0}, tenant={"read_timeout_s": 0.3})
    order: dict[str, Any] = dict(TROUBLES[trouble])
    world.cirrus.fault(order.pop("kind"), count=None, **order)
    _book_everybody(world)
    world.until(lambda: world.metric("cirrus_tenant_halted", reason="outage"), "the outage is seen")
    calls = len(world.calls())
    world.until(lambda: len(world.calls()) >= calls + 3, "Cirrus is probed")
    assert world.metric("cirrus_circuit_state", state="closed") == 0
    assert world.metric("messages_handled_total", outcome="applied") == 2 * len(EXAMS)
    assert world.dead_letters(0) == []
    assert world.cirrus.tally()["calls"] < 3 * len(EXAMS), "no retry storm"

    world.say(world.sis.booked("b-late", EXAMS[0], "p-late"))
    world.until(lambda: world.metric("messages_handled_total", outcome="applied") == 2 * len(EXAMS) + 1, "it is stored")
    world.cirrus.clear_faults()
    for exam in EXAMS:
        world.heard("booking.confirmed", f"b-{exam}", patience=60)
    world.heard("booking.confirmed", "b-late", patience=60)
    world.settle(patience=60)
    assert world.seats(EXAMS[0]) == {candidate(f"p-{EXAMS[0]}"), candidate("p-late")}
    assert world.types()["booking.confirmed"] == len(EXAMS) + 1
    assert world.metric("cirrus_circuit_state", state="closed") == 1
    assert world.dead_letters(0) == []


def test_after_an_outage_calls_begin_again_in_growing_numbers(begin: Begin) -> None:
    """S13: first one exam alone, then two at once, then four: the backlog does not fall on Cirrus as a whole."""
    world = begin(policy={"linger_s": 0}, sandbox={"latency_ms": 1000.0})
    world.cirrus.fault("status", status=503, count=None)
    _book_everybody(world)
    world.until(lambda: world.metric("cirrus_tenant_halted", reason="outage"), "the outage is seen")
    failed = len(world.calls())
    world.until(lambda: len(world.calls()) >= failed + 2, "Cirrus is probed")
    world.cirrus.clear_faults()
    for exam in EXAMS:
        world.heard("booking.confirmed", f"b-{exam}", patience=60)
    good = [call for call in world.calls() if call["fault"] is None]
    arrived = [datetime.fromisoformat(call["time"]) for call in good]
    begun: set[str] = set()
    for number, call in enumerate(good):
        begun.add(_exam_of(call))
        # Each call takes a second at least, so those that arrived within less were under way at once.
        at_once = sum(arrived[number] - moment < SLOW for moment in arrived[: number + 1])
        allowed = next(size for size in (1, 2, 4, 8) if len(begun) < 2 * size)
        assert at_once <= allowed, (number, at_once)
    assert begun == set(EXAMS)


def _exam_of(call: Json) -> str:
    (exam,) = {exam for exam in EXAMS if exam in call["path"].split("/") or f'"{exam}"' in call["body"]}
    return exam
