"""Retention: what is old enough to be forgotten. Records are kept: they are the state, not its history."""

from dataclasses import dataclass
from datetime import timedelta

from adapter.ledger.database import Transaction
from adapter.ledger.schema import journal, messages, outbox


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each kind of history is kept."""

    journal: timedelta
    messages: timedelta
    outbox: timedelta


def tidy(tx: Transaction, retention: Retention) -> int:
    """Delete what is past its retention and return how many rows that were.

    An outcome is forgotten only after the broker has confirmed it.
    """
    deleted = 0
    for statement in (
        journal.delete().where(journal.c.at < tx.now - retention.journal),
        messages.delete().where(messages.c.received_at < tx.now - retention.messages),
        outbox.delete().where(outbox.c.published_at < tx.now - retention.outbox),
    ):
        deleted += tx.connection.execute(statement).rowcount
    return deleted
