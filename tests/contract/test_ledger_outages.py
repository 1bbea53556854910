"""A ledger that cannot be used: nothing is stored, nobody is blamed, and afterwards it goes on by itself."""

import contextlib
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from adapter.errors import LedgerConflict, LedgerUnavailable
from adapter.ledger.database import Database
from tests.contract.ledger_kit import (
    LEASE,
    POLICY,
    TENANT,
    Book,
    MovedClock,
    book_at,
    claim_one,
    finding,
    outcome,
    person,
    said,
    scheduled,
    sitting,
    store,
)
from tests.services import proxy
from tests.services.postgres import PostgresServer
from tests.services.processes import wait_until

EVENT = said("e1", scheduled("a"))

HOLD_THE_FILE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Book]:
    """Lend a SQLite file that is waited for only briefly."""
    with book_at(f"sqlite:///{tmp_path / 'ledger.db'}") as lent:
        lent.timeout = 0.2
        yield lent


@pytest.fixture
def server_book(postgres_url: str) -> Iterator[Book]:
    """Lend a PostgreSQL database that is waited for only briefly."""
    with book_at(postgres_url) as lent:
        lent.timeout = 1.0
        yield lent


def test_a_stopped_server_is_waited_for(server_book: Book, postgres: PostgresServer) -> None:
    """While PostgreSQL is away every call says so; when it is back the same worker goes on, and nothing is twice."""
    ledger = server_book.worker()
    store(ledger, EVENT)
    server_book.clock.advance(60)
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    postgres.stop()
    calls: tuple[Callable[[], object], ...] = (
        lambda: store(ledger, said("e2", scheduled("b"))),
        lambda: ledger.claim(TENANT, 1, LEASE),
        lambda: ledger.record(claim, aggregate, [finding(sitting("a"), outcomes=(outcome("a"),))], POLICY, LEASE),
        lambda: ledger.claim_outbox(1, LEASE),
        lambda: ledger.renew_leases(LEASE),
        ledger.check,
    )
    try:
        for call in calls:
            with pytest.raises(LedgerUnavailable, match="check the database and its disk"):
                call()
    finally:
        postgres.start()
    assert server_book.rows("SELECT count(*) FROM outbox") == [(0,)]
    assert store(ledger, EVENT, said("e2", scheduled("b"))) == ["duplicate", "applied"]
    ledger.record(claim, aggregate, [finding(sitting("a"), outcomes=(outcome("a"),))], POLICY, LEASE)
    assert server_book.status(sitting("a")) == "settled"


def test_a_frozen_server_is_noticed(server_book: Book, postgres: PostgresServer) -> None:
    """PostgreSQL that keeps its connections and answers nothing holds up no call; then the same worker goes on.

    Neither libpq nor TCP would tell: the kernel of the other side still acknowledges.
    """
    ledger = server_book.worker()
    database = server_book.database()
    store(ledger, EVENT)
    try:
        with pytest.raises(LedgerUnavailable), database.transaction("test") as tx:  # noqa: PT012 - frozen in the middle
            tx.connection.execute(sa.text(INSERT))
            postgres.freeze()
            tx.connection.execute(sa.text("SELECT 'late'"))
        for call in (lambda: store(ledger, said("e2", scheduled("b"))), ledger.check):
            with pytest.raises(LedgerUnavailable, match="check the database and its disk"):
                call()
    finally:
        postgres.thaw()
    assert store(ledger, EVENT, said("e2", scheduled("b"))) == ["duplicate", "applied"]
    with database.transaction("test") as tx:
        assert tx.connection.execute(sa.text("SELECT 'prompt'")).scalar_one() == "prompt"
        assert tx.connection.execute(sa.text("SELECT count(*) FROM work WHERE tenant = 't'")).scalar_one() == 0


