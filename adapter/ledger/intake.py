"""Intake's transaction: a batch of events becomes desired state, due work and journal, or nothing at all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapter.domain.applying import Applied, apply
from adapter.domain.envelope import Envelope
from adapter.domain.policy import Policy
from adapter.domain.records import DEPARTURE, Change, Record, Ref
from adapter.domain.version import Merge
from adapter.ledger.database import Transaction
from adapter.ledger.rows import intake_values, read_record, select_records
from adapter.ledger.schema import journal, messages, records
from adapter.ledger.upsert import insert_new, upsert
from adapter.ledger.work import Touch, touch, waiting_homes

DUPLICATE = "duplicate"
CONFLICT = "conflict"

RECORD_KEY = ("tenant", "kind", "key")

INTAKE_COLUMNS = (
    "home_kind",
    "home_key",
    "about_kind",
    "about_key",
    "external_id",
    "rival",
    "facets",
    "confirmed",
    "revision",
    "status",
    "cause",
    "deadline",
    "changed_at",
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event that was understood: what it changes, and the fingerprint of its whole content."""

    envelope: Envelope
    changes: tuple[Change, ...]
    fingerprint: str


@dataclass(slots=True)
class _Batch:
    """The events of one tenant in one batch, and what they come to."""

    tenant: str
    policy: Policy
    stored: frozenset[Ref] = frozenset()
    held: dict[Ref, Record] = field(default_factory=dict[Ref, Record])
    changed: dict[Ref, Record] = field(default_factory=dict[Ref, Record])
    touched: set[Ref] = field(default_factory=set[Ref])
    rippling: set[Ref] = field(default_factory=set[Ref])
    journal: list[dict[str, object]] = field(default_factory=list[dict[str, object]])


def store_batch(tx: Transaction, incoming: Sequence[Incoming], policies: Mapping[str, Policy]) -> list[str]:
    """Store the events and return for each what became of it.

    `applied`, `unchanged`, `superseded`, `duplicate` (the same event again) or `conflict` (the same event
    id with other content, which is not stored).
    """
    handled, fresh = _known_before(tx, incoming)
    batches: dict[str, _Batch] = {}
    for index in fresh:
        tenant = incoming[index].envelope.tenant
        batches.setdefault(tenant, _Batch(tenant, policies[tenant]))
    for batch in batches.values():
        mine = [index for index in fresh if incoming[index].envelope.tenant == batch.tenant]
        _hold(tx, batch, [change.ref for index in mine for change in incoming[index].changes])
        for index in mine:
            handled[index] = _apply(batch, incoming[index], tx.now)
        _write(tx, batch)
    _remember(tx, incoming, handled, fresh)
    return handled


def _known_before(tx: Transaction, incoming: Sequence[Incoming]) -> tuple[list[str], list[int]]:
    """Tell duplicates and conflicts from what is new, also within the batch."""
    keys = {(i.envelope.tenant, i.envelope.source, i.envelope.id) for i in incoming}
    seen: dict[tuple[str, str, str], str] = {}
    for tenant, source in {(tenant, source) for tenant, source, _ in keys}:
        ids = [event_id for t, s, event_id in keys if (t, s) == (tenant, source)]
        query = sa.select(messages.c.id, messages.c.fingerprint).where(
            messages.c.tenant == tenant, messages.c.source == source, messages.c.id.in_(ids)
        )
        seen |= {(tenant, source, row.id): row.fingerprint for row in tx.connection.execute(query)}
    handled: list[str] = []
    fresh: list[int] = []
    for index, item in enumerate(incoming):
        key = (item.envelope.tenant, item.envelope.source, item.envelope.id)
        before = seen.setdefault(key, item.fingerprint) if key in seen else None
        if before is None:
            seen[key] = item.fingerprint
            fresh.append(index)
        handled.append("" if before is None else DUPLICATE if before == item.fingerprint else CONFLICT)
    return handled, fresh


def _hold(tx: Transaction, batch: _Batch, refs: Iterable[Ref]) -> None:
    """Read and lock the records that may change, always in the same order."""
    query = select_records(batch.tenant, sorted(set(refs))).order_by(records.c.kind, records.c.key)
    if tx.postgresql:
        query = query.with_for_update()
    batch.held = {Ref(row["kind"], row["key"]): read_record(row) for row in tx.connection.execute(query).mappings()}
    batch.stored = frozenset(batch.held)


def _apply(batch: _Batch, item: Incoming, now: datetime) -> str:
    merges: list[Merge] = []
    for change in item.changes:
        before = batch.held.get(change.ref)
        applied = apply(before, change)
        if not change.mention:
            merges.append(applied.merge)
            batch.journal.append(_said(batch.tenant, item.envelope, change.ref, applied.merge, now))
        if applied.record != before:
            _keep(batch, change, applied)
    return _outcome(merges)


