"""Migrations: run by command, checked at start; a worker never changes the schema on its own."""

import logging
from pathlib import Path

import sqlalchemy as sa

from adapter.errors import LedgerOutdated
from adapter.ledger.database import Database, Transaction

FOLDER = Path(__file__).parent / "migrations"

# Alembic tells at every look which dialect it found; only what goes wrong is worth a line.
logging.getLogger("alembic").setLevel(logging.WARNING)


def needed() -> str:
    """Return the migration that this version of the program works with."""
    return max(_shipped())


def _shipped() -> frozenset[str]:
    """Return the migrations that this version knows, which are numbered as their files are."""
    return frozenset(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def found(database: Database) -> str | None:
    """Return the migration that the ledger is at, None for an empty database."""
    with database.transaction("migration") as tx:
        return _found(tx)


def _found(tx: Transaction) -> str | None:
    if not sa.inspect(tx.connection).has_table(_VERSION.name):
        return None
    at: str | None = tx.connection.execute(sa.select(_VERSION.c.version_num)).scalar()
    return at


_VERSION = sa.table("alembic_version", sa.column("version_num", sa.Text()))
"""Where Alembic keeps which migration was made last."""


def check(database: Database) -> None:
    """Raise `LedgerOutdated` unless the ledger is at the migration that is needed."""
    at = found(database)
    if at is not None and at not in _shipped():
        raise LedgerOutdated.ahead(at, needed())
    if at != needed():
        raise LedgerOutdated.between(at, needed())


def migrate(database: Database) -> str:
    """Bring the ledger to the newest migration and return its name; a ledger that is there is left as it is.

    Raises `LedgerOutdated` when a newer version has migrated it.
    """
    from alembic import command  # noqa: PLC0415 - a tenth of a second that a start has no use for
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with database.transaction("migrate") as tx:
        if tx.postgresql:
            # Two deployments at once: the second waits, however long, and then finds nothing to do.
            tx.connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            tx.connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
            tx.connection.execute(sa.text("SELECT pg_advisory_xact_lock(20261124)"))
        at = _found(tx)
        if at is not None and at not in _shipped():
            raise LedgerOutdated.ahead(at, needed())
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "head")
    return needed()
