"""Insert or update many rows at once, in the one form that SQLite and PostgreSQL share."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from adapter.errors import LedgerConflict
from adapter.ledger.database import Transaction

CHUNK = 500
"""Rows in one statement; SQLite takes 32,766 values in one."""


def upsert(
    tx: Transaction,
    table: sa.Table,
    rows: Sequence[dict[str, Any]],
    key: Sequence[str],
    columns: Sequence[str],
    *,
    overrides: dict[str, Any] | None = None,
) -> None:
    """Insert the rows; where the key exists, set `columns` to the row's values and `overrides` to theirs."""
    for chunk in _chunks(rows):
        statement = _insert(tx, table).values(chunk)
        updates: dict[str, Any] = {name: statement.excluded[name] for name in columns}
        if overrides is not None:
            updates |= overrides
        tx.connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=updates))


def insert_new(tx: Transaction, table: sa.Table, rows: Sequence[dict[str, Any]], key: Sequence[str]) -> None:
    """Insert rows that were looked for and not found; another worker's same row is a conflict."""
    for chunk in _chunks(rows):
        statement = _insert(tx, table).values(chunk).on_conflict_do_nothing(index_elements=list(key))
        done = tx.connection.execute(statement, execution_options={"preserve_rowcount": True})
        if done.rowcount != len(chunk):
            raise LedgerConflict(f"another worker stored the same {table.name} first; it is run again")


def insert_if_absent(tx: Transaction, table: sa.Table, rows: Sequence[dict[str, Any]], key: Sequence[str]) -> None:
    """Insert the rows whose key is not there yet; the others were said before."""
    for chunk in _chunks(rows):
        tx.connection.execute(_insert(tx, table).values(chunk).on_conflict_do_nothing(index_elements=list(key)))


def _insert(tx: Transaction, table: sa.Table) -> postgresql.Insert:
    # Both dialects' inserts have the same conflict clauses; the types of one are used for both.
    return postgresql.insert(table) if tx.postgresql else sqlite.insert(table)  # type: ignore[return-value]


def _chunks(rows: Sequence[dict[str, Any]]) -> list[Sequence[dict[str, Any]]]:
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
