"""Pacing: when the calls of this process to one tenant's Cirrus start, by the pace that all workers share.

Without a limit and without trouble nobody is asked. Else each call starts at a moment that the ledger has given out
for it; while all of them are used, they are taken in blocks.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from adapter.domain.pace import Limits, Sign, Slots, Trouble
from adapter.errors import LedgerError
from adapter.flow.latency import Latency
from adapter.ledger.paces import Seen

BLOCK = 0.25
"""Seconds that a block of moments lasts, at most: who asks next waits for it, be it used or not."""

LATE = 0.25
"""Seconds by which a call may miss its moment; later, as after a freeze of the process, it takes a new one."""

EVERY = 1.0
"""Seconds between two looks at what the other workers have heard."""

REMEMBERED = 20
"""Calls whose starts say how many a second there are."""

Observe = Callable[[float, Trouble | None], None]
"""Called with the calls a second in force (0 for no limit), and what lowers them."""

_log = structlog.get_logger()


class Paces(Protocol):
    """Where the pace of each tenant is kept."""

    def pace(self, tenant: str) -> Seen:
        """Return it."""
        ...

    def take_slots(self, tenant: str, limits: Limits, wanted: int, *, urgent: bool) -> Slots:
        """Take moments for calls."""
        ...

    def slow_down(self, tenant: str, limits: Limits, sign: Sign) -> Seen:
        """Lower it."""
        ...


def _nobody(_rate: float, _lowered_by: Trouble | None) -> None:
    pass


class Pacer:
    """Spaces the calls of one tenant evenly: Cirrus has a fair-use policy (cirrus-api.md section 00).

    Safe to use from several threads. No lock is held while the ledger is asked.
    """

    def __init__(
        self, tenant: str, limits: Limits, paces: Paces, monotonic: Callable[[], float], observe: Observe = _nobody
    ) -> None:
        self._tenant = tenant
        self._limits = limits
        self._paces = paces
        self._monotonic = monotonic
        self._observe = observe
        self._lock = threading.Lock()
        self._latency = Latency()
        self._starts: deque[float] = deque(maxlen=REMEMBERED)
        self._paused_until = self._lowered_until = self._look_at = 0.0
        self._sign: Sign | None = None
        self._slots: deque[float] = deque()
        self._interval = 0.0
        self._block = 1
        self._asking = 0

    @property
    def paused_for(self) -> float:
        """Seconds for which no call may start, because Cirrus has asked for a pause."""
        return max(0.0, self._paused_until - self._monotonic())

    def take(self, wait: Callable[[float], object], *, urgent: bool = False) -> None:
        """Wait until a call may start; `wait` is told the seconds, and says whether it was told to stop.

        Raises `LedgerUnavailable` where nobody can say when that is.
        """
        granted = False
        while not granted:
            moment, granted = self._moment(urgent=urgent)
            if (seconds := moment - self._monotonic()) > 0:
                if wait(seconds):
                    return
                granted = granted and self._holds(moment)

    def _holds(self, moment: float) -> bool:
        """Tell whether a call may start that has waited for this moment."""
        now = self._monotonic()
        return self._paused_until <= now <= moment + LATE

    def _moment(self, *, urgent: bool) -> tuple[float, bool]:
        """Return the moment of a call; or when to ask again, and False."""
        now = self._monotonic()
        with self._lock:
            if now < self._paused_until:
                return self._paused_until, False
            if not self._limits.calls_per_second and self._lowered_until <= now:
                self._starts.append(now)
                return now, True
            if not urgent and (kept := self._kept(now)) is not None:
                return kept, True
            wanted = 1 if urgent or self._asking else self._block
            self._asking += 1
        try:
            slots = self._paces.take_slots(self._tenant, self._limits, wanted, urgent=urgent)
        finally:
            with self._lock:
                self._asking -= 1
        first = self._monotonic() + slots.after
        if not urgent and slots.count and slots.interval:
            self._keep(first, slots)
        return first, slots.count > 0

    def _kept(self, now: float) -> float | None:
        """Take the next moment of the block; those that nobody came for are over."""
        while self._slots and self._slots[0] <= now - self._interval:
            self._slots.popleft()
            self._block = 1
        return self._slots.popleft() if self._slots else None

    def _keep(self, first: float, slots: Slots) -> None:
        """Keep all moments but the first, and ask for more the next time: none of the last ones was left over."""
        with self._lock:
            self._interval = slots.interval
            self._slots.extend(first + number * slots.interval for number in range(1, slots.count))
            self._block = max(1, min(self._block * 2, int(BLOCK / slots.interval)))

    def answered(self, operation: str, seconds: float) -> None:
        """Note how long a call took."""
        with self._lock:
            slow = self._latency.slow(operation, seconds)
        if slow:
            self._note(Sign(Trouble.SLOW, rate=self._rate()))

    def throttled(self, seconds: float) -> None:
        """Let no call start for so many seconds: Cirrus has asked for a pause. All workers hear of it."""
        self._note(Sign(Trouble.THROTTLED, seconds, self._rate()))

    def _note(self, sign: Sign) -> None:
        """Keep a sign of trouble until the ledger has been told."""
        with self._lock:
            self._sign = sign.joined(self._sign)
            self._paused_until = max(self._paused_until, self._monotonic() + sign.pause)

    def _rate(self) -> float:
        """Return how many calls a second this process has started of late."""
        with self._lock:
            seconds = self._monotonic() - self._starts[0] if self._starts else 0.0
            return len(self._starts) / seconds if seconds > 0 else 0.0

    def refresh(self) -> None:
        """Tell the other workers of trouble, and hear from time to time what they know; for one thread only."""
        now = self._monotonic()
        with self._lock:
            sign, self._sign = self._sign, None
        if sign is None and now < self._look_at:
            return
        try:
            if sign is None:
                seen = self._paces.pace(self._tenant)
            else:
                seen = self._paces.slow_down(self._tenant, self._limits, sign)
        except LedgerError:
            with self._lock:
                self._sign = sign.joined(self._sign) if sign is not None else self._sign
            raise
        self._hear(seen, self._monotonic(), told=sign is not None)

    def _hear(self, seen: Seen, now: float, *, told: bool) -> None:
        pace = seen.pace
        rate = self._limits.in_force(pace, seen.now)
        lowered_by = pace.lowered_by if pace.part(seen.now) < 1.0 else None
        with self._lock:
            self._look_at = now + EVERY
            self._paused_until = max(self._paused_until, now + (pace.starts(seen.now) - seen.now).total_seconds())
            self._lowered_until = now + pace.recovers_in(seen.now)
        self._observe(rate, lowered_by)
        if told:
            _log.warning("pace_lowered", tenant=self._tenant, cause=lowered_by, calls_per_second=round(rate, 2))
