"""Intake's transaction: a batch of events becomes desired state, due work and journal, or nothing at all.

What takes away is kept back first (`adapter.domain.guard`), and carried out by `release_removals` in the same way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from adapter.domain.applying import Applied, alias_of, apply
from adapter.domain.envelope import Envelope
from adapter.domain.guard import Course, Keeping, Kept, course, kept_anew, learnt, outlives
from adapter.domain.policy import Policy
from adapter.domain.records import CANDIDATE, DEPARTURE, Change, Record, Ref
from adapter.domain.version import Merge, Rank
from adapter.ledger.aliases import handed_over, survivors
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.departures import leave
from adapter.ledger.removals import (
    Name,
    Standing,
    drop_removals,
    due_removals,
    lock_removals,
    standing_bookings,
    write_removals,
)
from adapter.ledger.rivals import settle_rivals
from adapter.ledger.rows import Query, by_kind, by_ref, in_parts, intake_values, lock_records, read_record
from adapter.ledger.schema import DUE, REJECTED, SETTLED, journal, messages, records
from adapter.ledger.texts import close_note
from adapter.ledger.tombstones import outdated
from adapter.ledger.upsert import append, insert_new, upsert
from adapter.ledger.work import Touch, touch, waiting_homes
from adapter.value import Value

DUPLICATE = "duplicate"
CONFLICT = "conflict"
HELD = "held"

MOST_TELLING = (HELD, Merge.APPLIED.value, Merge.SUPERSEDED.value)
"""What became of an event is what became of its change that comes first here."""

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


class Incoming(Value, frozen=True):
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
    journal: list[dict[str, object]] = field(default_factory=list[dict[str, object]], repr=False)
    kept: dict[Name, Kept] = field(default_factory=dict[Name, Kept])
    rekept: set[Name] = field(default_factory=set[Name])
    overtaken: set[Name] = field(default_factory=set[Name])
    standing: Standing = field(default_factory=Standing)
    survivors: dict[Ref, Ref] = field(default_factory=dict[Ref, Ref])
    merged: dict[Ref, Ref] = field(default_factory=dict[Ref, Ref])


def store_batch(tx: Transaction, incoming: Sequence[Incoming], policies: Mapping[str, Policy]) -> list[str]:
    """Store the events and return for each what became of it.

    `applied`, `unchanged`, `superseded`, `held` (kept back for a moment, or until somebody decides), `duplicate`
    (the same event again) or `conflict` (the same event id with other content, which is not stored).
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
        _hold(tx, batch, [change for index in mine for change in incoming[index].changes])
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
            rows = tx.connection.execute(_SEEN, {"tenant": tenant, "source": source, "ids": some})
            seen |= {(tenant, source, row.id): row.fingerprint for row in rows}
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


_SEEN = sa.select(messages.c.id, messages.c.fingerprint).where(
    messages.c.tenant == sa.bindparam("tenant"),
    messages.c.source == sa.bindparam("source"),
    among(messages.c.id, "ids"),
)


def release_removals(tx: Transaction, tenant: str, policy: Policy, limit: int) -> int:
    """Carry out up to `limit` removals that have waited long enough or were approved, and return how many that were."""
    refs = due_removals(tx, tenant, limit)
    if not refs:
        return 0
    batch = _Batch(tenant, policy)
    _lock(tx, batch, refs)
    # Locked only now, so that nobody has decided otherwise or said something newer meanwhile.
    due = {name: kept for name, kept in lock_removals(tx, tenant, refs).items() if kept.is_due(tx.now)}
    _find_survivors(tx, batch, [kept.change for kept in due.values()])
    for name, kept in sorted(due.items()):
        _change(batch, kept.change)
        batch.kept[name] = replace(kept, state=Keeping.RELEASED, release_at=tx.now)
        batch.rekept.add(name)
        note = f"carried out (event {kept.change.statement.version.event_id})"
        batch.journal.append(_line(tx, tenant, "adapter", kept.event_type, kept.change.ref, note))
    _write(tx, batch)
    return len(due)


def _hold(tx: Transaction, batch: _Batch, changes: Sequence[Change]) -> None:
    _lock(tx, batch, [change.ref for change in changes])
    _find_survivors(tx, batch, changes)
    if batch.policy.guard is None:
        return
    batch.kept = lock_removals(tx, batch.tenant, batch.stored)
    cancels = [change for change in changes if change.statement.version.rank is Rank.CANCEL]
    known = [record for change in cancels if (record := batch.stored.get(change.ref)) is not None]
    if known:
        batch.standing = standing_bookings(tx, batch.tenant, known)


