"""The gate of one tenant: closed while nothing can succeed, then opened by one probe.

A refused token or an outage of Cirrus is no fault of any record. The gate stops the calls, the work stays
due in the ledger, and other tenants do not notice.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

OUTAGE_AFTER = 5
"""Answers in a row that show Cirrus failing, after which it counts as down."""


@dataclass(frozen=True, slots=True)
class Permit:
    """How many aggregates may be claimed; a `probe` is over when `Gate.probe_over` is told so."""

    claims: int
    probe: bool = False


class Gate:
    """Decides how many aggregates may be claimed now; safe to use from several threads.

    `monotonic` gives seconds; `on_halt` hears the cause when the gate closes and None when it opens.
    """

    def __init__(self, monotonic: Callable[[], float], on_halt: Callable[[str | None], None]) -> None:
        self._monotonic = monotonic
        self._on_halt = on_halt
        self._lock = threading.Lock()
        self._cause: str | None = None
        self._until = 0.0
        self._failures = 0
        self._probing = False

    @property
    def closed(self) -> bool:
        """Whether what is under way should make no more calls; while a probe is out nobody knows."""
        with self._lock:
            return self._cause is not None and not self._probing

    def allows(self, wanted: int) -> Permit:
        """Return how many claims may be made: all, none while closed, one as a probe."""
        with self._lock:
            if self._cause is None:
                return Permit(wanted)
            if self._monotonic() < self._until or self._probing or wanted == 0:
                return Permit(0)
            self._probing = True
            return Permit(1, probe=True)

    def probe_over(self) -> None:
        """Tell that the permitted probe has ended, or found nothing to do: there may be another one."""
        with self._lock:
            self._probing = False

    def halt(self, cause: str, seconds: float) -> None:
        """Close for so many seconds."""
        with self._lock:
            first = self._cause != cause
            self._cause = cause
            self._until = self._monotonic() + seconds
        if first:
            self._on_halt(cause)

    def answered(self) -> None:
        """Tell that Cirrus answered sensibly: the gate opens."""
        with self._lock:
            self._failures = 0
            was, self._cause = self._cause, None
        if was is not None:
            self._on_halt(None)

    def failed(self, seconds: float) -> None:
        """Tell that Cirrus did not answer, or with an error of its own; close after several in a row."""
        with self._lock:
            self._failures += 1
            down = self._failures >= OUTAGE_AFTER or self._cause is not None
        if down:
            self.halt(self._cause or "outage", seconds)
