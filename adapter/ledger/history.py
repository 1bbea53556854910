"""History: everything the ledger knows of one external id, for `explain`; and the tasks that are open."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from adapter.domain.guard import Kept
from adapter.domain.records import Record, Ref
from adapter.ledger.database import Transaction
from adapter.ledger.holds import kept_of
from adapter.ledger.rows import read_record
from adapter.ledger.schema import journal, outbox, records, tasks
from adapter.ledger.texts import open_note, open_task


@dataclass(frozen=True, slots=True)
class Line:
    """One moment of a history: who did what."""

    at: datetime
    who: str
    what: str
    note: str


@dataclass(frozen=True, slots=True)
class History:
    """One record with all that happened to it, oldest first, and what is kept back from it."""

    tenant: str
    record: Record
    lines: tuple[Line, ...]
    kept: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One manual task."""

    id: str
    tenant: str
    about: Ref
    name: str
    text: str
    steps: tuple[str, ...]
    deadline: datetime | None
    raised_at: datetime
    closed_at: datetime | None


def history_of(tx: Transaction, external_id: str, tenant: str | None = None) -> list[History]:
    """Return the histories of all records that the SIS or Cirrus knows by this id."""
    query = sa.select(records).where(sa.or_(records.c.key == external_id, records.c.external_id == external_id))
    if tenant is not None:
        query = query.where(records.c.tenant == tenant)
    rows = tx.connection.execute(query.order_by(records.c.tenant, records.c.kind, records.c.key)).mappings().all()
    return [_history(tx, row["tenant"], read_record(tx, row)) for row in rows]


def _history(tx: Transaction, tenant: str, record: Record) -> History:
    return History(tenant, record, _lines(tx, tenant, record), kept_of(tx, tenant, record.ref))


def _lines(tx: Transaction, tenant: str, record: Record) -> tuple[Line, ...]:
    noted = sa.select(journal.c.at, journal.c.who, journal.c.what, journal.c.note).where(
        journal.c.tenant == tenant, journal.c.kind == record.ref.kind, journal.c.key == record.ref.key
    )
    told = sa.select(outbox.c.created_at, outbox.c.type, outbox.c.published_at, outbox.c.failure).where(
        outbox.c.tenant == tenant, outbox.c.subject == record.ref.key
    )
    lines = [
        Line(row.at, row.who, row.what, open_note(tx, tenant, record.ref, row.at, row.note))
        for row in tx.connection.execute(noted.order_by(journal.c.seq))
    ]
    for row in tx.connection.execute(told.order_by(outbox.c.seq)):
        state = "published" if row.published_at else row.failure or "to be published"
        lines.append(Line(row.created_at, "told", row.type, state))
    return tuple(sorted(lines, key=lambda line: line.at))


def list_tasks(tx: Transaction, *, closed: bool) -> list[TaskRow]:
    """Return the open tasks, those with the nearest deadline first; with `closed` those that were done, too."""
    query = sa.select(tasks).order_by(tasks.c.deadline, tasks.c.id)
    if not closed:
        query = query.where(tasks.c.closed_at.is_(None))
    return [
        TaskRow(
            row.id,
            row.tenant,
            Ref(row.kind, row.key),
            row.name,
            *open_task(tx, row),
            row.deadline,
            row.raised_at,
            row.closed_at,
        )
        for row in tx.connection.execute(query)
    ]
