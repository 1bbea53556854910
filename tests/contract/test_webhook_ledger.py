"""The webhook in front of a real ledger, on SQLite and on PostgreSQL: what was answered with 200 is there."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from adapter.domain.notices import Arrival
from adapter.errors import LedgerUnavailable
from adapter.settings.webhook import WebhookSettings
from adapter.webhook import Credentials, Gatekeeper, Options, WebhookServer
from adapter.webhook.writer import NoticeWriter
from tests.contract.ledger_kit import TENANT, Book
from tests.services.processes import wait_until

SECRET = "p4th-secret-0123456789"
PATH = f"/webhook/uni/{SECRET}"
JSON = {"Content-Type": "application/json"}
SENDERS = 8


def webhook(store: Callable[[Sequence[Arrival]], None]) -> WebhookServer:
    """Return a webhook that has not been started."""
    options = Options("127.0.0.1", 0, SENDERS, 100_000, ("application/json",), (), 10.0)
    gatekeeper = Gatekeeper({"uni": Credentials.of(TENANT, WebhookSettings(path_secret=SECRET))})
    return WebhookServer(gatekeeper, options, store=store, observe=lambda *_: None)


def send(connection: HTTPConnection, body: bytes) -> int:
    """Send one notice and return the status."""
    connection.request("POST", PATH, body, JSON)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def bodies(book: Book) -> list[bytes]:
    """Return what the ledger holds, in the order in which it came."""
    return [bytes(body) for (body,) in book.rows("SELECT body FROM notices ORDER BY seq")]


def test_a_notice_that_was_answered_is_in_the_ledger(book: Book) -> None:
    """As it came, under its tenant, for the loop that reads it."""
    server = webhook(book.worker().keep_notices)
    server.start()
    try:
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
            assert [send(connection, body) for body in (b"{}", b"\xff\x00", b"{}")] == [200] * 3
    finally:
        assert server.stop()

    assert bodies(book) == [b"{}", b"\xff\x00", b"{}"]
    assert set(book.rows("SELECT tenant, content_type, state FROM notices")) == {(TENANT, "application/json", "new")}


def test_many_senders_share_transactions(book: Book) -> None:
    """Each notice is stored once, in fewer transactions than there are notices."""
    ledger = book.worker()
    batches: list[int] = []

    def store(batch: Sequence[Arrival]) -> None:
        batches.append(len(batch))
        ledger.keep_notices(batch)

    writer = NoticeWriter(store, deadline=20)
    writer.start()
    try:
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda number: writer.keep(Arrival(TENANT, b"%d" % number, "")), range(1000)))
    finally:
        assert writer.stop(20)

    assert sorted(map(int, bodies(book))) == list(range(1000))
    assert sum(batches) == 1000
    assert len(batches) < 500


def test_an_outage_of_the_ledger_is_answered_and_ends(book: Book) -> None:
    """503 while the table cannot be used, 200 afterwards, without a restart."""
    server = webhook(book.worker().keep_notices)
    server.start()
    try:
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
            alter(book, "ALTER TABLE notices RENAME TO elsewhere")
            assert send(connection, b"1") == 503
            alter(book, "ALTER TABLE elsewhere RENAME TO notices")
            assert send(connection, b"2") == 200
    finally:
        assert server.stop()

    assert bodies(book) == [b"2"]


def alter(book: Book, statement: str) -> None:
    """Change the schema under the webhook's feet."""
    with book.database().transaction("test") as tx:
        tx.connection.exec_driver_sql(statement)


def test_a_value_that_postgresql_refuses_fails_alone(book: Book) -> None:
    """A text with a NUL is none for PostgreSQL; SQLite takes it."""
    ledger = book.worker()
    reached, release = threading.Event(), threading.Event()

    def store(batch: Sequence[Arrival]) -> None:
        reached.set()
        assert release.wait(20)
        ledger.keep_notices(batch)

    writer = NoticeWriter(store, deadline=20)
    writer.start()
    arrivals = [Arrival(TENANT, b"%d" % number, "a\0b" if number == 3 else "a") for number in range(6)]
    with ThreadPoolExecutor(len(arrivals)) as pool:
        first = pool.submit(writer.keep, arrivals[0])
        assert reached.wait(20)
        waiting = [first, *(pool.submit(writer.keep, arrival) for arrival in arrivals[1:])]
        wait_until(lambda: len(writer._queue) == len(arrivals) - 1, patience=20, what="the batch")
        release.set()
        errors = [future.exception(20) for future in waiting]
    assert writer.stop(20)

    refused = book.url.startswith("postgresql")
    assert [isinstance(error, DBAPIError) for error in errors] == [refused and number == 3 for number in range(6)]
    assert sorted(bodies(book)) == [b"%d" % number for number in range(6) if not (refused and number == 3)]


def test_a_locked_ledger_is_not_waited_for_for_ever(book: Book) -> None:
    """The sender is told in time; and what is stored after all, when the lock is gone, does no harm."""
    writer = NoticeWriter(book.worker(timeout=20).keep_notices, deadline=0.5)
    writer.start()
    with book.database().transaction("test") as tx:
        if tx.postgresql:
            tx.connection.exec_driver_sql("LOCK TABLE notices IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LedgerUnavailable, match="not stored within"):
            writer.keep(Arrival(TENANT, b"late", ""))
    assert writer.stop(20)
    assert bodies(book) == [b"late"]


RECEIVER = """
import sys, time
from datetime import UTC, datetime
from adapter.ledger.database import Database
from adapter.ledger.ledger import Ledger
from adapter.ledger.sealing import Seal
from adapter.observe.logging import configure
from tests.contract.test_webhook_ledger import webhook

configure("error")
database = Database(sys.argv[1], lambda: datetime.now(UTC), time.monotonic, observe=lambda *_: None)
server = webhook(Ledger(database, source="urn:test", seal=Seal(), worker="killed").keep_notices)
server.start()
print(server.port, flush=True)
time.sleep(600)
"""


def test_nothing_that_was_answered_is_lost_with_the_process(book: Book) -> None:
    """Killed under load: every notice that was answered with 200 is there, and none is there twice."""
    process = subprocess.Popen([sys.executable, "-c", RECEIVER, book.url], stdout=subprocess.PIPE, cwd=Path.cwd())
    assert process.stdout is not None
    port = int(process.stdout.readline())
    answered: list[bytes] = []

    def keep_sending(sender: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            for number in range(100_000):
                body = b"%d-%d" % (sender, number)
                if send(connection, body) == 200:
                    answered.append(body)
        except (OSError, HTTPException):
            return
        finally:
            connection.close()

    senders = [threading.Thread(target=keep_sending, args=(number,)) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        wait_until(lambda: len(answered) >= 200, patience=60, what="some answers")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for sender in senders:
            sender.join()

    kept = bodies(book)
    assert set(answered) - set(kept) == set()
    assert len(kept) == len(set(kept))
    assert len(kept) <= len(answered) + SENDERS
