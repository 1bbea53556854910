"""Migrations: run by command, checked at start; a worker never changes the schema on its own."""

import logging
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from adapter.errors import LedgerOutdated
from adapter.ledger.database import Database

FOLDER = Path(__file__).parent / "migrations"

# Alembic tells at every look which dialect it found; only what goes wrong is worth a line.
logging.getLogger("alembic").setLevel(logging.WARNING)


def needed() -> str:
    """Return the migration that this version of the program works with."""
    head = ScriptDirectory(str(FOLDER)).get_current_head()
    assert head is not None, "the package ships its migrations"
    return head


def found(database: Database) -> str | None:
    """Return the migration that the ledger is at, None for an empty database."""
    with database.transaction("migration") as tx:
        return MigrationContext.configure(tx.connection).get_current_revision()


def check(database: Database) -> None:
    """Raise `LedgerOutdated` unless the ledger is at the migration that is needed."""
    at = found(database)
    if at is not None and not _known(at):
        raise LedgerOutdated.ahead(at, needed())
    if at != needed():
        raise LedgerOutdated.between(at, needed())


def _known(migration: str) -> bool:
    return migration in {one.revision for one in ScriptDirectory(str(FOLDER)).walk_revisions()}


def migrate(database: Database) -> str:
    """Bring the ledger to the newest migration and return its name; a ledger that is there is left as it is.

    Raises `LedgerOutdated` when a newer version has migrated it.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.transaction("migrate") as tx:
        if tx.postgresql:
            # Two deployments at once: the second waits, however long, and then finds nothing to do.
            tx.connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            tx.connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
            tx.connection.execute(sa.text("SELECT pg_advisory_xact_lock(20261124)"))
        at = MigrationContext.configure(tx.connection).get_current_revision()
        if at is not None and not _known(at):
            raise LedgerOutdated.ahead(at, needed())
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
    return needed()
