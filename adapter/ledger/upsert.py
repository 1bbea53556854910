"""Insert or update many rows in one statement whose text is the same for any number of rows.

A statement that spells out each value of each row is compiled, sent and parsed anew every time, which costs
more than everything else that a row goes through. So PostgreSQL gets all rows as one parameter, a JSON array
that it unpacks; SQLite, which runs inside the process, takes them row by row.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from adapter.errors import LedgerConflict
from adapter.ledger.database import Transaction

Rows = Sequence[dict[str, Any]]
"""Column to value, the same columns in every row."""

Names = tuple[str, ...]
"""Of columns."""

Overrides = tuple[tuple[str, Any], ...]
"""Columns with what they are set to, whatever the row says."""

_GIVEN = "given"
_OF = "of_"


def append(tx: Transaction, table: sa.Table, rows: Rows) -> None:
    """Insert rows whose key the database makes."""
    if rows:
        _store(tx, _inserting(table, _shape(tx, rows)), rows)


def upsert(
    tx: Transaction, table: sa.Table, rows: Rows, key: Names, columns: Names, *, overrides: Overrides = ()
) -> None:
    """Insert the rows; where the key exists, set `columns` to the row's values and `overrides` to theirs."""
    if rows:
        _store(tx, _upserting(table, _shape(tx, rows), key, columns, overrides), rows)


def insert_new(tx: Transaction, table: sa.Table, rows: Rows, key: Names) -> None:
    """Insert rows that were looked for and not found; another worker's same row is a conflict."""
    if rows and insert_if_absent(tx, table, rows, key) != len(rows):
        raise LedgerConflict(f"another worker stored the same {table.name} first; it is run again")


def insert_if_absent(tx: Transaction, table: sa.Table, rows: Rows, key: Names) -> int:
    """Insert the rows whose key is not there yet, and return how many that were."""
    return _store(tx, _adding(table, _shape(tx, rows), key), rows) if rows else 0


def update_rows(tx: Transaction, table: sa.Table, rows: Rows, key: Names, columns: Names) -> None:
    """Set `columns` of the rows that have the key."""
    if not rows:
        return
    if tx.postgresql:
        tx.connection.execute(_updating_all(table, key, columns), _packed(rows))
        return
    values = [{**row, **{_OF + name: row[name] for name in key}} for row in rows]
    tx.connection.execute(_updating_each(table, key, columns), values)


def _shape(tx: Transaction, rows: Rows) -> Names | None:
    """Return the columns that the parameter of PostgreSQL unpacks to, None where each row is a parameter."""
    return tuple(rows[0]) if tx.postgresql else None


@cache
def _inserting(table: sa.Table, unpacked: Names | None) -> postgresql.Insert:
    if unpacked is None:
        # Both dialects' inserts have the same conflict clauses; the types of one are used for both.
        inserting: postgresql.Insert = sqlite.insert(table)  # type: ignore[assignment]
    else:
        inserting = postgresql.insert(table).from_select(unpacked, sa.select(*_given(table, unpacked).c))
    return inserting.execution_options(preserve_rowcount=True)


@cache
def _upserting(
    table: sa.Table, unpacked: Names | None, key: Names, columns: Names, overrides: Overrides
) -> postgresql.Insert:
    statement = _inserting(table, unpacked)
    updates = {**{name: statement.excluded[name] for name in columns}, **dict(overrides)}
    return statement.on_conflict_do_update(index_elements=key, set_=updates)


@cache
def _adding(table: sa.Table, unpacked: Names | None, key: Names) -> postgresql.Insert:
    return _inserting(table, unpacked).on_conflict_do_nothing(index_elements=key)


def _store(tx: Transaction, statement: postgresql.Insert, rows: Rows) -> int:
    return tx.connection.execute(statement, _packed(rows) if tx.postgresql else rows).rowcount


@cache
def _updating_all(table: sa.Table, key: Names, columns: Names) -> sa.Update:
    given = _given(table, (*key, *columns))
    update = table.update().where(*(table.c[name] == given.c[name] for name in key))
    return update.values({name: given.c[name] for name in columns})


@cache
def _updating_each(table: sa.Table, key: Names, columns: Names) -> sa.Update:
    # A parameter may not have the name of a column that is set.
    update = table.update().where(*(table.c[name] == sa.bindparam(_OF + name) for name in key))
    return update.values({name: sa.bindparam(name) for name in columns})


def _given(table: sa.Table, names: Names) -> sa.TableValuedAlias:
    """Return the rows of the parameter as a table with these columns."""
    packed = sa.cast(sa.bindparam(_GIVEN, type_=sa.Text()), postgresql.JSON)
    columns = [sa.column(name, table.c[name].type) for name in names]
    return sa.func.json_to_recordset(packed).table_valued(*columns, name=_GIVEN).render_derived(with_types=True)


def _packed(rows: Rows) -> dict[str, str]:
    return {_GIVEN: orjson.dumps(list(rows), default=_hex).decode()}


def _hex(value: object) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(f"a {type(value).__name__} cannot be stored")
