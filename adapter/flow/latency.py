"""Latency: tells a Cirrus that becomes slow from calls that always take long."""

MEMORY = 128
"""Calls of one kind that make up what is usual; a Cirrus that stays slow is the usual one after some hundreds."""

RECENT = 16
"""Calls of any kind that make up what is so now: one slow call says nothing."""

SLOW = 2.0
"""How many times as long as usual the recent calls take, from which on Cirrus counts as slow."""

FLOOR = 0.5
"""Seconds that are fast enough, whatever is usual."""


class Latency:
    """Compares each call with what calls of its kind usually take; not safe to use from several threads."""

    def __init__(self) -> None:
        self._usual: dict[str, float] = {}
        self._recent = 1.0

    def slow(self, operation: str, seconds: float) -> bool:
        """Note how long a call took; tell whether that makes Cirrus slow, and then begin to compare anew."""
        usual = max(FLOOR, self._usual.setdefault(operation, seconds))
        # One call that hung for a minute must not count like a hundred.
        counted = min(seconds, 2 * SLOW * usual)
        self._usual[operation] += (counted - self._usual[operation]) / MEMORY
        self._recent += (counted / usual - self._recent) / RECENT
        if self._recent < SLOW:
            return False
        self._recent = 1.0
        return True
