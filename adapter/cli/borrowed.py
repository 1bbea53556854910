"""Borrowed rows: what a dry run needs of the real ledger, copied into the throw-away one, never the other way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from adapter.domain.records import Ref
from adapter.ledger.database import Database, Transaction
from adapter.ledger.intake import Incoming
from adapter.ledger.resealing import RECORDS, TASKS, opened
from adapter.ledger.rows import by_kind, by_ref
from adapter.ledger.schema import messages, outbox, records, tasks, work
from adapter.ledger.sealing import Seal
from adapter.ledger.upsert import insert_if_absent

Row = dict[str, Any]
KEYS = {
    "outbox": ("id",),
    **{each.name: tuple(c.name for c in each.primary_key) for each in (messages, records, tasks, work)},
}

FREE: Row = {"lease_by": None, "lease_until": None, "due_at": None, "unsure": False}
"""What is due in the real ledger is none of the dry run's business; only what its events touch becomes due."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Copies rows from `lender`, opened by `seal`, to `borrower`; a row that the borrower has is left as it is."""

    lender: Database
    seal: Seal
    borrower: Database

    def for_events(self, tenant: str, incoming: Sequence[Incoming]) -> None:
        """Copy what intake looks at: messages of these ids, the records spoken of, and who has their external ids."""
        changes = [change for item in incoming for change in item.changes]
        names = {change.external_id for change in changes}
        with self.lender.transaction("plan", snapshot=True, seal=self.seal) as tx:
            known = _rows(tx, messages, messages.c.id.in_([item.envelope.id for item in incoming]), tenant)
            spoken_of = _named(tx, records, {change.ref for change in changes}, tenant)
            names |= {row["external_id"] for row in spoken_of}
            holders = _rows(tx, records, records.c.external_id.in_(names - {None}), tenant)
        self._keep(messages, known)
        self._keep(records, holders)
        self.around(tenant, [change.ref for change in changes])

    def around(self, tenant: str, refs: Iterable[Ref]) -> None:
        """Copy the aggregates of these roots, and all that waits for one of them."""
        roots = set(refs)
        with self.lender.transaction("plan", snapshot=True, seal=self.seal) as tx:
            near = _named(tx, records, roots, tenant, as_a=("", "home_", "about_", "wanting_"))
            named = {Ref(row["home_kind"], row["home_key"]) for row in near}
            named |= {Ref(row["about_kind"], row["about_key"]) for row in near if row["about_key"] is not None}
            near += _named(tx, records, named, tenant)
            owed = _named(tx, work, roots | named, tenant)
            open_tasks = _named(tx, tasks, roots, tenant, as_a=("home_",))
            told = _rows(tx, outbox, outbox.c.subject.in_({row["key"] for row in near}), tenant)
        self._keep(records, near)
        self._keep(work, [{**row, **FREE} for row in owed])
        self._keep(tasks, open_tasks)
        self._keep(outbox, [_told(row) for row in told])

    def _keep(self, table: sa.Table, rows: Sequence[Row]) -> None:
        with self.borrower.transaction("plan") as tx:
            insert_if_absent(tx, table, rows, KEYS[table.name])


def _named(
    tx: Transaction, table: sa.Table, refs: Iterable[Ref], tenant: str, as_a: Sequence[str] = ("",)
) -> list[Row]:
    """Return the rows that name one of the refs, in the columns that begin like this."""
    keys = by_kind(refs)
    where = (by_ref(table.c[f"{role}kind"], table.c[f"{role}key"], keys) for role in as_a)
    return _rows(tx, table, sa.or_(*where), tenant, keys)


def _rows(
    tx: Transaction, table: sa.Table, where: sa.ColumnElement[bool], tenant: str, given: Mapping[str, Any] | None = None
) -> list[Row]:
    query = sa.select(table).where(table.c.tenant == tenant, where)
    stores = [store for store in (RECORDS, TASKS) if store.table is table]
    rows = [dict(row) for row in tx.connection.execute(query, given).mappings()]
    for store in stores:
        rows = [opened(tx, store, row) for row in rows]
    return rows


def _told(row: Row) -> Row:
    """Return an outcome as one that was told, under its id alone: its body may be sealed, and nobody reads it."""
    del row["seq"]
    return {**row, "body": b"", "published_at": row["created_at"]}
