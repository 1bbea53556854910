"""Pacing: calls are spaced evenly, over all threads and all workers of one tenant."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from adapter.domain.pace import Limits, Sign, Slots, Trouble
from adapter.errors import LedgerUnavailable
from adapter.flow.own_pace import OwnPace
from adapter.flow.pacing import BLOCK, EVERY, LATE, Pacer
from adapter.ledger.paces import Seen
from tests.unit.flow_kit import TENANT, Watch

UNLIMITED = Limits()


@dataclass
class Shared:
    """A pace that several pacers share, and what they ask of it; it may be out of reach."""

    watch: Watch
    asked: list[int] = field(default_factory=list)
    away: bool = False

    def __post_init__(self) -> None:
        """Begin without trouble."""
        self.own = OwnPace(self.watch)

    def pacer(self, limits: Limits = UNLIMITED) -> Pacer:
        """Return the pacer of one more worker."""
        return Pacer(TENANT, limits, self, self.watch)

    def pace(self, tenant: str) -> Seen:
        """Return it."""
        self._reach()
        return self.own.pace(tenant)

    def take_slots(self, tenant: str, limits: Limits, wanted: int, *, urgent: bool) -> Slots:
        """Take moments."""
        self._reach()
        self.asked.append(wanted)
        return self.own.take_slots(tenant, limits, wanted, urgent=urgent)

    def slow_down(self, tenant: str, limits: Limits, sign: Sign) -> Seen:
        """Lower it."""
        self._reach()
        return self.own.slow_down(tenant, limits, sign)

    def _reach(self) -> None:
        if self.away:
            raise LedgerUnavailable("it is away")


@pytest.fixture
def shared() -> Shared:
    """Lend a pace."""
    return Shared(Watch())


def test_the_first_call_does_not_wait_and_the_next_ones_do(shared: Shared) -> None:
    """Four calls a second are a quarter of a second apart, whoever makes them."""
    pacers = [shared.pacer(Limits(4.0)), shared.pacer(Limits(4.0))]
    for number in range(4):
        pacers[number % 2].take(shared.watch.wait)
    assert shared.watch.waited == [0.25] * 3


def test_a_quiet_time_is_not_made_up_for(shared: Shared) -> None:
    """After a quiet minute there is no burst."""
    pacer = shared.pacer(Limits(40.0))
    for _ in range(3):
        pacer.take(shared.watch.wait)
    shared.watch.now += 60
    shared.watch.waited.clear()
    for _ in range(4):
        pacer.take(shared.watch.wait)
    assert shared.watch.waited == [0.025] * 3


def test_without_a_limit_and_trouble_nobody_waits_or_asks(shared: Shared) -> None:
    """0 is no limit, and costs no look into the ledger."""
    pacer = shared.pacer()
    shared.away = True
    for _ in range(100):
        pacer.take(shared.watch.wait)
    assert shared.watch.waited == []


def test_moments_that_are_all_used_are_taken_in_blocks(shared: Shared) -> None:
    """More and more at once, up to a quarter of a second's worth."""
    pacer = shared.pacer(Limits(40.0))
    for _ in range(1 + 2 + 4 + 8 + 10 + 10):
        pacer.take(shared.watch.wait)
    assert shared.asked == [1, 2, 4, 8, BLOCK * 40, BLOCK * 40]
    assert set(shared.watch.waited) == {0.025}


def test_moments_that_are_left_over_are_not_taken_again(shared: Shared) -> None:
    """Who needs few takes few: those that lapse are lost to the other workers, too."""
    pacer = shared.pacer(Limits(40.0))
    for _ in range(4):
        pacer.take(shared.watch.wait)
    for _ in range(3):
        shared.watch.now += 10
        pacer.take(shared.watch.wait)
    assert shared.asked == [1, 2, 4, 1, 2, 1]


def test_an_urgent_call_takes_no_moment_that_others_wait_for(shared: Shared) -> None:
    """It starts at once, and the ordinary ones that come later make up for it."""
    pacer = shared.pacer(Limits(2.0))
    for _ in range(4):
        shared.own.take_slots(TENANT, Limits(2.0), 1, urgent=False)
    pacer.take(shared.watch.wait, urgent=True)
    pacer.take(shared.watch.wait)
    assert shared.watch.waited == [2.5]


def test_a_process_that_froze_takes_a_new_moment(shared: Shared) -> None:
    """Its calls would else all start together when it thaws."""
    pacer = shared.pacer(Limits(4.0))
    pacer.take(shared.watch.wait)
    freezes = [LATE + 1.0, 0.0]

    def wait(seconds: float) -> None:
        shared.watch.wait(seconds + freezes.pop(0))

    shared.pacer(Limits(4.0)).take(wait)
    assert shared.asked == [1, 1, 1]


