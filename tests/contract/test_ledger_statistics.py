"""What PostgreSQL has to know of a ledger that fills faster than autovacuum comes by."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapter.domain.records import BOOKING, Ref
from adapter.ledger.database import Database
from adapter.ledger.rows import lock_records
from adapter.ledger.statistics import analyse_unknown
from tests.contract.ledger_kit import TENANT, book_at

MANY = 5_000
FILL = sa.text(f"""INSERT INTO records (tenant, kind, key, home_kind, home_key, facets, confirmed, revision, status,
    changed_at) SELECT '{TENANT}', '{BOOKING}', 'b' || n, 'sitting', 's' || n % 50, '{{}}', '{{}}', 1, 'settled', now()
    FROM generate_series(1, {MANY}) n""")
READ = sa.text("SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'records_pkey'")
SOME = [Ref(BOOKING, f"b{number}") for number in range(1, MANY, 25)]


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """Lend a ledger that autovacuum does not look at for as long as a test takes."""
    with book_at(postgres_url) as book:
        lent = book.database()
        with lent.transaction("test") as tx:
            tx.connection.exec_driver_sql("ALTER TABLE records SET (autovacuum_enabled = off)")
            tx.connection.execute(FILL)
        yield lent


def entries_read(database: Database) -> int:
    """Return how many entries of its primary key a look for some of the records reads."""

    def count() -> int:
        with database.transaction("test") as tx:
            return int(tx.connection.execute(READ).scalar_one())

    before = count()
    with database.transaction("test") as tx:
        assert len(list(lock_records(tx, TENANT, SOME))) == len(SOME)
        tx.connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
    return count() - before


def test_what_was_never_analysed_is_analysed_once(database: Database) -> None:
    """Then some records among many are found without reading all of them; a table with next to nothing can wait."""
    unknown = entries_read(database)
    with database.transaction("test") as tx:
        assert analyse_unknown(tx) == ["records"]
    assert entries_read(database) < 3 * len(SOME) < MANY <= unknown
    with database.transaction("test") as tx:
        assert analyse_unknown(tx) == []


def test_sqlite_needs_no_statistics(tmp_path: Path) -> None:
    """It prefers the index with the most columns."""
    with book_at(f"sqlite:///{tmp_path / 'ledger.db'}") as book, book.database().transaction("test") as tx:
        assert analyse_unknown(tx) == []


def test_a_role_that_owns_no_table_leaves_it_to_autovacuum(database: Database) -> None:
    """It is not told off in the server's log every ten seconds."""
    with database.transaction("test") as tx:
        tx.connection.exec_driver_sql("CREATE ROLE stranger")
        tx.connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO stranger")
        tx.connection.exec_driver_sql("SET LOCAL ROLE stranger")
        assert analyse_unknown(tx) == []
        tx.connection.rollback()
