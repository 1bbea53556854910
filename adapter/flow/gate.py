"""The gate of one tenant: shut while nothing can succeed, then opened step by step.

A refused token or an outage of Cirrus is no fault of any record. The gate stops the calls, the work stays
due in the ledger, and other tenants do not notice. It is a circuit breaker, whose words run the other way
round, because a closed circuit lets everything pass:

    closed --- failures, a refusal ---> open --- a pause, or a new token ---> half open: one probe
       ^                                 ^                                         |
       |                                 +---- a failure: the pause doubles -------+
       +------- as many as are wanted --- 2, 4, 8 ... claims at once, round by round

pybreaker does not fit: it wraps calls and counts their exceptions, and knows neither answers that are no
exceptions, nor probes in growing numbers, nor a pause that Cirrus asks for.
"""

import enum
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

OUTAGE_AFTER = 5
"""Answers in a row that show Cirrus failing, after which it counts as down."""

FAILING_RATE = 0.5
"""Part of the recent answers that show Cirrus failing, from which on it counts as down, too."""

FEWEST = 10
"""Recent answers that a rate needs to say anything."""

RECENT = 60.0
"""Seconds after which an answer says nothing of Cirrus as it is now."""

LONGEST_ASKED = 3600.0
"""Seconds that are kept if Cirrus asks for a pause, at most: after an hour a probe does no harm."""

REMEMBERED = 50
"""Recent answers that are looked at, at most."""