@pytest.mark.parametrize("limits", [UNLIMITED, Limits(4.0)])
def test_a_pause_that_cirrus_asked_for_holds_all_workers(shared: Shared, limits: Limits) -> None:
    """It counts without a limit, too; after it calls are made at half the pace."""
    told, other = shared.pacer(limits), shared.pacer(limits)
    told.throttled(30)
    told.refresh()
    other.refresh()
    assert (told.paused_for, other.paused_for) == (30, 30)
    for pacer in (told, other, told):
        pacer.take(shared.watch.wait)
    half = 2.0 if limits is UNLIMITED else 0.5
    assert shared.watch.waited == [30.0, half, pytest.approx(half, rel=0.1)]


def test_a_pause_holds_those_who_wait_for_their_moment(shared: Shared) -> None:
    """It is another thread that hears of it; the moments they had are over."""
    pacer = shared.pacer(Limits(4.0))
    pacer.take(shared.watch.wait)

    def wait(seconds: float) -> None:
        shared.watch.wait(seconds)
        if len(shared.watch.waited) == 1:
            pacer.throttled(30)
            pacer.refresh()

    pacer.take(wait)
    assert shared.watch.waited == [0.25, 30.0]


def test_a_shorter_pause_does_not_end_a_longer_one(shared: Shared) -> None:
    """Two threads that were both told to wait: the longer pause holds, here and elsewhere."""
    pacer, other = shared.pacer(), shared.pacer()
    pacer.throttled(30)
    pacer.throttled(5)
    pacer.refresh()
    other.throttled(5)
    other.refresh()
    assert (pacer.paused_for, other.paused_for) == (30, 30)


def test_trouble_is_told_when_the_ledger_is_back(shared: Shared) -> None:
    """Until then the worker that has heard of it keeps to it alone."""
    pacer, other = shared.pacer(), shared.pacer()
    shared.away = True
    pacer.throttled(30)
    with pytest.raises(LedgerUnavailable):
        pacer.refresh()
    assert pacer.paused_for == 30
    shared.away = False
    shared.watch.now += 1
    pacer.refresh()
    other.refresh()
    assert other.paused_for == 30


def test_without_the_ledger_nobody_goes_faster(shared: Shared) -> None:
    """Where there is a limit, no moment means no call."""
    shared.away = True
    with pytest.raises(LedgerUnavailable):
        shared.pacer(Limits(4.0)).take(shared.watch.wait)
    shared.away = False
    shared.pacer(Limits(4.0)).take(shared.watch.wait)
    assert shared.asked == [1]


def test_others_are_asked_what_they_know_once_a_second(shared: Shared) -> None:
    """A turn of the loop costs no look into the ledger of its own."""
    seen: list[tuple[float, Trouble | None]] = []
    pacer = Pacer(TENANT, Limits(4.0), shared, shared.watch, lambda *pace: seen.append(pace))
    for _ in range(10):
        pacer.refresh()
    assert seen == [(4.0, None)]
    shared.own.slow_down(TENANT, Limits(4.0), Sign(Trouble.SLOW))
    shared.watch.now += EVERY
    pacer.refresh()
    assert seen[1:] == [(pytest.approx(3.04), Trouble.SLOW)]


def test_calls_that_take_long_lower_the_pace(shared: Shared) -> None:
    """Not one of them, but many."""
    pacer = shared.pacer(Limits(4.0))
    pacer.answered("ReadSchedule", 0.5)
    pacer.answered("ReadSchedule", 60.0)
    pacer.refresh()
    assert shared.own.pace(TENANT).pace.lowered_by is None
    for _ in range(20):
        pacer.answered("ReadSchedule", 5.0)
    pacer.refresh()
    assert shared.own.pace(TENANT).pace.lowered_by == Trouble.SLOW


def test_a_tenant_without_a_limit_is_free_again_after_trouble(shared: Shared) -> None:
    """The calls of late are what the pace is lowered from; after the calm there is no limit."""
    pacer = shared.pacer()
    for _ in range(10):
        shared.watch.now += 0.1
        pacer.take(shared.watch.wait)
    pacer.throttled(1)
    pacer.refresh()
    for _ in range(3):
        pacer.take(shared.watch.wait)
    assert shared.watch.waited == [1.0, *[pytest.approx(0.2, rel=0.25)] * 2]
    shared.watch.now += 60
    asked = len(shared.asked)
    for _ in range(3):
        pacer.take(shared.watch.wait)
    assert (len(shared.watch.waited), len(shared.asked)) == (3, asked)


def test_who_is_told_to_stop_waits_no_longer(shared: Shared) -> None:
    """A stop ends every wait, however long the pause is."""
    pacer = shared.pacer()
    pacer.throttled(3600)
    waited: list[float] = []

    def stopped(seconds: float) -> bool:
        waited.append(seconds)
        return True

    pacer.take(stopped)
    assert waited == [3600]


def test_threads_share_the_slots() -> None:
    """Each moment is given away once, so that together they keep the rate."""
    shared = Shared(Watch())
    pacer = shared.pacer(Limits(10.0))
    waited: list[float] = []
    lock = threading.Lock()

    def wait(seconds: float) -> None:
        with lock:
            waited.append(round(seconds, 3))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pacer.take(wait), range(40)))
    assert sorted(waited) == [round(slot / 10, 3) for slot in range(1, 40)]