def test_a_link_that_swallows_everything_is_noticed(postgres_url: str, postgres: PostgresServer) -> None:
    """A half-open link, as behind a firewall that forgot the connection: the next one is a new one."""
    with proxy.opened("127.0.0.1", postgres.port) as way:
        book = Book(postgres_url.replace(f":{postgres.port}/", f":{way.port}/"))
        book.timeout = 1.0
        database = book.database()
        with database.transaction("test") as tx:
            tx.connection.execute(sa.text("SELECT 1"))
        way.freeze()
        with pytest.raises(LedgerUnavailable), database.transaction("test"):
            pass
        way.thaw()
        with database.transaction("test") as tx:
            assert tx.connection.execute(sa.text("SELECT 2")).scalar_one() == 2
        book.close()


def test_a_connection_that_is_cut_takes_its_transaction_with_it(server_book: Book) -> None:
    """What was written before the cut is not stored."""
    database = server_book.database()
    with pytest.raises(LedgerUnavailable), database.transaction("test") as tx:  # noqa: PT012 - the cut is in the middle
        tx.connection.execute(sa.text(INSERT))
        mine = tx.connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        server_book.rows("SELECT pg_terminate_backend(:pid)", pid=mine)
        tx.connection.execute(sa.text("SELECT 1"))
    assert server_book.rows("SELECT count(*) FROM work") == [(0,)]


def test_a_read_only_server_is_an_outage(server_book: Book) -> None:
    """A standby or a full disk's emergency brake: nothing is stored, and it is no message's fault."""
    with server_book.database().transaction("test") as tx:
        name = tx.connection.engine.url.database
        tx.connection.execute(sa.text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    with pytest.raises(LedgerUnavailable):
        store(server_book.worker(), EVENT)


def test_rights_that_are_missing_are_an_outage(server_book: Book) -> None:
    """A database role that may not write is an operator's mistake, not the SIS's."""
    with server_book.database().transaction("test") as tx:
        tx.connection.execute(sa.text("CREATE ROLE reader_of_this_test"))
    try:
        with pytest.raises(LedgerUnavailable), server_book.database().transaction("test") as tx:  # noqa: PT012 - in one transaction
            tx.connection.execute(sa.text("SET LOCAL ROLE reader_of_this_test"))
            tx.connection.execute(sa.text(INSERT))
    finally:
        with server_book.database().transaction("test") as tx:
            tx.connection.execute(sa.text("DROP ROLE reader_of_this_test"))


def test_rows_that_stay_locked_are_an_outage(server_book: Book) -> None:
    """A lock that somebody holds on to does not hang the worker."""
    ledger = server_book.worker()
    store(ledger, EVENT)
    with server_book.database().transaction("test") as tx:
        tx.connection.execute(sa.text("LOCK TABLE records"))
        started = monotonic()
        with pytest.raises(LedgerUnavailable):
            store(ledger, said("e2", scheduled("a", title="B"), minute=1))
        assert monotonic() - started < 10
    assert store(ledger, said("e2", scheduled("a", title="B"), minute=1)) == ["applied"]


def test_a_deadlock_is_a_conflict(server_book: Book) -> None:
    """Of two transactions that wait for each other one is told to run again; the ledger does so by itself."""
    store(server_book.worker(timeout=10.0), EVENT, said("e2", scheduled("b")))
    meet = threading.Barrier(2)

    def run(keys: tuple[str, str]) -> str:
        try:
            with server_book.database(timeout=10.0).transaction("test") as tx:
                lock = sa.text("UPDATE work SET touched = touched WHERE key = :key")
                tx.connection.execute(lock, {"key": keys[0]})
                meet.wait(5)
                tx.connection.execute(lock, {"key": keys[1]})
        except LedgerConflict:
            return "conflict"
        return "stored"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, [("a", "b"), ("b", "a")])) == ["conflict", "stored"]


def test_connections_that_are_all_busy_are_an_outage(postgres_url: str) -> None:
    """The pool is bounded; who waits too long for a connection is told which setting it is."""
    database = Database(
        postgres_url, MovedClock(), monotonic, observe=lambda *_: None, pool_size=1, timeout=0.2, virtual=True
    )
    busy = pytest.raises(LedgerUnavailable, match=r"ledger\.pool_size")
    with database.transaction("one"), busy, database.transaction("two"):
        pass
    database.close()