def _keep(batch: _Batch, change: Change, applied: Applied) -> None:
    batch.held[change.ref] = batch.changed[change.ref] = applied.record
    if applied.departure is not None:
        batch.held[applied.departure.ref] = batch.changed[applied.departure.ref] = applied.departure
    if applied.merge is not Merge.APPLIED:
        return
    if applied.record.open:
        batch.touched.add(applied.record.home)
    if applied.left is not None:
        batch.touched.add(applied.left)
    if change.ripples:
        batch.rippling.add(change.ref)


def _outcome(merges: list[Merge]) -> str:
    for merge in (Merge.APPLIED, Merge.SUPERSEDED):
        if merge in merges:
            return str(merge.value)
    return str(Merge.UNCHANGED.value)


def _said(tenant: str, envelope: Envelope, ref: Ref, merge: Merge, now: datetime) -> dict[str, object]:
    return {
        "at": now,
        "tenant": tenant,
        "kind": ref.kind,
        "key": ref.key,
        "who": "sis",
        "what": envelope.type,
        "note": f"{merge.value} (event {envelope.id})",
    }


def _write(tx: Transaction, batch: _Batch) -> None:
    if batch.changed:
        _find_rivals(tx, batch)
        known = [ref for ref in sorted(batch.changed) if ref in batch.stored or ref.kind == DEPARTURE]
        new = sorted(batch.changed.keys() - set(known))
        upsert(tx, records, _rows(tx, batch, known), RECORD_KEY, INTAKE_COLUMNS)
        insert_new(tx, records, _rows(tx, batch, new), RECORD_KEY)
    touched = {Touch(ref, batch.held[ref].deadline if ref in batch.held else None) for ref in batch.touched}
    touched |= {Touch(home, None) for home in _ripple(tx, batch)}
    touched |= {Touch(home, None) for home in waiting_homes(tx, batch.tenant, batch.changed)}
    touch(tx, batch.tenant, batch.policy, touched)
    if batch.journal:
        tx.connection.execute(journal.insert(), batch.journal)


def _rows(tx: Transaction, batch: _Batch, refs: Iterable[Ref]) -> list[dict[str, Any]]:
    return [intake_values(batch.tenant, batch.changed[ref], tx.now) for ref in refs]


def _find_rivals(tx: Transaction, batch: _Batch) -> None:
    """Mark records whose external id another record of the same kind has had before."""
    named = {(ref.kind, record.external_id): ref for ref, record in batch.changed.items() if record.external_id}
    kinds = {kind for kind, _ in named}
    owners: dict[tuple[str, str], list[str]] = {}
    for kind in kinds:
        wanted = [external_id for k, external_id in named if k == kind]
        query = sa.select(records.c.external_id, records.c.key).where(
            records.c.tenant == batch.tenant,
            records.c.kind == kind,
            records.c.external_id.in_(wanted),
            records.c.rival.is_(None),
        )
        for row in tx.connection.execute(query):
            owners.setdefault((kind, row.external_id), []).append(row.key)
    for ref, record in list(batch.changed.items()):
        if record.external_id is None:
            continue
        holders = owners.setdefault((ref.kind, record.external_id), [])
        rival = next((key for key in holders if key != ref.key), None)
        if ref.key in holders:
            rival = None
        if rival is None:
            holders.append(ref.key)
        if rival != record.rival:
            batch.held[ref] = batch.changed[ref] = replace(record, rival=rival)


def _ripple(tx: Transaction, batch: _Batch) -> set[Ref]:
    """Let the homes of everything about a changed record look again."""
    if not batch.rippling:
        return set()
    about = sa.and_(
        records.c.tenant == batch.tenant,
        sa.or_(
            *(sa.and_(records.c.about_kind == r.kind, records.c.about_key == r.key) for r in sorted(batch.rippling))
        ),
    )
    tx.connection.execute(records.update().where(about, records.c.status == "settled").values(status="due"))
    rows = tx.connection.execute(sa.select(records.c.home_kind, records.c.home_key).where(about).distinct())
    return {Ref(row.home_kind, row.home_key) for row in rows}


def _remember(tx: Transaction, incoming: Sequence[Incoming], handled: Sequence[str], fresh: Iterable[int]) -> None:
    rows = [
        {
            "tenant": incoming[index].envelope.tenant,
            "source": incoming[index].envelope.source,
            "id": incoming[index].envelope.id,
            "type": incoming[index].envelope.type,
            "subject": incoming[index].envelope.subject,
            "fingerprint": incoming[index].fingerprint,
            "outcome": handled[index],
            "time": incoming[index].envelope.time,
            "received_at": tx.now,
        }
        for index in fresh
    ]
    insert_new(tx, messages, rows, ("tenant", "source", "id"))
