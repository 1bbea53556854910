"""Resealing: brings all that the ledger holds of people under the newest key, batch by batch, beside running workers.

A batch is one transaction. What is done is not touched again, so a run that was ended goes on where it was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapter.domain.version import utc_text
from adapter.errors import LedgerSealed
from adapter.ledger.database import Transaction
from adapter.ledger.schema import (
    documents,
    erasures,
    journal,
    notices,
    outbox,
    peppers,
    records,
    removals,
    seal_keys,
    tasks,
)
from adapter.ledger.sealing import HEAD, MARK, place
from adapter.ledger.upsert import insert_if_absent, update_rows

PLAIN = "plain"
"""What a value is under that no key has sealed."""

AT_ONCE = 500
"""Rows that are looked at in one transaction, so that it holds up no worker."""

After = tuple[Any, ...]
"""The primary key of the last row that was looked at."""


@dataclass(frozen=True, slots=True)
class Store:
    """A table with sealed values: the columns that name a row's place, and those that are sealed."""

    table: sa.Table
    named_by: tuple[str, ...]
    texts: tuple[str, ...] = ()
    body: bool = field(default=False, repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are sealed."""
        return (*self.texts, "body") if self.body else self.texts

    def place(self, row: Mapping[str, Any], column: str) -> str:
        """Name the place of a value in this row."""
        return place(self.table.name, *(_text(row[name]) for name in self.named_by), column)


def _text(value: object) -> str:
    return utc_text(value) if isinstance(value, datetime) else str(value)


RECORDS = Store(records, ("tenant", "kind", "key"), ("facets", "confirmed", "reason_text", "wanting_reason"))
TASKS = Store(tasks, ("tenant", "id"), ("text", "steps"))
STORES = (
    RECORDS,
    TASKS,
    Store(outbox, ("tenant", "id"), body=True),
    Store(documents, ("tenant", "kind", "key", "part", "version"), body=True),
    Store(notices, ("tenant", "received_at"), body=True),
    Store(erasures, ("tenant", "key"), ("orders",)),
    Store(peppers, ("name",), ("value",)),
    Store(removals, ("tenant", "kind", "key", "facet"), ("said",)),
    Store(journal, ("tenant", "kind", "key", "at"), ("note",)),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction did: rows sealed anew, rows that no key of ours opens, and where the next one begins."""

    table: str
    resealed: int
    unread: int
    after: After | None = field(repr=False)


def reseal(tx: Transaction, store: Store, after: After | None) -> Batch:
    """Bring up to `AT_ONCE` rows that follow `after` under the newest key; `Batch.after` is None at the table's end."""
    key = tuple(store.table.primary_key.columns)
    names = [str(column.key) for column in key]
    passed = sa.true() if after is None else sa.tuple_(*key) > sa.tuple_(*after)
    looked_at = tx.connection.execute(sa.select(*key).where(passed).order_by(*key).limit(AT_ONCE)).all()
    if not looked_at:
        return Batch(store.table.name, 0, 0, None)
    last = tuple(looked_at[-1])
    stale = sa.select(store.table).where(passed, sa.tuple_(*key) <= sa.tuple_(*last), _stale(tx, store))
    if tx.postgresql:
        # A row that a worker holds is being written, and so sealed anew.
        stale = stale.with_for_update(skip_locked=True)
    rows: list[dict[str, Any]] = []
    unread = 0
    for row in map(dict, tx.connection.execute(stale).mappings().all()):
        try:
            rows.append({**{name: row[name] for name in names}, **_closed(tx, store, row)})
        except LedgerSealed:
            unread += 1
    columns = (*store.columns, "sealed") if store.body else store.columns
    update_rows(tx, store.table, rows, tuple(names), columns)
    return Batch(store.table.name, len(rows), unread, last if len(looked_at) == AT_ONCE else None)


def opened(tx: Transaction, store: Store, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with its texts in plain; raises `LedgerSealed`."""
    plain = {name: tx.seal.open_text(row[name], store.place(row, name)) for name in store.texts if row[name]}
    return {**row, **plain}


def counted(tx: Transaction) -> dict[str, dict[str, int]]:
    """Count for each table the values under each key, by its id, and those in plain."""
    _take_time(tx)
    return {store.table.name: dict(_counted(tx, store)) for store in STORES}


def check_keys(tx: Transaction) -> None:
    """Write down the id of the newest key; raises `LedgerSealed` when a key is missing that was ever in use."""
    used = {row.id for row in tx.connection.execute(sa.select(seal_keys.c.id))}
    if missing := used - tx.seal.key_ids:
        raise LedgerSealed.without(missing)
    if tx.seal.newest is not None and tx.seal.newest not in used:
        insert_if_absent(tx, seal_keys, [{"id": tx.seal.newest, "since": tx.now}], ("id",))


def settle_keys(tx: Transaction) -> dict[str, int]:
    """Strike off the keys that seal nothing any more; return how many values are not under the newest, by key.

    A worker that still seals with one of those writes it down again when it is next asked whether it is ready.
    """
    left: dict[str, int] = {}
    for numbers in counted(tx).values():
        for key, number in numbers.items():
            left[key] = left.get(key, 0) + number
    tx.connection.execute(seal_keys.delete().where(seal_keys.c.id.not_in({*left, tx.seal.newest})))
    return {key: number for key, number in sorted(left.items()) if key != tx.seal.newest}


def _closed(tx: Transaction, store: Store, row: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in store.texts:
        at = store.place(row, name)
        values[name] = None if row[name] is None else tx.seal.close_text(tx.seal.open_text(row[name], at), at)
    if store.body:
        at = store.place(row, "body")
        plain = tx.seal.open(row["body"], at) if row["sealed"] else bytes(row["body"])
        values |= {"body": tx.seal.close(plain, at), "sealed": True}
    return values


def _stale(tx: Transaction, store: Store) -> sa.ColumnElement[bool]:
    """Match rows that hold something that is not under the newest key; of a notice that was used no body is left."""
    head = f"{MARK}{tx.seal.newest}:"
    others = [sa.func.substr(store.table.c[name], 1, HEAD) != head for name in store.texts]
    if store.body:
        body = store.table.c.body
        mine = sa.and_(store.table.c.sealed, sa.func.substr(body, 1, HEAD) == head.encode())
        others.append(sa.and_(sa.not_(mine), sa.func.length(body) > 0))
    return sa.or_(*others)


def _counted(tx: Transaction, store: Store) -> Iterator[tuple[str, int]]:
    totals: dict[str, int] = {}
    for name in store.columns:
        column = store.table.c[name]
        is_body = name == "body"
        begins = sa.func.substr(column, 1, HEAD)
        mark: Any = MARK.encode() if is_body else MARK
        sealed = sa.func.substr(column, 1, len(MARK)) == mark
        if is_body:
            sealed = sa.and_(sealed, store.table.c.sealed)
        under = sa.case((sealed, begins), else_=sa.null())
        query = sa.select(under, sa.func.count()).where(sa.func.length(column) > 0).group_by(under)
        for found, number in tx.connection.execute(query):
            totals[_key(found)] = totals.get(_key(found), 0) + number
    yield from sorted(totals.items())


def _key(head: str | bytes | None) -> str:
    if head is None:
        return PLAIN
    text = head if isinstance(head, str) else bytes(head).decode(errors="replace")
    return text[len(MARK) : -1]


def _take_time(tx: Transaction) -> None:
    if tx.postgresql:
        tx.connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
