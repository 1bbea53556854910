"""The mass-change guard: its loop, and the law that keeping back changes nothing about where everything ends."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.cli.dry_run import SCRATCH
from adapter.domain.policy import GuardPolicy, Policy
from adapter.domain.version import Rank
from adapter.flow.guard import BATCH, Guard
from adapter.ledger.database import Database
from adapter.ledger.holds import Selection
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from adapter.ledger.migrate import migrate
from adapter.ledger.sealing import Seal
from tests.contract.ledger_kit import (
    TENANT,
    MovedClock,
    booked,
    booking,
    cancelled,
    change,
    said,
    scheduled,
    sitting,
)

GUARDED = Policy(guard=GuardPolicy(least=1, share=25, delay=timedelta(seconds=30)))
UNGUARDED = Policy(guard=None)


class Holding:
    """A ledger that holds and carries out as many removals as it is told, in turn."""

    def __init__(self, held: list[int], released: list[int]) -> None:
        """Prepare the answers."""
        self.held, self.released = held, released
        self.asked: list[str] = []

    def watch_removals(self, tenant: str, _policy: Policy) -> int:
        """Hold."""
        self.asked.append(f"watch {tenant}")
        return self.held.pop(0) if self.held else 0

    def release_removals(self, tenant: str, _policy: Policy, limit: int) -> int:
        """Carry out."""
        self.asked.append(f"release {tenant} {limit}")
        return self.released.pop(0) if self.released else 0


class Waking(Event):
    """An event that nobody waits for; it counts who would have."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        """Count."""
        assert timeout is not None
        self.waits += 1
        return False


def loop(ledger: Holding, *tenants: str) -> tuple[Guard, Waking, list[str]]:
    """Return a loop over a ledger, what it waits with, and whom it wakes."""
    woken: list[str] = []
    wake = Waking()
    guard = Guard(
        ledger,  # type: ignore[arg-type]
        dict.fromkeys(tenants, GUARDED),
        nudge=lambda: woken.append("converge"),
        told=lambda: woken.append("publish"),
        stop=Event(),
        wake=wake,
    )
    return guard, wake, woken


def test_each_tenant_is_watched_before_anything_of_it_is_carried_out() -> None:
    """What is due may be part of something larger, so the count comes first; then everybody may rest."""
    ledger = Holding([], [])
    guard, wake, woken = loop(ledger, "a", "b")
    guard.turn()
    assert ledger.asked == ["watch a", f"release a {BATCH}", "watch b", f"release b {BATCH}"]
    assert (wake.waits, woken) == (1, [])


def test_those_who_go_on_with_it_are_woken() -> None:
    """What was held is to be told, and what was carried out is to be brought to Cirrus."""
    guard, _, woken = loop(Holding([3], [2]), "a")
    guard.turn()
    assert woken == ["publish", "converge"]


def test_a_full_batch_is_followed_by_the_next_at_once() -> None:
    """An approved mass change is carried out without pauses."""
    guard, wake, _ = loop(Holding([], [BATCH, BATCH, 7]), "a")
    for _turn in range(3):
        guard.turn()
    assert wake.waits == 1


def test_a_nudge_ends_the_wait() -> None:
    """Intake tells the loop that there may be something to keep back."""
    guard, wake, _ = loop(Holding([], []), "a")
    guard.nudge()
    assert wake.is_set()
    guard.turn()
    assert not wake.is_set()


SAYINGS = ("book", "cancel", "call off", "take place")
Saying = tuple[str, int, int]
"""What is said, in which minute, and in which of two ways."""

sayings = st.tuples(st.sampled_from(SAYINGS), st.integers(1, 6), st.integers(0, 1))


@dataclass
class Desk:
    """One ledger in memory for all examples; each has names of its own."""

    ledger: Ledger
    clock: MovedClock
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Lend a migrated ledger."""
    clock = MovedClock()
    database = Database(SCRATCH, clock, monotonic, observe=lambda *_: None)
    migrate(database)
    yield Desk(Ledger(database, source="urn:test", seal=Seal(), worker="w1"), clock)
    database.close()


@given(st.lists(sayings, max_size=6), st.lists(st.sampled_from(["wait", "look", "approve"]), min_size=6, max_size=6))
@settings(max_examples=30)
def test_kept_back_and_carried_out_all_ends_as_without_a_guard(
    desk: Desk, said_so: list[Saying], between: list[str]
) -> None:
    """Whatever is kept, held and approved on the way: when all is carried out, the records say what they would have."""
    assert outcome(desk, said_so, between, GUARDED) == outcome(desk, said_so, between, UNGUARDED)


def outcome(desk: Desk, said_so: list[Saying], between: list[str], policy: Policy) -> Mapping[str, Any]:
    """Take the events in, one by one, and return what the records say when nothing is kept back any more."""
    example = f"{next(desk.numbers)}"
    ledger, policies = desk.ledger, {TENANT: policy}
    start = said(f"{example}-s", scheduled(example, start=desk.clock.now + timedelta(days=7)))
    ledger.store_batch([start, event(example, "0", ("book", 0, 0))], policies)
    for number, (saying, then) in enumerate(zip(said_so, between, strict=False), start=1):
        ledger.store_batch([event(example, f"{number}", saying)], policies)
        look(desk, policy, then)
    look(desk, policy, "approve")
    histories = {each.record.ref: each for each in ledger.explain(example)}
    assert {history.kept for history in histories.values()} == {()}
    return {
        facet: ({**one.data, "sitting": ""}, one.version.time, one.version.rank)
        for ref in (booking(example), sitting(example))
        for facet, one in histories[ref].record.facets.items()
        if facet != "timetable"
    }


def event(example: str, number: str, saying: Saying) -> Incoming:
    """Return an event about the booking or the exam of an example."""
    what, minute, way = saying
    name = f"{example}-{number}"
    match what:
        case "book":
            return said(name, booked(example, example, extra=way), minute=minute, rank=Rank.CREATE)
        case "cancel":
            return cancelled(name, example, example, minute=minute, reason=way)
        case "call off":
            return said(name, change(sitting(example), "life", canceled=True), minute=minute, rank=Rank.CANCEL)
        case _:
            return said(name, change(sitting(example), "life", canceled=False), minute=minute)


def look(desk: Desk, policy: Policy, then: str) -> None:
    """Let time pass, look as the loop does, and say yes to everything if told to."""
    if then == "wait":
        return
    desk.clock.advance(31)
    desk.ledger.watch_removals(TENANT, policy)
    if then == "approve":
        desk.ledger.decide(Selection(), "approved", by="test", why="law")
    desk.ledger.release_removals(TENANT, policy, 100)
