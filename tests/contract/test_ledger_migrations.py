"""The ledger's schema: made by migrations only, on both databases, whoever starts first."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from adapter.errors import LedgerOutdated
from adapter.ledger.migrate import FOLDER, check, found, migrate, needed
from adapter.ledger.schema import metadata
from tests.contract.ledger_kit import Book


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """Lend each database in turn, without a table."""
    sqlite = request.param == "sqlite"
    book = Book(f"sqlite:///{tmp_path / 'ledger.db'}" if sqlite else request.getfixturevalue("postgres_url"))
    yield book
    book.close()


def test_an_empty_database_is_refused_until_it_is_migrated(empty: Book) -> None:
    """The worker never makes the schema on its own; it says which command does."""
    database = empty.database()
    with pytest.raises(LedgerOutdated, match=r"at migration none.*run: cirrus-adapter ledger migrate"):
        check(database)
    assert migrate(database) == needed()
    check(database)


def test_migrating_again_changes_nothing(empty: Book) -> None:
    """A second run finds nothing to do and keeps what is stored."""
    database = empty.database()
    migrate(database)
    with database.transaction("test") as tx:
        tx.connection.execute(
            sa.text("INSERT INTO work VALUES ('t', 'sitting', 's', NULL, '2026-01-01', NULL, NULL, 1, 1, 0, FALSE)")
        )
    assert migrate(database) == needed()
    assert empty.rows("SELECT key FROM work") == [("s",)]


def test_another_migration_is_refused(empty: Book) -> None:
    """A ledger that is behind, or ahead of the program, is not touched."""
    database = empty.database()
    migrate(database)
    with database.transaction("test") as tx:
        tx.connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    assert found(database) == "0000"
    with pytest.raises(LedgerOutdated, match="at migration 0000"):
        check(database)


def test_the_migrations_make_what_the_tables_say(empty: Book) -> None:
    """Alembic finds no difference between the migrated database and `schema.py`."""
    database = empty.database()
    migrate(database)
    with database.transaction("test") as tx:
        context = MigrationContext.configure(tx.connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert partial_indexes(tx.connection) == {
            (index.name, plain(str(index.dialect_options["sqlite"]["where"])))
            for table in metadata.tables.values()
            for index in table.indexes
            if index.dialect_options["sqlite"]["where"] is not None
        }


def partial_indexes(connection: sa.Connection) -> set[tuple[str | None, str]]:
    """Return name and condition of each partial index, which Alembic does not compare."""
    inspector = sa.inspect(connection)
    option = f"{connection.dialect.name}_where"
    return {
        (index["name"], plain(str(index["dialect_options"][option])))
        for table in metadata.tables
        for index in inspector.get_indexes(table)
        if option in index.get("dialect_options", {})
    }


def plain(condition: str) -> str:
    """Return a condition without what PostgreSQL writes differently."""
    return re.sub(r"::text(\[\])?|[()\[\]]", "", condition).replace("= ANY ARRAY", "IN ")


def test_two_deployments_migrate_at_once(empty: Book) -> None:
    """Whoever comes second waits, and then finds nothing to do."""
    databases = [empty.database() for _ in range(4)]
    with ThreadPoolExecutor(len(databases)) as pool:
        assert list(pool.map(migrate, databases)) == [needed()] * len(databases)
    check(databases[0])


def test_what_is_needed_is_what_alembic_takes_for_the_newest() -> None:
    """The files' numbers, which a start goes by, are those of the migrations in them."""
    scripts = ScriptDirectory(str(FOLDER))
    assert needed() == scripts.get_current_head()
    assert all(Path(one.path).name.startswith(f"{one.revision}_") for one in scripts.walk_revisions())
