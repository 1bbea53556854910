"""The writer of notices: many requests wait while one thread stores what all of them brought in one transaction.

A commit costs the same for one notice as for hundreds. While one is under way the next ones gather, so the batches
grow with the load, and nobody waits for company when there is none.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field

from adapter.domain.notices import Arrival
from adapter.errors import LedgerError, LedgerUnavailable

BATCH = 500
WAITING = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One notice on its way, and how it will be told whether it is stored."""

    arrival: Arrival
    stored: "Future[None]" = field(default_factory=Future, repr=False)


class NoticeWriter:
    """Stores what is handed to `keep`, which any thread may call, from a thread of its own.

    `store` keeps all of a batch or, raising, nothing of it. A `LedgerError` is about the ledger and fails the whole
    batch; anything else is about one of the notices, which are then stored one by one, so that none fails its
    neighbours. `waiting` bounds how many wait, `deadline` for how many seconds.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Arrival]], None],
        *,
        deadline: float,
        batch: int = BATCH,
        waiting: int = WAITING,
    ) -> None:
        self._store = store
        self._deadline = deadline
        self._batch = batch
        self._waiting = waiting
        self._queue: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._open = False
        self._thread = threading.Thread(target=self._run, name="notice-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._open = True
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """Take no more, and store what waits; return whether that was done in time."""
        with self._changed:
            self._open = False
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def alive(self) -> bool:
        """Tell whether notices are stored."""
        return self._open and self._thread.is_alive()

    def keep(self, arrival: Arrival) -> None:
        """Return once the notice is durable.

        Raises `LedgerUnavailable` when it is not, at once when too many wait already. After the deadline it may yet
        be stored: Cirrus sends it again, and a repeat does no harm. Raises what `store` raises about this notice.
        """
        entry = _Entry(arrival)
        with self._changed:
            if not self._open:
                raise LedgerUnavailable("notices are not stored any more: this process ends")
            if len(self._queue) >= self._waiting:
                raise LedgerUnavailable(f"{self._waiting} notices wait to be stored: the ledger is slow, or away")
            self._queue.append(entry)
            self._changed.notify()
        try:
            entry.stored.result(self._deadline)
        except TimeoutError:
            entry.stored.cancel()
            raise LedgerUnavailable(f"a notice was not stored within {self._deadline:g} s") from None
        except CancelledError:
            raise LedgerUnavailable("the writer of notices has ended; restart the process") from None

    def _run(self) -> None:
        try:
            while batch := self._take():
                self._store_batch(batch)
        finally:
            with self._changed:
                self._open = False
                for entry in self._queue:
                    entry.stored.cancel()

    def _take(self) -> list[_Entry]:
        """Wait for notices and return those that somebody still waits for; nothing when there will be no more."""
        with self._changed:
            while True:
                taken = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
                wanted = [entry for entry in taken if entry.stored.set_running_or_notify_cancel()]
                if wanted or not (self._open or self._queue):
                    return wanted
                if not self._queue:
                    self._changed.wait()

    def _store_batch(self, batch: Sequence[_Entry]) -> None:
        try:
            self._store([entry.arrival for entry in batch])
        except LedgerError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to those it concerns
            if len(batch) == 1:
                _fail(batch, error)
            else:
                self._store_one_by_one(batch)
        except BaseException:
            _fail(batch, LedgerUnavailable("the writer of notices was ended"))
            raise
        else:
            for entry in batch:
                entry.stored.set_result(None)

    def _store_one_by_one(self, batch: Sequence[_Entry]) -> None:
        try:
            for entry in batch:
                self._store_batch([entry])
                if isinstance(entry.stored.exception(), LedgerError):
                    break  # the ledger is away: each of the others would have to wait for its time-out
        finally:
            left = [entry for entry in batch if not entry.stored.done()]
            _fail(left, LedgerUnavailable("the ledger went away while a batch was stored"))


def _fail(batch: Sequence[_Entry], error: Exception) -> None:
    for entry in batch:
        entry.stored.set_exception(error)
