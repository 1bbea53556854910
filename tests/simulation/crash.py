"""Crash at every step: the calm run, stopped dead at one numbered point, must end as if nothing had happened."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handlers.said import OF_THE_GUARD
from tests.simulation.choices import Choices, Guarded
from tests.simulation.later import whole_story
from tests.simulation.world import World, world_of

CALM = {
    "before_start": Choices(seed=7, length=18, repeats=3, poison=1, linger=2.0, mode="before_start", batch=2),
    "at_once": Choices(seed=11, length=18, repeats=3, poison=1, linger=2.0, mode="at_once", batch=2, results=False),
    "held": Choices(seed=7, length=18, repeats=3, linger=2.0, results=False, guard=Guarded(1.0, 1, 1, "approved")),
}
"""The runs that are stopped: all is said within a moment, and nothing is converged before all of it is stored.

So a stop has nothing to show for itself but calls that are made again: what Cirrus confirms in between would be told.
"""


@dataclass(frozen=True)
class End:
    """What a run comes to, whichever way it went."""

    users: Any
    schedules: Any
    outcomes: frozenset[tuple[str, str, str]]
    events: tuple[tuple[str, str], ...]
    records: tuple[tuple[str, str, str], ...]
    tasks: tuple[tuple[str, str], ...]
    dead: frozenset[str]

    @classmethod
    def of(cls, world: World) -> "End":
        """Look at everything that others can see, and at what the ledger believes."""
        rules = world.cirrus.rules
        return cls(
            users=dict(rules.users),
            schedules={
                name: (held.schedule, held.activated, frozenset(held.seats)) for name, held in rules.schedules.items()
            },
            outcomes=frozenset(
                (kind, subject, "" if kind in OF_THE_GUARD else name)  # whose ids name the moment of the question
                for kind, subject, name in world.rows("SELECT type, subject, id FROM outbox")
            ),
            events=tuple(
                sorted(tuple(row) for row in world.rows("SELECT id, type FROM messages WHERE source = 'urn:sis'"))
            ),
            records=tuple(sorted(tuple(row) for row in world.rows("SELECT kind, key, status FROM records"))),
            tasks=tuple(
                sorted(tuple(row) for row in world.rows("SELECT name, key FROM tasks WHERE closed_at IS NULL"))
            ),
            dead=frozenset(letter.id for letter in world.broker.dead),
        )


@dataclass(frozen=True)
class Calm:
    """The calm run: how it ends, and its points in the order in which it passes them."""

    name: str
    end: End
    points: int
    calls: Counter[str]


def calm_run(name: str) -> Calm:
    """Run one of the stories without a stop."""
    with world_of(CALM[name]) as world:
        assert whole_story(world, scores=(60.0,)), "the calm run comes to rest"
        (worker,) = world.workers
        seen = worker.points.seen
        calls = Counter(
            {name.removeprefix("before "): times for name, times in seen.items() if name.startswith("before")}
        )
        return Calm(name, End.of(world), worker.points.reached, calls)


def differences(calm: Calm, point: int) -> list[str]:
    """Stop at one point, start again, and name what ends in another way."""
    return list(_differences(calm, point))


def _differences(calm: Calm, point: int) -> Iterator[str]:
    with world_of(CALM[calm.name]) as world:
        world.fatal = point
        rests = whole_story(world, scores=(60.0,))
        where = f"stopped at point {point} ({world.stopped_at})"
        if world.started < 2:
            yield f"point {point} was never reached"
        if not rests:
            yield f"{where}: no rest"
            return
        end = End.of(world)
        for name in End.__dataclass_fields__:
            if getattr(end, name) != getattr(calm.end, name):
                yield f"{where}: {name} are {getattr(end, name)}, in the calm run {getattr(calm.end, name)}"
        yield from (f"{where}: {mistake}" for mistake in world.mistakes)