class Circuit(enum.StrEnum):
    """Whether calls pass, do not pass, or pass a few at a time to see whether they may."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Permit:
    """How many aggregates may be claimed; each `probe` is over when `Gate.probe_over` is told so."""

    claims: int
    probe: bool = False


@dataclass(slots=True)
class _Round:
    """One round of probes: how many may be let out, how many were, and how many are not back yet."""

    size: int = 1
    let_out: int = 0
    out: int = 0
    answered: bool = False


def _nobody(_circuit: Circuit) -> None:
    pass


class Gate:
    """Decides how many aggregates may be claimed now; safe to use from several threads.

    `monotonic` gives seconds; `on_halt` hears the cause when calls stop and None when they begin again,
    `on_circuit` hears each state. A failed probe doubles the pause before the next one, up to `longest`
    seconds; `jitter` (a number from 0 to 1) adds up to a tenth, so that many workers do not probe together.
    `renewed` tells whether the token is another one than Cirrus has refused: then no pause is kept.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        on_halt: Callable[[str | None], None],
        *,
        on_circuit: Callable[[Circuit], None] = _nobody,
        longest: float = 120.0,
        jitter: Callable[[], float] = lambda: 0.0,
        renewed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._monotonic = monotonic
        self._on_halt = on_halt
        self._on_circuit = on_circuit
        self._longest = longest
        self._jitter = jitter
        self._renewed = renewed
        self._lock = threading.RLock()
        self._circuit = Circuit.CLOSED
        self._cause: str | None = None
        self._until = 0.0
        self._openings = 0
        self._in_a_row = 0
        self._recent: deque[tuple[float, bool]] = deque(maxlen=REMEMBERED)
        self._round = _Round()

    @property
    def closed(self) -> bool:
        """Whether nothing may pass; while a probe is out nobody knows."""
        with self._lock:
            return self._circuit is Circuit.OPEN

    @property
    def left(self) -> float:
        """Seconds until the next probe; 0 while none is waited for."""
        with self._lock:
            return max(0.0, self._until - self._monotonic()) if self._circuit is Circuit.OPEN else 0.0

    def bars(self, *, probe: bool) -> bool:
        """Tell whether a pass that is under way may make no more calls: while half open, only probes may."""
        with self._lock:
            return self._circuit is Circuit.OPEN or (self._circuit is Circuit.HALF_OPEN and not probe)

    def allows(self, wanted: int) -> Permit:
        """Return how many claims may be made: all, none while open, a round of probes while half open."""
        with self._lock:
            if self._circuit is Circuit.OPEN and wanted and self._may_probe():
                self._round = _Round()
                self._become(Circuit.HALF_OPEN)
            if self._circuit is Circuit.HALF_OPEN and self._is_full(wanted):
                self._openings = 0
                self._become(Circuit.CLOSED)
            if self._circuit is Circuit.CLOSED:
                return Permit(wanted)
            if self._circuit is Circuit.OPEN:
                return Permit(0)
            claims = min(wanted, self._round.size - self._round.let_out)
            self._round.let_out += claims
            self._round.out += claims
            return Permit(claims, probe=claims > 0)

    def probe_over(self, claims: int = 1) -> None:
        """Tell that so many probes have ended, or found nothing to do; after the last one the next round begins."""
        with self._lock:
            self._round.out -= claims
            if self._circuit is not Circuit.HALF_OPEN or self._round.out:
                return
            if self._round.size == 1 and not self._round.answered:
                self._become(Circuit.OPEN)  # nobody knows more than before: the next probe may go at once
            else:
                self._round = _Round(self._round.size * 2)

    def halt(self, cause: str, seconds: float, *, probe: bool = True) -> None:
        """Let nothing pass for so many seconds, or longer if it is not the first time."""
        with self._lock:
            if self._circuit is Circuit.HALF_OPEN and not probe:
                return  # late news from before: what holds now, the probes find out
            if self._circuit is not Circuit.OPEN:
                self._openings += 1
            self._until = self._monotonic() + self._pause(seconds)
            self._in_a_row = 0
            self._recent.clear()
            self._become(Circuit.OPEN)
            first, self._cause = self._cause != cause, cause
            if first:
                self._on_halt(cause)

    def answered(self, *, probe: bool = True) -> None:
        """Tell that Cirrus answered sensibly. Behind a shut gate only the answer to a probe counts."""
        with self._lock:
            if self._circuit is Circuit.CLOSED:
                self._in_a_row = 0
                self._recent.append((self._monotonic(), False))
            elif self._circuit is Circuit.HALF_OPEN and probe:
                self._round.answered = True
                was, self._cause = self._cause, None
                if was is not None:
                    self._on_halt(None)

    def failed(self, seconds: float, *, after: float | None = None, probe: bool = True) -> None:
        """Tell that Cirrus did not answer, or with an error of its own; `after` is the pause it asks for.

        Shut after several in a row, after too many of the recent ones, and after any one while half open.
        """
        with self._lock:
            pause = max(seconds, min(after or 0.0, LONGEST_ASKED))
            if self._circuit is Circuit.CLOSED:
                self._in_a_row += 1
                self._recent.append((self._monotonic(), True))
                if self._in_a_row < OUTAGE_AFTER and not self._fails_too_often():
                    return
            self.halt(self._cause or "outage", pause, probe=probe)

    def _may_probe(self) -> bool:
        if self._round.out:
            return False
        return self._monotonic() >= self._until or (self._cause == "auth" and self._renewed())

    def _is_full(self, wanted: int) -> bool:
        """Tell whether the next round would be as large as anybody wants, with all of the last one back."""
        return 0 < wanted <= self._round.size > 1 and not self._round.out

    def _fails_too_often(self) -> bool:
        since = self._monotonic() - RECENT
        recent = [failed for at, failed in self._recent if at >= since]
        return len(recent) >= FEWEST and sum(recent) >= FAILING_RATE * len(recent)

    def _pause(self, seconds: float) -> float:
        longest = max(seconds, self._longest)
        grown: float = min(longest, seconds * 2.0 ** min(self._openings - 1, 20))
        return grown * (1.0 + self._jitter() / 10.0)

    def _become(self, circuit: Circuit) -> None:
        if circuit is not self._circuit:
            self._circuit = circuit
            self._on_circuit(circuit)
