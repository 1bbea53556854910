"""Pacing: how many calls a second one tenant's Cirrus gets from this process."""

import threading
from collections.abc import Callable


class Pacer:
    """Spaces calls evenly: `take` waits until the next one may start.

    `rate` is in calls a second, 0 for no limit. Cirrus has a fair-use policy instead of a limit
    (cirrus-api.md section 00), so there are no bursts either.
    """

    def __init__(self, rate: float, monotonic: Callable[[], float]) -> None:
        self._interval = 1.0 / rate if rate > 0 else 0.0
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._next = 0.0

    def take(self, wait: Callable[[float], object]) -> None:
        """Claim the next slot and wait for it; `wait` is told the seconds."""
        with self._lock:
            now = self._monotonic()
            slot = max(now, self._next)
            self._next = slot + self._interval
        if slot > now:
            wait(slot - now)

    def postpone(self, seconds: float) -> None:
        """Let no call start for so many seconds: Cirrus has asked for a pause."""
        with self._lock:
            self._next = max(self._next, self._monotonic() + seconds)
