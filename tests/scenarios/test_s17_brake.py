"""S17: most messages fail in the same way: the intake pauses, and the queue is not emptied into the dead letters."""

import json

import requests

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, Json, candidate
from tests.scenarios.world import INTAKE, World

FEWEST = 20
BAD = 30


def _braking(begin: Begin, **brake: float) -> World:
    world = begin(start=False)
    intake = world.settings.intake.model_copy(update={"brake_fewest": FEWEST, **brake})
    world.settings = world.settings.model_copy(update={"intake": intake})
    return world.start()


def _wrong(world: World, number: int) -> Json:
    return world.sis.event("exam.booked", f"wrong-{number}", {"renamed": "everything"})


def _ready(world: World) -> tuple[int, Json]:
    assert world.app is not None
    answer = requests.get(f"http://127.0.0.1:{world.app.ops_port}/readyz", timeout=10)
    return answer.status_code, json.loads(answer.text)


def test_a_wrong_deployment_does_not_empty_the_queue(begin: Begin) -> None:
    """S17: what put the brake on is buried, the rest stays in the queue; the process stays ready and says why."""
    world = _braking(begin, brake_pause_s=3600, brake_longest_s=3600)
    world.say(*(_wrong(world, number) for number in range(BAD)))
    world.until(lambda: world.metric("intake_paused", reason="bad-data"), "the intake is paused")
    world.until(lambda: world.unread(INTAKE) == BAD - FEWEST, "the rest is in the queue")
    assert len(world.dead_letters(FEWEST)) == FEWEST
    status, said = _ready(world)
    assert (status, said["status"]) == (200, "ready")
    assert "most messages fail as bad-data" in said["notes"]["intake"]
    world.stop()
    assert world.unread(INTAKE) == BAD - FEWEST


def test_the_intake_goes_on_when_what_it_tries_is_good(begin: Begin) -> None:
    """S17: a few at a time it comes to what was sent after the correction, and then all is as before."""
    world = _braking(begin, brake_pause_s=1, brake_longest_s=1)
    sis = world.sis
    world.say(*(_wrong(world, number) for number in range(BAD)))
    world.until(lambda: world.metric("intake_paused", reason="bad-data"), "the intake is paused")
    world.say(sis.scheduled("exam", 3 * DAY), *(sis.booked(f"b-{n}", "exam", f"p{n}") for n in range(10)))
    for number in range(10):
        world.heard("booking.confirmed", f"b-{number}", patience=60)
    assert world.seats("exam") == {candidate(f"p{n}") for n in range(10)}
    assert len(world.dead_letters(BAD)) == BAD
    assert world.metric("intake_paused") == 0
    assert "notes" not in _ready(world)[1]
