"""Texts: notes of the journal and tasks as they are written to the ledger and read back, sealed with a key."""

from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from adapter.domain.findings import Task
from adapter.domain.records import Ref
from adapter.domain.version import utc_text
from adapter.ledger.database import Transaction
from adapter.ledger.sealing import place


def close_note(tx: Transaction, tenant: str, ref: Ref, note: str) -> str:
    """Return a note that is written to the journal in this transaction."""
    return tx.seal.close_text(note, _note(tenant, ref, tx.now))


def open_note(tx: Transaction, tenant: str, ref: Ref, at: datetime, note: str) -> str:
    """Return the note that was written at this moment; raises `LedgerSealed`."""
    return tx.seal.open_text(note, _note(tenant, ref, at))


def task_values(tx: Transaction, tenant: str, home: Ref, task: Task) -> dict[str, Any]:
    """Return the columns of a task that is raised in this transaction."""
    name = task.id(tenant)
    return {
        "id": name,
        "tenant": tenant,
        "kind": task.ref.kind,
        "key": task.ref.key,
        "home_kind": home.kind,
        "home_key": home.key,
        "name": task.name,
        "text": tx.seal.close_text(task.text, place("tasks", tenant, name, "text")),
        "steps": tx.seal.close_text(orjson.dumps(task.steps).decode(), place("tasks", tenant, name, "steps")),
        "deadline": task.deadline,
        "raised_at": tx.now,
    }


def open_task(tx: Transaction, row: sa.Row[Any]) -> tuple[str, tuple[str, ...]]:
    """Return text and steps of a task; raises `LedgerSealed`."""
    text = tx.seal.open_text(row.text, place("tasks", row.tenant, row.id, "text"))
    return text, tuple(orjson.loads(tx.seal.open_text(row.steps, place("tasks", row.tenant, row.id, "steps"))))


def _note(tenant: str, ref: Ref, at: datetime) -> str:
    return place("journal", tenant, ref.kind, ref.key, utc_text(at), "note")
