"""Retries: how many calls may be repeats of what failed, over all work of one tenant."""

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retries:
    """How much may be tried again: a `share` of the fresh calls, and so many `a_second` in any case."""

    share: float = 0.2
    a_second: float = 1.0


SAVED = 20.0
"""Retries that may be saved up, at most: a quiet hour is no reason for a burst."""

KEPT_FOR_URGENT = SAVED / 4
"""Saved retries that only urgent work may use."""

LONGEST_WAIT = 60.0
"""Seconds after which work that found no retry left asks again, at the latest."""


class Budget:
    """Keeps the budget of retries of one tenant in this process.

    It is one for all work: pauses that grow for each record alone would let a Cirrus that fails every third call have
    a third more calls, and the more records fail, the more.
    """

    def __init__(self, retries: Retries, monotonic: Callable[[], float]) -> None:
        self._retries = retries
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._saved = SAVED
        self._counted_at = monotonic()
        self._queue_ends = 0.0

    def earn(self) -> None:
        """Note a fresh call: it pays for a share of a retry."""
        with self._lock:
            self._saved = min(SAVED, self._saved + self._retries.share)

    def retry(self, *, urgent: bool) -> float:
        """Use one retry and return 0; or use none, and return the seconds after which to ask again.

        Those who are sent away are told later and later times, so that they do not come back together.
        """
        with self._lock:
            now = self._monotonic()
            earned = (now - self._counted_at) * self._retries.a_second
            self._saved = min(SAVED, self._saved + earned)
            self._counted_at = now
            if self._saved >= (1.0 if urgent else 1.0 + KEPT_FOR_URGENT):
                self._saved -= 1.0
                return 0.0
            each = 1.0 / self._retries.a_second
            if urgent:
                return each
            self._queue_ends = min(max(now, self._queue_ends) + each, now + LONGEST_WAIT)
            return self._queue_ends - now
