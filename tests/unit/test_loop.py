"""The loop: it turns until told to stop, and nothing that a turn does can end it."""

import threading
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from adapter.errors import BrokerUnavailable, LedgerConflict, LedgerUnavailable
from adapter.flow.loop import FIRST_PAUSE, LONGEST_PAUSE, Loop
from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics
from tests.contract.ledger_kit import NOW
from tests.unit.flow_kit import PATIENCE, Unhurried


class Turning:
    """Turns that do what they are told, one after the other, and stop the loop after the last."""

    def __init__(self, *turns: Callable[[], None]) -> None:
        """Wire a loop around the turns."""
        self.stop = Unhurried()
        self.beats = 0
        self._turns = iter(turns)
        heartbeats = Heartbeats((), Metrics(CollectorRegistry()), lambda: NOW, self._count)
        self.loop = Loop("intake", self._turn, heartbeats, self.stop)

    def run(self) -> None:
        """Run to the end."""
        self.loop.start()
        assert self.loop.join(PATIENCE)

    def _turn(self) -> None:
        turn = next(self._turns, None)
        if turn is None:
            self.stop.set()
            raise RuntimeError("the end of the test")
        turn()

    def _count(self) -> float:
        self.beats += 1
        return 0.0


def fine() -> None:
    """Do nothing."""


def failing(error: BaseException) -> Callable[[], None]:
    """Return a turn that raises."""

    def turn() -> None:
        raise error

    return turn


@pytest.mark.parametrize(
    "error",
    [
        LedgerUnavailable("away"),
        BrokerUnavailable("away"),
        LedgerConflict("busy"),
        RuntimeError("a mistake"),
        AssertionError("a mistake"),
        RecursionError("too deep"),
    ],
)
def test_no_error_ends_it(error: Exception) -> None:
    """After any error there is a pause and then the next turn."""
    turning = Turning(failing(error), fine)
    turning.run()
    waits = isinstance(error, LedgerUnavailable | BrokerUnavailable)
    assert (turning.beats, turning.stop.waited[0]) == (1 + waits, FIRST_PAUSE)


def test_pauses_double_up_to_a_bound_and_start_anew() -> None:
    """A ledger that is away for hours is not asked twice a second; after a good turn the pause is short again."""
    away = failing(LedgerUnavailable("away"))
    turning = Turning(*[away] * 8, fine, away)
    turning.run()
    expected = [0.5, 1.0, 2.0, 4.0, 8.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, FIRST_PAUSE]
    assert turning.stop.waited[:9] == expected


def test_a_loop_that_fails_for_good_does_not_beat() -> None:
    """It is seen as stalled, and the process is restarted."""
    turning = Turning(fine, failing(RuntimeError("a mistake")), fine, failing(LedgerConflict("busy")))
    turning.run()
    assert turning.beats == 2


def test_a_loop_that_waits_for_the_ledger_or_the_broker_beats() -> None:
    """An outage of either is waited for: a restart would help nobody, and the start would fail."""
    turning = Turning(failing(LedgerUnavailable("away")), failing(BrokerUnavailable("away")))
    turning.run()
    assert turning.beats == 2


@pytest.fixture
def endless() -> Iterator[tuple[Loop, threading.Event, threading.Event]]:
    """Lend a loop whose turn lasts until the test releases it."""
    stop, release = threading.Event(), threading.Event()
    metrics = Metrics(CollectorRegistry())
    loop = Loop(
        "intake", lambda: assert_true(release.wait(PATIENCE)), Heartbeats((), metrics, lambda: NOW, lambda: 0.0), stop
    )
    yield loop, stop, release
    release.set()
    stop.set()
    loop.join(PATIENCE)


def assert_true(value: object) -> None:
    """Fail unless the value is true."""
    assert value


def test_a_stop_waits_for_the_turn_and_not_for_ever(endless: tuple[Loop, threading.Event, threading.Event]) -> None:
    """`join` says whether the loop has ended; a turn under way is not cut off."""
    loop, stop, release = endless
    loop.start()
    stop.set()
    assert not loop.join(0.05)
    release.set()
    assert loop.join(PATIENCE)
