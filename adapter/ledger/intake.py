"""Intake's transaction: a batch of events becomes desired state, due work and journal, or nothing at all."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from adapter.domain.applying import Applied, apply
from adapter.domain.envelope import Envelope
from adapter.domain.policy import Policy
from adapter.domain.records import DEPARTURE, Change, Record, Ref, Status
from adapter.domain.version import Merge
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.rivals import settle_rivals
from adapter.ledger.rows import by_ref, in_parts, intake_values, lock_records, read_record
from adapter.ledger.schema import journal, messages, records
from adapter.ledger.texts import close_note
from adapter.ledger.tombstones import outdated
from adapter.ledger.upsert import append, insert_new, upsert
from adapter.ledger.work import Touch, touch, waiting_homes

DUPLICATE = "duplicate"
CONFLICT = "conflict"

REOPENED = (Status.SETTLED.value, Status.REJECTED.value)

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
    "reason_code",
    "reason_text",
    "cause",
    "deadline",
    "changed_at",
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One event that was understood: what it changes, the fingerprint of its whole content, and who says it."""

    envelope: Envelope
    changes: tuple[Change, ...]
    fingerprint: str
    who: str = "sis"


@dataclass(slots=True)
class _Batch:
    """The events of one tenant in one batch, and what they come to."""

    tenant: str
    policy: Policy
    stored: Mapping[Ref, Record] = field(default_factory=dict[Ref, Record])
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
    said = [(each.envelope.tenant, each.envelope.time, each.changes) for each in (incoming[index] for index in fresh)]
    of_erased = {fresh[position] for position in outdated(tx, said)}
    for index in of_erased:
        handled[index] = str(Merge.SUPERSEDED.value)
    told, fresh = fresh, [index for index in fresh if index not in of_erased]
    batches: dict[str, _Batch] = {}
    for tenant in sorted({incoming[index].envelope.tenant for index in fresh}):
        batches[tenant] = _Batch(tenant, policies[tenant])
    for batch in batches.values():
        mine = [index for index in fresh if incoming[index].envelope.tenant == batch.tenant]
        _hold(tx, batch, [change.ref for index in mine for change in incoming[index].changes])
        for index in mine:
            handled[index] = _apply(tx, batch, incoming[index])
        _write(tx, batch)
    _remember(tx, incoming, handled, told, of_erased)
    return handled


def _known_before(tx: Transaction, incoming: Sequence[Incoming]) -> tuple[list[str], list[int]]:
    """Tell duplicates and conflicts from what is new, also within the batch."""
    keys = {(i.envelope.tenant, i.envelope.source, i.envelope.id) for i in incoming}
    seen: dict[tuple[str, str, str], str] = {}
    for tenant, source in {(tenant, source) for tenant, source, _ in keys}:
        ids = [event_id for t, s, event_id in keys if (t, s) == (tenant, source)]
        for some in in_parts(ids):
            query = sa.select(messages.c.id, messages.c.fingerprint).where(
                messages.c.tenant == tenant, messages.c.source == source, among(messages.c.id, some)
            )
            seen |= {(tenant, source, row.id): row.fingerprint for row in tx.connection.execute(query)}
    handled: list[str] = []
    fresh: list[int] = []
    for index, item in enumerate(incoming):
        key = (item.envelope.tenant, item.envelope.source, item.envelope.id)
        before = seen.get(key)
        if before is None:
            seen[key] = item.fingerprint
            fresh.append(index)
        handled.append("" if before is None else DUPLICATE if before == item.fingerprint else CONFLICT)
    return handled, fresh


def _hold(tx: Transaction, batch: _Batch, refs: Iterable[Ref]) -> None:
    rows = lock_records(tx, batch.tenant, refs)
    batch.stored = {Ref(row["kind"], row["key"]): read_record(tx, row) for row in rows}
    batch.held = dict(batch.stored)


