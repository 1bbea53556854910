"""The real ledger on SQLite, with a way to it that can be cut before a transaction or after its commit."""

import shutil
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


@contextmanager
def fresh_database(clock: Clock) -> Iterator[Database]:
    """Lend a migrated ledger of its own, in memory where the system has a place for that."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    file = folder / "ledger.db"
    file.write_bytes(_template())
    database = Database(f"sqlite:///{file}", clock, monotonic, observe=_unwatched, virtual=True)
    try:
        yield database
    finally:
        database.close()
        shutil.rmtree(folder)
