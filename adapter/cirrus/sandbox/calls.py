"""The list of calls a sandbox received, for tests and for people; bodies are kept apart."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from adapter.cirrus.sandbox.answers import Json


@dataclass(slots=True)
class CallRecord:
    """One received call; `status` is None while it runs and for a call that was cut off."""

    n: int
    time: datetime
    tenant: str | None
    method: str
    path: str
    query: str
    operation: str
    raw: bytes = field(repr=False)
    status: int | None = None
    items: int = 0
    fault: str | None = None

    def view(self, *, bodies: bool) -> Json:
        """Return the record as JSON; query and body may hold personal data and are shown on request only."""
        shown: Json = {
            "n": self.n,
            "time": self.time.isoformat(),
            "tenant": self.tenant,
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
            "status": self.status,
            "items": self.items,
            "fault": self.fault,
        }
        if bodies:
            shown |= {"query": self.query, "body": self.raw.decode(errors="replace")}
        return shown


class CallLog:
    """The newest calls, and counts of all of them."""

    def __init__(self, kept: int) -> None:
        self._kept: deque[CallRecord] = deque(maxlen=kept)
        self._running = 0
        self.clear()

    def clear(self) -> None:
        """Forget the calls; those that still run are counted when they end."""
        self._kept.clear()
        self._received = 0
        self._most_running = self._running
        self._operations: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._items: Counter[str] = Counter()

    def open(self, record: CallRecord) -> None:
        """Note a call that was received."""
        self._received += 1
        record.n = self._received
        self._kept.append(record)
        self._operations[record.operation] += 1
        self._running += 1
        self._most_running = max(self._most_running, self._running)

    def close(self, record: CallRecord) -> None:
        """Note how a call ended."""
        self._running -= 1
        self._statuses["cut off" if record.status is None else str(record.status)] += 1
        self._items[record.operation] += record.items

    def newest(self, limit: int | None = None) -> list[CallRecord]:
        """Return the kept calls, oldest first."""
        calls = list(self._kept)
        return calls if limit is None else calls[-limit:]

    def counts(self) -> Json:
        """Return calls per operation and per status, items per operation, and the most calls at one time."""
        return {
            "operations": dict(self._operations),
            "statuses": dict(self._statuses),
            "items": dict(self._items),
            "calls": self._received,
            "most_at_once": self._most_running,
        }
