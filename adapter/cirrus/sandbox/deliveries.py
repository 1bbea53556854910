"""What became of the webhook's messages: counts per tenant, and the newest tries."""

from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime

from adapter.cirrus.sandbox.answers import Json


@dataclass(slots=True)
class Tally:
    """How the messages of one tenant fared.

    `announced` notices are those the webhook was to tell of, `lost` ones among them, `dropped` ones not: those of an
    inactive webhook, or one for satisfactory results only. `sent` counts every POST, `retried` those after the first;
    of the deliveries, `delivered` were answered with 200 and `given_up` never were.
    """

    announced: int = 0
    sent: int = 0
    delivered: int = 0
    retried: int = 0
    given_up: int = 0
    lost: int = 0
    dropped: int = 0

    def view(self, waiting: int) -> dict[str, int]:
        """Return all counts, and the deliveries that are not over."""
        return asdict(self) | {"waiting": waiting}


@dataclass(slots=True)
class Try:
    """One POST to the receiver; `status` is None while it runs and when there was no answer."""

    n: int
    time: datetime
    tenant: str
    candidate: str
    schedule: str
    attempt: int
    number: int
    status: int | None = None

    def view(self) -> Json:
        """Return it as JSON; `try` is 1 for the first and up to 10."""
        return {
            "n": self.n,
            "time": self.time.isoformat(),
            "tenant": self.tenant,
            "candidate": self.candidate,
            "schedule": self.schedule,
            "attempt": self.attempt,
            "try": self.number,
            "status": self.status,
        }


class DeliveryLog:
    """The newest tries, numbered from 1."""

    def __init__(self, kept: int) -> None:
        self._kept: deque[Try] = deque(maxlen=kept)
        self._numbered = 0

    def clear(self) -> None:
        """Forget the tries."""
        self._kept.clear()
        self._numbered = 0

    def open(self, made: Try) -> None:
        """Note a try that begins."""
        self._numbered += 1
        made.n = self._numbered
        self._kept.append(made)

    def newest(self, limit: int | None = None) -> list[Json]:
        """Return the kept tries, oldest first."""
        tries = list(self._kept)
        return [made.view() for made in (tries if limit is None else tries[-limit:])]
