"""The brake of the intake: when most messages fail in the same way, the messages are not to blame.

A wrong deployment of the SIS, or of ours, would empty the whole queue into the dead letters, and each message
would have to be sent again. So the intake pauses, and what it has not buried stays in the queue. After a pause
a few messages are tried. What fails then is buried, or the queue would never come to what was sent after the
correction; while all of it fails, the pauses double.

The brake goes by the reason, whoever sent the messages: a queue cannot be read past one sender. But a sender
that fails must not stop the others for ever, so while some of what is tried is good, the pauses stay short and
more is tried. A restart takes the brake off; as many failures as before put it on again.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PROBE = 5
"""Messages that are tried after a pause: what a pause costs while all of them fail."""

LARGEST_PROBE = 50
"""Messages that are tried after a pause while some of them are good."""

REMEMBERED = 100
"""Messages that a share is taken of: a flood of bad ones is not hidden by all the good ones before it."""


@dataclass(frozen=True, slots=True)
class BrakeRules:
    """When to pause: after `fewest` messages within `window` seconds, a `share` of which failed in one way.

    The first pause is `pause` seconds, the longest `longest`.
    """

    fewest: int = 20
    share: float = 0.5
    window: float = 300.0
    pause: float = 60.0
    longest: float = 900.0


class Brake:
    """Says how many messages may be taken; belongs to the intake's thread, but for the properties.

    `seconds` is the time.
    """

    def __init__(self, rules: BrakeRules, seconds: Callable[[], float]) -> None:
        self._rules = rules
        self._seconds = seconds
        self._recent: deque[tuple[float, str | None]] = deque(maxlen=max(REMEMBERED, rules.fewest))
        self._reason: str | None = None
        self._until = 0.0
        self._pauses = 0
        self._probe = PROBE

    @property
    def reason(self) -> str | None:
        """Why most messages failed; None while the brake is off."""
        return self._reason

    @property
    def left(self) -> float:
        """Seconds until some messages are tried."""
        return max(0.0, self._until - self._seconds()) if self._reason is not None else 0.0

    @property
    def probe(self) -> int:
        """How many messages are tried after this pause."""
        return self._probe

    def allows(self, wanted: int) -> int:
        """Return how many messages may be taken now: all, none in a pause, a few after it."""
        if self._reason is None:
            return wanted
        return 0 if self.left else min(wanted, self._probe)

    def judge(self, results: Sequence[str | None]) -> int:
        """Note why messages failed, or None for each good one, in their order; return how many were looked at.

        Those behind are no longer to be buried: the brake went on before them.
        """
        if self._reason is not None:
            self._judge_probe(results)
            return len(results)
        now = self._seconds()
        for number, reason in enumerate(results, start=1):
            self._recent.append((now, reason))
            if reason is not None and self._is_too_much(reason, now):
                self._pauses = 0
                self._stop(reason)
                return number
        return len(results)

    def _is_too_much(self, reason: str, now: float) -> bool:
        recent = [why for at, why in self._recent if at >= now - self._rules.window]
        return len(recent) >= self._rules.fewest and recent.count(reason) >= self._rules.share * len(recent)

    def _judge_probe(self, results: Sequence[str | None]) -> None:
        failed = [reason for reason in results if reason is not None]
        if len(failed) < self._rules.share * len(results):
            self._reason, self._probe = None, PROBE
        elif len(failed) < len(results):
            self._probe = min(LARGEST_PROBE, self._probe * 2)
            self._stop(max(failed, key=failed.count))
        else:
            self._pauses, self._probe = self._pauses + 1, PROBE
            self._stop(max(failed, key=failed.count))

    def _stop(self, reason: str) -> None:
        self._recent.clear()
        self._reason = reason
        grown = self._rules.pause * 2.0 ** min(self._pauses, 20)
        self._until = self._seconds() + min(grown, max(self._rules.pause, self._rules.longest))
