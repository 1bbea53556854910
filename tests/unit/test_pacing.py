"""Pacing: calls are spaced evenly, over all threads of one tenant."""

import threading
from concurrent.futures import ThreadPoolExecutor

from adapter.flow.pacing import Pacer


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
