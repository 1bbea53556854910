"""The checks of the simulation can fail: each finds what it is there for when one fact is made wrong."""

from collections.abc import Callable, Iterator

import pytest

from adapter.domain.answers import NoAnswer
from adapter.domain.steps import ReadSchedule
from tests.simulation.checks import violations
from tests.simulation.choices import Choices
from tests.simulation.cirrus import Called
from tests.simulation.later import whole_story
from tests.simulation.world import World, world_of
from tests.values import replace

STORY = Choices(seed=5, length=22, poison=1, rate=1.0)
READ = ReadSchedule("x1")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Lend a calm story that has ended well; each test undoes what it does to it."""
    with world_of(STORY) as ended:
        assert whole_story(ended)
        assert violations(ended) == []
        yield ended


Doctor = Callable[[World], Callable[[], object]]


def lose_an_event(world: World) -> Callable[[], object]:
    """Say one more event than the ledger knows."""
    world.said.add("lost")
    return lambda: world.said.discard("lost")


def ack_too_early(world: World) -> Callable[[], object]:
    """Have the broker forget a message that was not stored."""
    world.early_acks.append("e1")
    return world.early_acks.clear


def forget_a_dead_letter(world: World) -> Callable[[], object]:
    """Lose the dead letter of a message that nobody could read."""
    letter = world.broker.dead.pop()
    return lambda: world.broker.dead.append(letter)


def empty_a_seat(world: World) -> Callable[[], object]:
    """Take somebody off a schedule who should be there."""
    held = next(held for held in world.cirrus.rules.schedules.values() if held.seats)
    who = held.seats.pop()
    return lambda: held.seats.add(who)


def seat_a_stranger(world: World) -> Callable[[], object]:
    """Put somebody on a schedule who has not booked."""
    held = next(iter(world.cirrus.rules.schedules.values()))
    held.seats.add("Sstranger")
    return lambda: held.seats.discard("Sstranger")


def make_a_user_twice(world: World) -> Callable[[], object]:
    """Count a user as made once more."""
    made = next(name for name in world.cirrus.effects if name[0] == "user")
    world.cirrus.effects[made] += 1
    return lambda: world.cirrus.effects.subtract([made])


def lose_an_outcome(world: World) -> Callable[[], object]:
    """Lose the last outcome that was published."""
    message = world.broker.outcomes.pop()
    return lambda: world.broker.outcomes.append(message)


def tell_another_content(world: World) -> Callable[[], object]:
    """Tell an outcome once more under its id, with another content."""
    message = world.broker.outcomes[0]
    world.broker.outcomes.append(replace(message, body=message.body.replace(b'"data":{', b'"data":{"x":1,')))
    return world.broker.outcomes.pop


def hurry(world: World) -> Callable[[], object]:
    """Make many calls in a moment."""
    return _call(world, *((1000.0 + number / 1000, 1000.0 + number / 1000) for number in range(20)))


def crowd(world: World) -> Callable[[], object]:
    """Make more calls at once than there are places."""
    return _call(world, *((2000.0 + number, 2100.0) for number in range(5)))


def probe_twice(world: World) -> Callable[[], object]:
    """Ask a Cirrus that is down two questions at once."""
    return _call(
        world, *((3000.0 + number, 3000.5 + number) for number in range(5)), (3010.0, 3013.0), (3011.0, 3014.0)
    )


def admit_a_mistake(world: World) -> Callable[[], object]:
    """Log that a loop has failed."""
    world.mistakes.append("loop_failed")
    return world.mistakes.clear


def change_a_score(world: World) -> Callable[[], object]:
    """Have Cirrus show another score than the one that was told last."""
    whose, shown = next(iter(world.cirrus.rules.results.items()))
    world.cirrus.rules.results[whose] = (replace(shown[0], score=1.0),)
    return lambda: world.cirrus.rules.results.update({whose: shown})


def _call(world: World, *spans: tuple[float, float]) -> Callable[[], object]:
    before = len(world.cirrus.calls)
    world.cirrus.calls += [Called("w1", began, ended, READ, NoAnswer()) for began, ended in spans]

    def undo() -> None:
        del world.cirrus.calls[before:]

    return undo


@pytest.mark.parametrize(
    ("doctor", "finding"),
    [
        (lose_an_event, "event lost: in the ledger False, dead False"),
        (ack_too_early, "event e1 was acknowledged too early"),
        (forget_a_dead_letter, "poison-0 was not dead-lettered"),
        (empty_a_seat, "has no seat"),
        (seat_a_stranger, "are seated without a booking"),
        (make_a_user_twice, "came about 2 times"),
        (lose_an_outcome, "was not told"),
        (tell_another_content, "was told with two contents"),
        (hurry, "calls within 4 s"),
        (crowd, "calls at once"),
        (probe_twice, "while a probe was out"),
        (admit_a_mistake, "loop_failed"),
        (change_a_score, "was last told as"),
    ],
)
def test_a_wrong_fact_is_found(world: World, doctor: Doctor, finding: str) -> None:
    """One fact that is wrong is one line that says so."""
    undo = doctor(world)
    found = violations(world)
    undo()
    assert any(finding in broken for broken in found), found
    assert violations(world) == []
