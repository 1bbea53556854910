"""Insert or update many rows in one statement whose text is the same for any number of rows.

A statement that spells out each value of each row is compiled, sent and parsed anew every time, which costs
more than everything else that a row goes through. So PostgreSQL gets all rows as one parameter, a JSON array
that it unpacks; SQLite, which runs inside the process, takes them row by row.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from adapter.errors import LedgerConflict
from adapter.ledger.database import Transaction

Rows = Sequence[dict[str, Any]]
"""Column to value, the same columns in every row."""

_GIVEN = "given"
_OF = "of_"


def append(tx: Transaction, table: sa.Table, rows: Rows) -> None:
    """Insert rows whose key the database makes."""
    if rows:
        _insert(tx, _inserting(tx, table, rows), rows)


def upsert(
    tx: Transaction,
    table: sa.Table,
    rows: Rows,
    key: Sequence[str],
    columns: Sequence[str],
    *,
    overrides: dict[str, Any] | None = None,
) -> None:
    """Insert the rows; where the key exists, set `columns` to the row's values and `overrides` to theirs."""
    if not rows:
        return
    statement = _inserting(tx, table, rows)
    updates: dict[str, Any] = {name: statement.excluded[name] for name in columns}
    updates |= overrides or {}
    _insert(tx, statement.on_conflict_do_update(index_elements=list(key), set_=updates), rows)


def insert_new(tx: Transaction, table: sa.Table, rows: Rows, key: Sequence[str]) -> None:
    """Insert rows that were looked for and not found; another worker's same row is a conflict."""
    if rows and insert_if_absent(tx, table, rows, key) != len(rows):
        raise LedgerConflict(f"another worker stored the same {table.name} first; it is run again")


def insert_if_absent(tx: Transaction, table: sa.Table, rows: Rows, key: Sequence[str]) -> int:
    """Insert the rows whose key is not there yet, and return how many that were."""
    if not rows:
        return 0
    statement = _inserting(tx, table, rows).on_conflict_do_nothing(index_elements=list(key))
    return _insert(tx, statement, rows)


def update_rows(tx: Transaction, table: sa.Table, rows: Rows, key: Sequence[str], columns: Sequence[str]) -> None:
    """Set `columns` of the rows that have the key."""
    if not rows:
        return
    if tx.postgresql:
        given = _given(table, (*key, *columns))
        statement = table.update().where(*(table.c[name] == given.c[name] for name in key))
        tx.connection.execute(statement.values({name: given.c[name] for name in columns}), _packed(rows))
        return
    # A parameter may not have the name of a column that is set.
    named = table.update().where(*(table.c[name] == sa.bindparam(_OF + name) for name in key))
    values = [{**row, **{_OF + name: row[name] for name in key}} for row in rows]
    tx.connection.execute(named.values({name: sa.bindparam(name) for name in columns}), values)


def _inserting(tx: Transaction, table: sa.Table, rows: Rows) -> postgresql.Insert:
    if not tx.postgresql:
        # Both dialects' inserts have the same conflict clauses; the types of one are used for both.
        return sqlite.insert(table)  # type: ignore[return-value]
    names = tuple(rows[0])
    return postgresql.insert(table).from_select(names, sa.select(*_given(table, names).c))


def _insert(tx: Transaction, statement: postgresql.Insert, rows: Rows) -> int:
    given: dict[str, str] | list[dict[str, Any]] = _packed(rows) if tx.postgresql else list(rows)
    return tx.connection.execute(statement, given, execution_options={"preserve_rowcount": True}).rowcount


@lru_cache(maxsize=64)
def _given(table: sa.Table, names: tuple[str, ...]) -> sa.TableValuedAlias:
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
