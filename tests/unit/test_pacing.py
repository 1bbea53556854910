"""Pacing: calls are spaced evenly, over all threads of one tenant."""

import threading
from concurrent.futures import ThreadPoolExecutor

from adapter.flow.pacing import KEPT_FOR_URGENT, LONGEST_WAIT, SAVED, Pacer, Retries


class Watch:
    """Seconds that pass only while somebody waits."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let them pass."""
        self.waited.append(round(seconds, 6))
        self.now += seconds


def test_the_first_call_does_not_wait_and_the_next_ones_do() -> None:
    """Four calls a second are a quarter of a second apart."""
    watch = Watch()
    pacer = Pacer(4.0, watch)
    for _ in range(4):
        pacer.take(watch.wait)
    assert watch.waited == [0.25] * 3


def test_a_pause_is_not_made_up_for() -> None:
    """After a quiet time there is no burst."""
    watch = Watch()
    pacer = Pacer(4.0, watch)
    pacer.take(watch.wait)
    watch.now += 60
    for _ in range(3):
        pacer.take(watch.wait)
    assert watch.waited == [0.25] * 2


def test_without_a_rate_nobody_waits() -> None:
    """0 is no limit."""
    watch = Watch()
    pacer = Pacer(0.0, watch)
    for _ in range(100):
        pacer.take(watch.wait)
    assert watch.waited == []


def test_a_pause_that_cirrus_asked_for_holds_all_calls() -> None:
    """The next call starts after the pause, and the ones behind it keep their distance."""
    watch = Watch()
    pacer = Pacer(4.0, watch)
    pacer.postpone(30)
    pacer.take(watch.wait)
    pacer.take(watch.wait)
    assert watch.waited == [30.0, 0.25]


def test_a_pause_is_kept_without_a_rate() -> None:
    """Retry-After counts for a tenant without a limit of its own, too."""
    watch = Watch()
    pacer = Pacer(0.0, watch)
    pacer.postpone(30)
    pacer.take(watch.wait)
    assert watch.waited == [30.0]


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """Two threads that were both told to wait: the longer pause holds."""
    watch = Watch()
    pacer = Pacer(4.0, watch)
    pacer.postpone(30)
    pacer.postpone(5)
    pacer.take(watch.wait)
    assert watch.waited == [30.0]


def test_threads_share_the_slots() -> None:
    """Each slot is given away once, so that together they keep the rate."""
    waited: list[float] = []
    lock = threading.Lock()

    def wait(seconds: float) -> None:
        with lock:
            waited.append(round(seconds, 3))

    pacer = Pacer(10.0, lambda: 0.0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pacer.take(wait), range(40)))
    assert sorted(waited) == [round(slot / 10, 3) for slot in range(1, 40)]


def spent(watch: Watch, retries: Retries) -> Pacer:
    """Return a pacer whose budget of retries is spent, but for a part of one."""
    pacer = Pacer(0.0, watch, retries)
    for _ in range(int(SAVED)):
        assert pacer.retry(urgent=True) == 0
    return pacer


def test_retries_are_a_share_of_the_fresh_calls() -> None:
    """A hundred fresh calls pay for twenty retries, and no more, however many ask."""
    pacer = spent(Watch(), Retries(share=0.2, a_second=1e-9))
    granted = 0
    for _ in range(100):
        pacer.earn()
        granted += pacer.retry(urgent=True) == 0
        pacer.retry(urgent=True)
    assert granted == 20


def test_some_retries_are_granted_in_any_case() -> None:
    """Without fresh work what failed still comes to its end, at the rate of the settings."""
    watch = Watch()
    pacer = spent(watch, Retries(share=0.0, a_second=2.0))
    granted = 0
    for _ in range(100):
        watch.now += 0.1
        granted += pacer.retry(urgent=True) == 0
    assert granted == 20


def test_a_quiet_time_saves_up_no_burst() -> None:
    """After a day of nothing there are as many retries as after a minute."""
    watch = Watch()
    pacer = Pacer(0.0, watch, Retries(a_second=1.0))
    watch.now += 86_400
    for _ in range(1000):
        pacer.earn()
    assert sum(pacer.retry(urgent=True) == 0 for _ in range(100)) == SAVED


def test_the_last_of_the_budget_is_for_urgent_work() -> None:
    """When little is left, an exam within the hour goes before one of next week."""
    watch = Watch()
    pacer = Pacer(0.0, watch, Retries())
    while not pacer.retry(urgent=False):
        pass
    assert sum(pacer.retry(urgent=True) == 0 for _ in range(100)) == KEPT_FOR_URGENT


def test_those_who_find_nothing_left_come_back_one_by_one() -> None:
    """Each is told a later time, up to a minute; urgent work asks again as soon as there may be one."""
    pacer = spent(Watch(), Retries(a_second=0.5))
    assert [pacer.retry(urgent=False) for _ in range(3)] == [2.0, 4.0, 6.0]
    assert pacer.retry(urgent=True) == 2.0
    for _ in range(100):
        pacer.retry(urgent=False)
    assert pacer.retry(urgent=False) == LONGEST_WAIT