def _find_survivors(tx: Transaction, batch: _Batch, changes: Iterable[Change]) -> None:
    named = {change.about for change in changes if change.about is not None and change.about.kind != change.ref.kind}
    batch.survivors = survivors(tx, batch.tenant, named, batch.held)


def _lock(tx: Transaction, batch: _Batch, refs: Iterable[Ref]) -> None:
    rows = lock_records(tx, batch.tenant, refs)
    batch.stored = {Ref(row["kind"], row["key"]): read_record(tx, row) for row in rows}
    batch.held = dict(batch.stored)


def _apply(tx: Transaction, batch: _Batch, item: Incoming) -> str:
    said: list[str] = []
    for change in item.changes:
        became = _consider(batch, item, change, tx.now)
        if not change.mention:
            said.append(became)
            note = f"{became} (event {item.envelope.id})"
            batch.journal.append(_line(tx, batch.tenant, item.who, item.envelope.type, change.ref, note))
    return next((became for became in MOST_TELLING if became in said), Merge.UNCHANGED.value)


def _consider(batch: _Batch, item: Incoming, change: Change, now: datetime) -> str:
    """Apply a change, or keep it back, and return what became of it."""
    name = (change.ref, change.facet)
    kept = batch.kept.get(name)
    match course(batch.held.get(change.ref), kept, change):
        case Course.KEEP if (new := _removal(batch, item, change, now)) is not None:
            batch.kept[name] = kept_anew(kept, new)
            batch.rekept.add(name)
            return HELD
        case Course.REPEATED if kept is not None:
            _learn(batch, name, kept, change)
            return Merge.UNCHANGED.value
        case Course.OUTDATED if kept is not None:
            _learn(batch, name, kept, change)
            return Merge.SUPERSEDED.value
        case _:
            if kept is not None and kept.standing:
                _meet(batch, name, kept, change)
            return _change(batch, change).value


def _meet(batch: _Batch, name: Name, kept: Kept, change: Change) -> None:
    """Let what is kept outlive an older change; before a newer one it is applied, and both come as if at once."""
    if outlives(kept, change):
        _learn(batch, name, kept, change)
        return
    del batch.kept[name]
    batch.overtaken.add(name)
    _change(batch, kept.change)


def _learn(batch: _Batch, name: Name, kept: Kept, change: Change) -> None:
    batch.kept[name] = learnt(kept, change)
    batch.rekept.add(name)


def _removal(batch: _Batch, item: Incoming, change: Change, now: datetime) -> Kept | None:
    """Return a removal as it is kept back, None where it ends nothing that is still to come."""
    guard, record = batch.policy.guard, batch.held.get(change.ref)
    if guard is None or record is None:
        return None
    if change.ref.kind == CANDIDATE and not batch.policy.withdrawal_cancels:
        return None
    takes = batch.standing.takes(record, now)
    if not takes:
        return None
    return Kept(change, item.envelope.type, takes, now, guard.release_at(now, batch.standing.soonest(takes)))


def _change(batch: _Batch, change: Change) -> Merge:
    before = batch.held.get(change.ref)
    applied = apply(before, _to_survivor(batch, before, change))
    if applied.record != before:
        _take(batch, change, applied)
    return applied.merge


def _to_survivor(batch: _Batch, before: Record | None, change: Change) -> Change:
    """Let what is about somebody who was merged be about the survivor; a booking that stayed behind stays there."""
    survivor = batch.survivors.get(change.about) if change.about is not None else None
    if survivor is None or (before is not None and before.about == change.about):
        return change
    return replace(change, about=survivor)


def _take(batch: _Batch, change: Change, applied: Applied) -> None:
    batch.held[change.ref] = batch.changed[change.ref] = applied.record
    if applied.departure is not None:
        _leave(batch, applied.departure)
    if (survivor := alias_of(applied.record)) is not None:
        batch.merged[change.ref] = survivor
    if not applied.calls_for_a_look:
        return
    if applied.record.open:
        batch.touched.add(applied.record.home)
    if applied.left is not None:
        batch.touched.add(applied.left)
    if change.ripples:
        batch.rippling.add(change.ref)