def test_a_file_that_another_process_holds_is_waited_for(file: Book) -> None:
    """SQLite: the wait is bounded, nothing is stored, and it works once the file is free."""
    ledger = file.worker()
    path = sa.make_url(file.url).database
    assert path is not None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_FILE, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LedgerUnavailable):
            store(ledger, EVENT)
        holder.stdin.close()
    assert store(ledger, EVENT) == ["applied"]


def test_threads_of_one_process_take_turns(file: Book) -> None:
    """SQLite: under load every thread gets its transaction in time; the file's own lock would let some starve."""
    ledger = file.worker(timeout=1.0)

    def run(number: int) -> None:
        for n in range(40):
            store(ledger, said(f"e{number}.{n}", scheduled(f"s{number}", n=n), minute=n))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(run, range(12)))
    assert file.rows("SELECT count(*) FROM messages") == [(480,)]


def test_a_file_that_cannot_be_written_is_an_outage(file: Book) -> None:
    """SQLite: a read-only file or file system."""
    path = sa.make_url(file.url).database
    reader = Book(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(LedgerUnavailable):
        store(reader.worker(), EVENT)
    reader.close()
    assert file.rows("SELECT count(*) FROM records") == [(0,)]


def test_a_full_disk_is_an_outage(file: Book) -> None:
    """SQLite: what did not fit is rolled back, what was there can be read, and with room it goes on."""
    database = file.database()
    ledger = file.worker()
    event.listen(ledger._database.engine, "connect", bound_to_pages(80))
    with pytest.raises(LedgerUnavailable):
        store(ledger, *(said(f"e{n}", person(f"p{n}", name="x" * 500)) for n in range(500)))
    assert store(ledger, EVENT) == ["applied"]
    with database.transaction("test") as tx:
        assert tx.connection.execute(sa.text("SELECT count(*) FROM messages")).scalar_one() == 1


def bound_to_pages(number: int) -> Callable[[object, object], None]:
    """Return a listener that gives SQLite a disk of so many pages."""

    def bound(connection: object, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {number}")  # type: ignore[attr-defined]

    return bound


def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    """SQLite: a damaged file is no message's fault; nothing is dead-lettered for it."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database, and long enough to be looked at " * 100)
    book = Book(f"sqlite:///{path}")
    with pytest.raises(LedgerUnavailable):
        store(book.worker(), EVENT)
    book.close()


def test_a_ledger_without_tables_is_an_outage(tmp_path: Path, postgres_url: str) -> None:
    """A restore that is not finished: the batch is kept, not blamed."""
    for url in (f"sqlite:///{tmp_path / 'ledger.db'}", postgres_url):
        book = Book(url)
        with pytest.raises(LedgerUnavailable):
            store(book.worker(), EVENT)
        book.close()


def test_an_outage_says_nothing_of_what_was_to_be_stored(book: Book) -> None:
    """Neither the error nor what it came from shows a value: they end up in logs."""
    with book.database().transaction("test") as tx:
        tx.connection.execute(sa.text("DROP TABLE journal"))
    name = "Secret".swapcase()
    with pytest.raises(LedgerUnavailable) as raised:
        store(book.worker(), said("e1", person("anna", last=name)))
    assert name not in "".join(traceback.format_exception(raised.value))


def test_what_is_observed_of_a_transaction(book: Book) -> None:
    """Each is told with its name and whether it failed, also when it does not come about."""
    seen: list[tuple[str, bool]] = []
    database = Database(
        book.url, book.clock, monotonic, observe=lambda name, _, failed: seen.append((name, failed)), virtual=True
    )
    with database.transaction("good"):
        pass
    with contextlib.suppress(LedgerUnavailable), database.transaction("bad") as tx:
        tx.connection.execute(sa.text("SELECT nonsense FROM nowhere"))
    database.close()
    wait_until(lambda: len(seen) == 2, patience=1, what="both transactions observed")
    assert seen == [("good", False), ("bad", True)]


INSERT = "INSERT INTO work VALUES ('t', 'sitting', 's', NULL, '2026-01-01', NULL, NULL, 1, 1, 0, FALSE)"
