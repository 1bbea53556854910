"""The real ledger on SQLite, with a way to it that can be cut before a transaction or after its commit."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

from adapter.domain.ports import Clock
from adapter.errors import LedgerUnavailable
from adapter.ledger.database import Database, Transaction
from adapter.ledger.migrate import migrate
from tests.simulation.fate import Fate, Spans, within
from tests.simulation.scheduler import Scheduler

MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class LedgerTrouble:
    """How often a transaction fails before anything, or its commit is not known to have come about."""

    before: float = 0.0
    after: float = 0.0
    slow: float = 0.0
    away: Spans = ()


class CutDatabase:
    """The database as one process reaches it; `trouble` may change at any time."""

    def __init__(self, database: Database, scheduler: Scheduler, fate: Fate) -> None:
        """Stand before the database that all processes share."""
        self._database, self._scheduler, self._fate = database, scheduler, fate
        self.trouble = LedgerTrouble()

    @contextmanager
    def transaction(self, operation: str, **chosen: Any) -> Iterator[Transaction]:
        """Run one transaction, unless the way is cut before it; it may be cut after the commit, too."""
        trouble = self.trouble
        if self._fate.strikes("ledger slow", trouble.slow):
            self._scheduler.sleep(2.0)
        if within(self._scheduler.now, trouble.away) or self._fate.strikes("ledger before", trouble.before):
            raise LedgerUnavailable(f"{operation}: cut off before")
        with self._database.transaction(operation, **chosen) as tx:
            yield tx
        if self._fate.strikes("ledger after", trouble.after):
            raise LedgerUnavailable(f"{operation}: cut off after the commit")

    def close(self) -> None:
        """Leave the database to the others."""


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        database = Database(f"sqlite:///{file}", _nobody_asks, monotonic, observe=_unwatched, virtual=True)
        migrate(database)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        return file.read_bytes()


def _nobody_asks() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def _unwatched(operation: str, seconds: float, failed: bool) -> None:
    pass


class Store:
    """A file for one run after the other: what the database has prepared for its statements outlives the run."""

    def __init__(self) -> None:
        """Choose a place in memory, where the system has one."""
        descriptor, name = tempfile.mkstemp(".db", "simulation-", MEMORY if MEMORY.is_dir() else None)
        os.close(descriptor)
        self._file = Path(name)
        self._clock: Clock = _nobody_asks
        self.database = Database(f"sqlite:///{name}", self._now, monotonic, observe=_unwatched, virtual=True)

    @contextmanager
    def run(self, clock: Clock) -> Iterator[None]:
        """Be a migrated ledger without any content for the time of one run."""
        self._clock = clock
        self._file.write_bytes(_template())
        self._looking = sqlite3.connect(self._file, isolation_level=None)
        try:
            yield
        finally:
            self._looking.close()
            self.database.close()
            for rest in self._file.parent.glob(f"{self._file.name}*"):
                rest.unlink()

    def _now(self) -> datetime:
        return self._clock()

    def rows(self, query: str) -> list[Any]:
        """Read what no method of the ledger shows, on a connection of its own."""
        return self._looking.execute(query).fetchall()

    def version(self) -> int:
        """Return a number that is another one once something was committed."""
        (version,) = self._looking.execute("PRAGMA data_version").fetchone()
        return int(version)


_idle: list[Store] = []


@contextmanager
def fresh_store(clock: Clock) -> Iterator[Store]:
    """Lend a migrated ledger of its own."""
    store = _idle.pop() if _idle else Store()
    try:
        with store.run(clock):
            yield store
    finally:
        _idle.append(store)