def _apply(tx: Transaction, batch: _Batch, item: Incoming) -> str:
    merges: list[Merge] = []
    for change in item.changes:
        before = batch.held.get(change.ref)
        applied = apply(before, change)
        if not change.mention:
            merges.append(applied.merge)
            batch.journal.append(_said(tx, item, change.ref, applied.merge))
        if applied.record != before:
            _keep(batch, change, applied)
    return _outcome(merges)


def _keep(batch: _Batch, change: Change, applied: Applied) -> None:
    batch.held[change.ref] = batch.changed[change.ref] = applied.record
    if applied.departure is not None:
        batch.held[applied.departure.ref] = batch.changed[applied.departure.ref] = applied.departure
    if not applied.calls_for_a_look:
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


def _said(tx: Transaction, item: Incoming, ref: Ref, merge: Merge) -> dict[str, object]:
    tenant = item.envelope.tenant
    return {
        "at": tx.now,
        "tenant": tenant,
        "kind": ref.kind,
        "key": ref.key,
        "who": item.who,
        "what": item.envelope.type,
        "note": close_note(tx, tenant, ref, f"{merge.value} (event {item.envelope.id})"),
    }


def _write(tx: Transaction, batch: _Batch) -> None:
    if batch.changed:
        heirs = settle_rivals(tx, batch.tenant, batch.stored, batch.changed)
        batch.touched |= {record.home for record in heirs if record.open}
        batch.rippling |= {record.ref for record in heirs}
        known = [ref for ref in sorted(batch.changed) if ref in batch.stored or ref.kind == DEPARTURE]
        new = sorted(batch.changed.keys() - set(known))
        known_rows = _rows(tx, batch.tenant, [*(batch.changed[ref] for ref in known), *heirs])
        upsert(tx, records, known_rows, RECORD_KEY, INTAKE_COLUMNS)
        insert_new(tx, records, _rows(tx, batch.tenant, [batch.changed[ref] for ref in new]), RECORD_KEY)
    touched = {Touch(ref, batch.changed[ref].deadline if ref in batch.changed else None) for ref in batch.touched}
    touched |= {Touch(home) for home in _ripple(tx, batch)}
    touched |= {Touch(home) for home in waiting_homes(tx, batch.tenant, batch.changed)}
    touch(tx, batch.tenant, batch.policy, touched)
    append(tx, journal, batch.journal)


def _rows(tx: Transaction, tenant: str, changed: Iterable[Record]) -> list[dict[str, Any]]:
    return [intake_values(tx, tenant, record) for record in changed]


def _ripple(tx: Transaction, batch: _Batch) -> set[Ref]:
    """Let the homes of everything about a changed record look again, also at what was refused because of it.

    The new revision tells a pass that is under way that what it knew of them is no longer all there is.
    """
    homes: set[Ref] = set()
    for some in in_parts(sorted(batch.rippling)):
        about = sa.and_(records.c.tenant == batch.tenant, by_ref(records.c.about_kind, records.c.about_key, some))
        reopened = sa.case((records.c.status.in_(REOPENED), Status.DUE.value), else_=records.c.status)
        tx.connection.execute(records.update().where(about).values(status=reopened, revision=records.c.revision + 1))
        query = sa.select(records.c.home_kind, records.c.home_key).where(about).distinct()
        homes |= {Ref(row.home_kind, row.home_key) for row in tx.connection.execute(query)}
    return homes


def _remember(
    tx: Transaction,
    incoming: Sequence[Incoming],
    handled: Sequence[str],
    fresh: Iterable[int],
    of_erased: Collection[int],
) -> None:
    """Keep which events have come; of who was erased, without a word about whom."""
    rows = [
        {
            "tenant": incoming[index].envelope.tenant,
            "source": incoming[index].envelope.source,
            "id": incoming[index].envelope.id,
            "type": incoming[index].envelope.type,
            "subject": "" if index in of_erased else incoming[index].envelope.subject,
            "fingerprint": incoming[index].fingerprint,
            "outcome": handled[index],
            "time": incoming[index].envelope.time,
            "received_at": tx.now,
        }
        for index in fresh
    ]
    insert_new(tx, messages, rows, ("tenant", "source", "id"))