def _leave(batch: _Batch, departure: Record) -> None:
    """Let a booking leave a home, perhaps not for the first time in this batch."""
    earlier = batch.changed.get(departure.ref)
    if earlier is not None and not departure.confirmed:
        departure = replace(departure, confirmed=earlier.confirmed)
    batch.held[departure.ref] = batch.changed[departure.ref] = departure


def _line(tx: Transaction, tenant: str, who: str, what: str, ref: Ref, note: str) -> dict[str, object]:
    return {
        "at": tx.now,
        "tenant": tenant,
        "kind": ref.kind,
        "key": ref.key,
        "who": who,
        "what": what,
        "note": close_note(tx, tenant, ref, note),
    }


def _write(tx: Transaction, batch: _Batch) -> None:
    if batch.merged:
        _hand_over(tx, batch)
    if batch.changed:
        heirs = settle_rivals(tx, batch.tenant, batch.stored, batch.changed)
        batch.touched |= {record.home for record in heirs if record.open}
        batch.rippling |= {record.ref for record in heirs}
        known = [ref for ref in sorted(batch.changed) if ref in batch.stored and ref.kind != DEPARTURE]
        left = [batch.changed[ref] for ref in sorted(batch.changed) if ref.kind == DEPARTURE]
        new = sorted(batch.changed.keys() - set(known) - {record.ref for record in left})
        known_rows = _rows(tx, batch.tenant, [*(batch.changed[ref] for ref in known), *heirs])
        upsert(tx, records, known_rows, RECORD_KEY, INTAKE_COLUMNS)
        leave(tx, batch.tenant, left)
        insert_new(tx, records, _rows(tx, batch.tenant, [batch.changed[ref] for ref in new]), RECORD_KEY)
    write_removals(tx, batch.tenant, [batch.kept[name] for name in batch.rekept if name in batch.kept])
    drop_removals(tx, batch.tenant, batch.overtaken - batch.kept.keys())
    touched = {Touch(ref, batch.changed[ref].deadline if ref in batch.changed else None) for ref in batch.touched}
    touched |= {Touch(home) for home in _ripple(tx, batch)}
    touched |= {Touch(home) for home in waiting_homes(tx, batch.tenant, batch.changed)}
    touch(tx, batch.tenant, batch.policy, touched)
    append(tx, journal, batch.journal)


def _hand_over(tx: Transaction, batch: _Batch) -> None:
    """Give the bookings of merged people to the survivors, who look at what they have now."""
    final = survivors(tx, batch.tenant, batch.merged, batch.held)
    for each in handed_over(tx, batch.tenant, final, batch.changed):
        ref = each.booking.ref
        if ref not in batch.held:
            batch.stored = {**batch.stored, ref: each.before}
        batch.held[ref] = batch.changed[ref] = each.booking
        if each.departure is not None:
            batch.changed[each.departure.ref] = each.departure
        batch.touched |= {each.booking.home, *final.values()}


def _rows(tx: Transaction, tenant: str, changed: Iterable[Record]) -> list[dict[str, Any]]:
    return [intake_values(tx, tenant, record) for record in changed]


def _ripple(tx: Transaction, batch: _Batch) -> set[Ref]:
    """Let the homes of everything about a changed record look again, also at what was refused because of it.

    The new revision tells a pass that is under way that what it knew of them is no longer all there is.
    """
    homes: set[Ref] = set()
    for some in in_parts(sorted(batch.rippling)):
        keys = by_kind(some)
        given = {"of_tenant": batch.tenant, **keys}
        tx.connection.execute(_reopen(tuple(keys)), given)
        homes |= {Ref(row.home_kind, row.home_key) for row in tx.connection.execute(_homes(tuple(keys)), given)}
    return homes


def _about(kinds: tuple[str, ...]) -> sa.ColumnElement[bool]:
    mine = by_ref(records.c.about_kind, records.c.about_key, kinds)
    return sa.and_(records.c.tenant == sa.bindparam("of_tenant"), mine)


@cache
def _reopen(kinds: tuple[str, ...]) -> sa.Update:
    reopened = sa.case((records.c.status.in_((SETTLED, REJECTED)), DUE), else_=records.c.status)
    return records.update().where(_about(kinds)).values(status=reopened, revision=records.c.revision + 1)


@cache
def _homes(kinds: tuple[str, ...]) -> Query:
    return sa.select(records.c.home_kind, records.c.home_key).where(_about(kinds)).distinct()


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
