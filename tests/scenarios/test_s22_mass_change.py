"""S22: the SIS sends an accidental mass cancellation."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, candidate
from tests.scenarios.world import World

BOOKED = 40
CANCELLED = 30
EXAM = "off-1"
DRAFTS: dict[str, Any] = {"policy": {"mode": "before_start"}}
"""In a draft a seat can be given up by API, so what is not held is seen to go."""


def booked_exam(world: World) -> None:
    """Let everybody have a seat in the exam."""
    world.make_hierarchy()
    people = [f"p{number}" for number in range(BOOKED)]
    world.say(world.sis.scheduled(EXAM, 3 * DAY), *[world.sis.enrolled(who) for who in people])
    world.say(*[world.sis.booked(f"b-{who}", EXAM, who) for who in people])
    world.until(lambda: len(world.seats(EXAM)) == BOOKED, "everybody is seated")
    world.settle()


def cancel(world: World, numbers: range) -> None:
    """Cancel these people's bookings."""
    world.say(*[world.sis.cancelled(f"b-p{number}", EXAM, f"p{number}") for number in numbers])


def held(world: World) -> int:
    """Count what is held by open questions."""
    return sum(len(hold.held) for hold in world.ledger.holds())


def mass_cancellation(begin: Begin, delay: float = 2) -> World:
    """Return a world in which most of an exam's bookings were cancelled, in three parts, and held."""
    world = begin(tenant={"guard": {"delay_s": delay}}, **DRAFTS)
    booked_exam(world)
    for first in range(0, CANCELLED, 10):
        cancel(world, range(first, first + 10))
    world.until(lambda: held(world) == CANCELLED, "all of it is held")
    world.until(lambda: len(world.outcomes("change.held")) == CANCELLED, "the SIS is told")
    return world


def decide(world: World, folder: Path, *arguments: str) -> dict[str, Any]:
    """Decide by the command line, as an operator would."""
    file = folder / "operator.toml"
    url = world.settings.ledger.read_url()
    file.write_text(
        f'[ledger]\nurl = "{url}"\n[tenants.uni]\nname = "uni.example"\nbase_url = "{world.server.url}"\n'
        'token = "token-of-uni"\nmapping.default_hierarchy = { id = "ROOT", name = "ROOT" }\n',
        "utf-8",
    )
    program = Path(sys.executable).with_name("cirrus-adapter")
    done = subprocess.run(
        [program, "hold", *arguments, "--json", "--config", file], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    answer: dict[str, Any] = orjson.loads(done.stdout)
    return answer


def test_an_accidental_mass_cancellation_removes_nothing(begin: Begin) -> None:
    """S22: 30 of 40 are cancelled in three batches: nothing is removed, one question is open, the SIS knows of each."""
    world = mass_cancellation(begin)
    assert len(world.seats(EXAM)) == BOOKED
    assert world.calls("DELETE") == []
    assert world.outcomes("booking.cancelled") == []
    (hold,) = world.ledger.holds()
    assert hold.sitting == EXAM
    assert world.metric("messages_handled_total", outcome="held") == CANCELLED
    world.until(lambda: world.metric("holds_open", tenant="uni.example") == 1, "the alert's gauge", patience=40)
    told = world.outcomes("change.held", "b-p0")
    assert [outcome.data["holdId"] for outcome in told] == [hold.id]


def test_approved_everything_is_removed(begin: Begin, tmp_path: Path) -> None:
    """S22: it was meant: the operator approves, all seats are given up, and the SIS hears of each."""
    world = mass_cancellation(begin)
    (hold,) = world.ledger.holds()
    decided = decide(world, tmp_path, "approve", hold.id, "--why", "meant", "--by", "registrar")
    assert decided == {"decision": "approved", "removals": {hold.id: CANCELLED}}
    world.until(lambda: len(world.seats(EXAM)) == BOOKED - CANCELLED, "the seats are given up")
    world.until(lambda: len(world.outcomes("booking.cancelled")) == CANCELLED, "the SIS hears of each")
    assert world.ledger.holds() == []


def test_discarded_everybody_keeps_the_seat(begin: Begin, tmp_path: Path) -> None:
    """S22: it was a mistake: all stay, the SIS is told that it differs, and a restart changes nothing about that."""
    world = mass_cancellation(begin)
    decide(world, tmp_path, "discard", "--exam", EXAM, "--why", "a wrong import", "--by", "registrar")
    world.until(lambda: len(world.outcomes("change.discarded")) == CANCELLED, "the SIS is told of each")
    world.stop()
    world.start()
    cancel(world, range(CANCELLED))
    world.settle()
    assert len(world.seats(EXAM)) == BOOKED
    assert world.outcomes("booking.cancelled") == []
    assert world.ledger.holds() == []


def test_what_is_held_survives_a_restart_and_yields_to_the_sis(begin: Begin) -> None:
    """S22: after a restart all is still held; who is booked again stays seated, whatever is decided about the rest."""
    world = mass_cancellation(begin)
    world.stop()
    world.start()
    world.say(world.sis.booked("b-p0", EXAM, "p0"))
    world.until(lambda: held(world) == CANCELLED - 1, "what the SIS took back is not held")
    (hold,) = world.ledger.holds()
    assert {kept.change.ref.key for kept in hold.held} == {f"b-p{n}" for n in range(1, CANCELLED)}
    world.settle()
    assert len(world.seats(EXAM)) == BOOKED


@pytest.mark.parametrize("mode", ["at_once", "before_start"])
def test_an_ordinary_days_cancellations_pass(begin: Begin, mode: str) -> None:
    """S22: a few cancellations go their way without a question: off the draft, or as tasks for a person."""
    world = begin(policy={"mode": mode})
    booked_exam(world)
    cancel(world, range(5))
    if mode == "before_start":
        world.until(lambda: len(world.seats(EXAM)) == BOOKED - 5, "five seats are given up")
        world.heard("booking.cancelled", "b-p4")
    else:
        for number in range(5):
            assert world.heard("task.raised", f"b-p{number}").data["kind"] == "remove-candidate"
    assert world.ledger.holds(closed=True) == []
    assert candidate("p39") in world.seats(EXAM)
