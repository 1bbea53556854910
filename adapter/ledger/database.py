"""The database below the ledger: connections, transactions, its clock, and its errors in our words."""

import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from adapter.domain.ports import Clock
from adapter.errors import LedgerConflict, LedgerUnavailable
from adapter.ledger.patience import MARGIN, PatientConnection
from adapter.ledger.sealing import Seal

CONFLICTS = {"40001", "40P01", "23505"}
"""PostgreSQL states after which the same transaction may simply be run again."""

NO_RIGHT = {"42501", "3F000"}
"""PostgreSQL's states for a right that the role does not have, and for no schema in which it has any."""

ABOUT_A_VALUE = ("22", "23", "54")
"""Classes of PostgreSQL states that say a value cannot be stored, whenever it is tried."""

SIGNS_OF_LIFE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How the client notices a database that vanished from the network: in seconds, the last in milliseconds."""

UNSEALED = Seal()
"""For transactions that look at nothing that may be sealed."""

_CLOCK = sa.select(sa.func.clock_timestamp())

Observe = Callable[[str, float, bool], None]
"""Called with the operation, its seconds, and whether it failed."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open transaction: its connection, the ledger's time at its start, and what opens and seals values."""

    connection: sa.Connection
    now: datetime
    seal: Seal

    @property
    def postgresql(self) -> bool:
        """Whether rows can be locked one by one; SQLite locks the whole file."""
        return self.connection.dialect.name == "postgresql"

    def sort_nothing(self) -> None:
        """Have PostgreSQL follow an index wherever an order is asked for, until the transaction ends.

        By the statistics of a quiet hour it takes a queue that has filled since for a short one, and sorts all of it.
        """
        if self.postgresql:
            self.connection.exec_driver_sql("SET LOCAL enable_sort = off")


class Database:
    """Connections to one SQLite file or one PostgreSQL database.

    On PostgreSQL time is the server's, so that workers with skewed clocks agree; on SQLite, which lives on
    one host, it is `clock`'s. `clock` also replaces the server's time where a test passes `virtual=True`.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        monotonic: Callable[[], float],
        *,
        observe: Observe,
        pool_size: int = 10,
        timeout: float = 5.0,
        virtual: bool = False,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._observe = observe
        self._engine = _engine(url, pool_size, timeout)
        self._server_time = self._engine.dialect.name == "postgresql" and not virtual
        self._timeout = timeout
        # SQLite has one writer, and lets others poll for their turn with growing sleeps, in no order: some thread
        # would starve. Only other processes are left to that.
        self._one_writer = threading.Lock() if self._engine.dialect.name == "sqlite" else None

    @property
    def engine(self) -> sa.Engine:
        """The engine, for migrations."""
        return self._engine

    @contextmanager
    def transaction(self, operation: str, *, snapshot: bool = False, seal: Seal = UNSEALED) -> Generator[Transaction]:
        """Run one transaction; raise `LedgerUnavailable` or `LedgerConflict` when it is not stored.

        A value that the database can never hold comes out as SQLAlchemy's own error. With `snapshot`
        everything is read as of one moment, and nothing can be written.
        """
        started = self._monotonic()
        failed = True
        try:
            with self._turn(operation), self._engine.begin() as connection:
                if snapshot and connection.dialect.name == "postgresql":
                    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield Transaction(connection, self._now(connection), seal)
            failed = False
        except PoolTimeout as error:
            raise LedgerUnavailable(f"{operation}: every connection is busy; raise ledger.pool_size") from error
        except DBAPIError as error:
            raise _translated(error, operation) from error
        finally:
            self._observe(operation, self._monotonic() - started, failed)

    @contextmanager
    def _turn(self, operation: str) -> Generator[None]:
        if self._one_writer is None:
            yield
            return
        if not self._one_writer.acquire(timeout=self._timeout):
            raise LedgerUnavailable(f"{operation}: other transactions of this process last too long")
        try:
            yield
        finally:
            self._one_writer.release()

    def _now(self, connection: sa.Connection) -> datetime:
        if not self._server_time:
            return self._clock()
        moment: datetime = connection.execute(_CLOCK).scalar_one()
        return moment.astimezone(UTC)

    def checkpoint(self) -> None:
        """Leave nothing of what was overwritten in SQLite's log; PostgreSQL's is its administrator's (`VACUUM`)."""
        if self._one_writer is not None:
            with (
                self._one_writer,
                closing(self._engine.raw_connection()) as connection,
                closing(connection.cursor()) as cursor,
            ):
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _translated(error: DBAPIError, operation: str) -> Exception:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state in CONFLICTS:
        return LedgerConflict(f"{operation}: another worker changed the same rows; it is run again")
    if _is_about_a_value(error, state):
        return error
    if state in NO_RIGHT:
        return LedgerUnavailable(f"{operation}: {_refusal(error)}; grant what config/PRIVILEGES.md asks for")
    # Whatever else is wrong (rights, disk, a missing table) is no fault of what was to be stored.
    return LedgerUnavailable(
        f"{operation}: the ledger cannot be used ({type(error.orig).__name__}); check the database and its disk"
    )


def _refusal(error: DBAPIError) -> str:
    """Return what PostgreSQL says of a missing right: it names the table, and never a value."""
    said = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return str(said or "permission denied")


def _is_about_a_value(error: DBAPIError, state: str) -> bool:
    if state:
        return state.startswith(ABOUT_A_VALUE)
    # Without a state: the driver's own checks, and SQLite's.
    return isinstance(error, DataError | IntegrityError | ProgrammingError) and not error.connection_invalidated


def _engine(url: str, pool_size: int, timeout: float) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(
            parsed.set(drivername="sqlite+immediate"),
            connect_args={"timeout": timeout},
            pool_timeout=timeout,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    milliseconds = int(timeout * 1000)
    options = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c timezone=UTC"
    engine = sa.create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": max(2, int(timeout)), "options": options, **SIGNS_OF_LIFE},
    )

    def connect(_dialect: object, _record: object, arguments: Any, named: Any) -> PatientConnection:  # noqa: ANN401 - the driver's
        connection = PatientConnection.connect(*arguments, **named)
        connection.longest = timeout + MARGIN
        return connection

    event.listen(engine, "do_connect", connect)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's connection
    # SQLAlchemy, not the driver, opens transactions: the driver would do so too late to lock at their start.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Kept in the file, so it matters only for the first connection of all; those that open the file in the same
    # moment would be told that it is locked, whatever their time-out.
    with suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode=WAL")
    # What is deleted, or sealed anew, is overwritten and not just let go.
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class ImmediateSqlite(SQLiteDialect_pysqlite):
    """SQLite that locks at the start of a transaction."""

    supports_statement_cache = True

    def do_begin(self, dbapi_connection: Any) -> None:  # noqa: ANN401 - the driver's connection
        """Begin, and lock."""
        dbapi_connection.execute("BEGIN IMMEDIATE")


registry.register("sqlite.immediate", __name__, ImmediateSqlite.__name__)
