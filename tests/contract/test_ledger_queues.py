"""How both databases take the most urgent out of 100,000: along an index, and reading next to nothing else.

Neither has statistics of what has just arrived, so the plans must be good without any, with those of a quiet hour, and
with those of a burst, in which half of all events wait.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from adapter.flow.publish import BATCH
from adapter.ledger.database import Database, Transaction
from adapter.ledger.outbox import claim_pending
from adapter.ledger.schema import UtcTime
from adapter.ledger.work import Reserve, claim_due
from tests.contract.ledger_kit import LEASE, NOW, TENANT, book_at

pytestmark = pytest.mark.timeout(300)

HISTORY = 20_000
MANY = 100_000
SEASON = 2_000
"""Sittings with a later look, whose exams are sooner than those of all that is due."""

PAGES = 200
"""Of the database that may be looked at beside those of what is claimed; each table here has thousands."""

PLACES = 64
"""As many as a tenant may have."""

LONG = 120.0
"""Seconds that filling a table may take."""

NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
INTO_WORK = f"""INSERT INTO work (tenant, kind, key, due_at, deadline, fence, touched, attempt, unsure)
    {NUMBERS} SELECT 'uni.example', 'sitting', CAST(:prefix AS TEXT) || n, :at, :deadline, 0, 1, 0, FALSE
    FROM numbers"""
INTO_OUTBOX = f"""INSERT INTO outbox (id, tenant, subject, type, body, sealed, deadline, created_at)
    {NUMBERS} SELECT CAST(:prefix AS TEXT) || n, 'uni.example', CAST(:prefix AS TEXT) || n, 'cirrus.test.v1', :body,
    :sealed, :deadline, :at FROM numbers"""
EVENT = {"body": b"x" * 500, "sealed": False}


@pytest.fixture(params=["sqlite", "postgresql", "postgresql with stale statistics"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Lend each database: without statistics, or with those of an hour in which nothing was due or to be told."""
    sqlite = request.param == "sqlite"
    with book_at(f"sqlite:///{tmp_path / 'ledger.db'}" if sqlite else request.getfixturevalue("postgres_url")) as book:
        lent = book.database(timeout=LONG)
        if request.param.endswith("statistics"):
            insert(lent, INTO_WORK, "old", HISTORY, -timedelta(days=30))
            insert(lent, INTO_OUTBOX, "old", HISTORY, -timedelta(days=30), **EVENT)
            with lent.transaction("test") as tx:
                tx.connection.exec_driver_sql("UPDATE work SET due_at = NULL")
                tx.connection.exec_driver_sql("UPDATE outbox SET published_at = created_at")
                tx.connection.exec_driver_sql("ANALYZE")
        yield lent


def insert(
    database: Database,
    statement: str,
    prefix: str,
    count: int,
    deadline: timedelta,
    at: timedelta = timedelta(),
    **rest: Any,  # noqa: ANN401 - columns
) -> None:
    """Insert so many rows, whose names begin with `prefix` and whose moments are counted from now."""
    moments = (sa.bindparam(name, type_=UtcTime()) for name in ("at", "deadline"))
    with database.transaction("test") as tx:
        given = {"prefix": prefix, "count": count, "at": NOW + at, "deadline": NOW + deadline, **rest}
        tx.connection.execute(sa.text(statement).bindparams(*moments), given)


def update(database: Database, *updates: LiteralString) -> None:
    """Update all events of the outbox so many times, and leave what they were before in its pages."""
    with database.transaction("test") as tx:
        for values in updates:
            tx.connection.exec_driver_sql(f"UPDATE outbox SET {values}")


def plan_of(database: Database, ask: Callable[[Transaction], object]) -> list[dict[str, Any]]:
    """Return the steps of the plan by which `ask` finds what it takes, as each database tells them."""
    asked: list[tuple[str, Any]] = []

    def keep(_c: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    with undone(database) as tx:
        event.listen(tx.connection, "before_cursor_execute", keep)
        ask(tx)
        event.remove(tx.connection, "before_cursor_execute", keep)
    [(statement, parameters)] = asked
    with undone(database) as tx:
        tx.sort_nothing()
        if not tx.postgresql:
            rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [{"step": str(row[-1])} for row in rows]
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        return list(steps(tx.connection.exec_driver_sql(explained, parameters).scalar_one()[0]["Plan"]))


@contextmanager
def undone(database: Database) -> Iterator[Transaction]:
    """Lend a transaction of which nothing is left."""
    with database.transaction("test") as tx:
        yield tx
        tx.connection.rollback()


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a step of PostgreSQL's and all below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)


def looks_at_few(plan: list[dict[str, Any]], index: str, rows: int) -> None:
    """Fail unless the plan follows the index, and ends after so many rows."""
    told = orjson.dumps(plan).decode()
    assert index in told
    for mistake in ("TEMP B-TREE", '"Sort"', "Seq Scan", "Bitmap", "Hash"):
        assert mistake not in told
    if "step" not in plan[0]:
        assert plan[0]["Shared Hit Blocks"] + plan[0]["Shared Read Blocks"] < PAGES + 8 * rows


def test_a_claim_of_work_is_short_however_much_is_due(database: Database) -> None:
    """Of 100,000 due rows the most urgent is found at once, also past what is sooner and not due yet."""
    insert(database, INTO_WORK, "later", SEASON, timedelta(days=1), timedelta(hours=1))
    insert(database, INTO_WORK, "due", MANY, timedelta(days=2), -timedelta(minutes=1))
    insert(database, INTO_WORK, "urgent", 1, timedelta(minutes=10))
    for limit, reserve in ((1, 0), (1, 1), (PLACES, 1)):
        claim = partial(
            claim_due, tenant=TENANT, worker="w", limit=limit, lease=LEASE, reserve=Reserve(reserve, timedelta(hours=1))
        )
        looks_at_few(plan_of(database, claim), "work_due", limit)
        with undone(database) as tx:
            assert claim(tx)[0].ref.key == "urgent1"


def test_a_claim_of_events_is_short_however_many_wait(database: Database) -> None:
    """Of 100,000 pending events the most urgent batch is found without a look at the rest."""
    insert(database, INTO_OUTBOX, "new", MANY, timedelta(days=2), **EVENT)
    insert(database, INTO_OUTBOX, "urgent", 1, timedelta(minutes=10), **EVENT)
    looks_at_few(plan_of(database, lambda tx: claim_pending(tx, BATCH, LEASE)), "outbox_pending", BATCH)
    with database.transaction("test") as tx:
        assert claim_pending(tx, BATCH, LEASE)[0].id == "urgent1"


def test_a_claim_of_events_is_short_in_the_middle_of_a_burst(postgres_url: str) -> None:
    """With statistics by which half of all events wait, what waits is not read anew for each event."""
    with book_at(postgres_url) as book:
        database = book.database(timeout=LONG)
        insert(database, INTO_OUTBOX, "told", HISTORY // 2, timedelta(days=2), **EVENT)
        update(database, "lease_until = created_at", "published_at = created_at, subject = 'new' || seq %% 10000")
        insert(database, INTO_OUTBOX, "new", HISTORY // 2, timedelta(days=2), **EVENT)
        update(database, "deadline = deadline + seq %% 20 * INTERVAL '1 day'")
        with database.transaction("test") as tx:
            tx.connection.exec_driver_sql("ANALYZE")
        looks_at_few(plan_of(database, lambda tx: claim_pending(tx, BATCH, LEASE)), "outbox_pending", BATCH)
