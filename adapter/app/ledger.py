"""The ledger as its settings say: where it is, how it is sealed, and how long its history is kept."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from adapter.app.clock import utc_now, worker_name
from adapter.ledger.database import Database
from adapter.ledger.ledger import Ledger
from adapter.ledger.retention import Retention
from adapter.ledger.sealing import Seal
from adapter.settings import Settings


def _unwatched(operation: str, seconds: float, failed: bool) -> None:  # noqa: FBT001 - an observer's shape
    """Watch nothing: a command that ends at once exports no metrics."""
    _ = (operation, seconds, failed)


def open_database(settings: Settings, observe: Callable[[str, float, bool], None] = _unwatched) -> Database:
    """Open the ledger's database; its folder is made when it is a file."""
    url = sa.make_url(settings.ledger.read_url())
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return Database(
        settings.ledger.read_url(),
        utc_now,
        time.monotonic,
        observe=observe,
        pool_size=settings.ledger.pool_size,
        timeout=settings.ledger.statement_timeout_s,
    )


def open_ledger(settings: Settings, observe: Callable[[str, float, bool], None] = _unwatched) -> Ledger:
    """Open the ledger; whether it is migrated is for `Ledger.check` to say."""
    return Ledger(
        open_database(settings, observe),
        source=settings.broker.source,
        seal=Seal(settings.ledger.read_seal_keys()),
        worker=worker_name(),
    )


def retention(settings: Settings) -> Retention:
    """Return how long each kind of history is kept."""
    ledger = settings.ledger
    return Retention(
        journal=timedelta(days=ledger.journal_days),
        messages=timedelta(days=ledger.messages_days),
        outbox=timedelta(days=ledger.outbox_days),
        notices=timedelta(days=ledger.notices_days),
        documents=timedelta(days=ledger.documents_days),
    )
