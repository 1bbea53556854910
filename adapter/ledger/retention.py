"""Retention: what is old enough to be forgotten. Records are kept: they are the state, not its history."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from adapter.domain.guard import Keeping
from adapter.domain.records import ERASED
from adapter.ledger.database import Transaction
from adapter.ledger.schema import documents, holds, journal, messages, notices, outbox, removals, tasks

DISCARDED = Keeping.DISCARDED.value

MOST = 5000
"""Rows in one transaction, so that it holds up nobody and ends within the statement time-out."""


REMINDED = timedelta(days=30)
"""How long after its day a reminder is kept of somebody who was erased; nothing sees that it was heeded."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of history is kept."""

    journal: timedelta
    messages: timedelta
    outbox: timedelta
    notices: timedelta
    documents: timedelta


def tidy(tx: Transaction, retention: Retention) -> int:
    """Delete up to `MOST` rows of each kind that are past their retention and return how many rows that were.

    An outcome is forgotten only after the broker has confirmed it, a notice only after somebody has looked at it.
    """
    return (
        _delete(tx, journal, journal.c.at < tx.now - retention.journal)
        + _delete(tx, messages, messages.c.received_at < tx.now - retention.messages)
        + _delete(tx, outbox, outbox.c.published_at < tx.now - retention.outbox)
        + _delete(tx, notices, sa.and_(notices.c.received_at < tx.now - retention.notices, notices.c.state != "new"))
        + _delete(tx, documents, documents.c.at < tx.now - retention.documents)
        + _delete(tx, holds, holds.c.closed_at < tx.now - retention.journal)
        + _delete(tx, removals, sa.and_(removals.c.said_at < tx.now - retention.journal, removals.c.state == DISCARDED))
        + _delete(tx, tasks, sa.and_(tasks.c.kind == ERASED, tasks.c.deadline < tx.now - REMINDED))
    )


def _delete(tx: Transaction, table: sa.Table, old: sa.ColumnElement[bool]) -> int:
    key = sa.tuple_(*table.primary_key.columns)
    oldest = sa.select(*table.primary_key.columns).where(old).limit(MOST)
    return tx.connection.execute(table.delete().where(key.in_(oldest))).rowcount
