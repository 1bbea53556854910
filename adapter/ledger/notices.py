"""Notices: what the webhook received, kept until it is understood, and longer where it cannot be.

Receiving is one insert. Later, a batch of notices becomes wishes for results, in the same way and in the same
transaction as events of the SIS become desired state.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapter.domain.envelope import Envelope
from adapter.domain.handler import Hear
from adapter.domain.notices import Arrival, Named, Notice
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, SITTING
from adapter.domain.version import fingerprint, utc_text
from adapter.errors import LedgerSealed
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.intake import Incoming, store_batch
from adapter.ledger.schema import notices, records
from adapter.ledger.sealing import place
from adapter.ledger.upsert import append

NEW, UNDERSTOOD, UNREADABLE = "new", "understood", "unreadable"

ANNOUNCED = "cirrus.result.announced"
"""What the journal calls a notice."""

Understand = Callable[[str, bytes], tuple[Named, ...] | str]
"""From a tenant's notice to whose results it names, or why nobody can tell; pure."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One notice as the ledger holds it; without a body when none of our keys opens it."""

    seq: int
    tenant: str
    content_type: str
    received_at: datetime
    state: str
    reason: str | None
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Digested:
    """What became of a batch of notices."""

    understood: int = 0
    unreadable: int = 0


def keep(tx: Transaction, arrivals: Sequence[Arrival]) -> None:
    """Store notices as they came."""
    rows = [
        {
            "tenant": arrival.tenant,
            "content_type": arrival.content_type,
            "body": tx.seal.close(arrival.body, _body(arrival.tenant, tx.now)),
            "sealed": tx.seal.active,
            "received_at": tx.now,
            "state": NEW,
        }
        for arrival in arrivals
    ]
    append(tx, notices, rows)


def digest(
    tx: Transaction,
    limit: int,
    understand: Understand,
    hear: Hear,
    policies: Mapping[str, Policy],
) -> Digested:
    """Turn the oldest new notices into wishes for results; those that cannot be understood are kept with the reason."""
    rows = tx.connection.execute(_OLDEST, {"tenants": sorted(policies), "limit": limit}).all()
    kept = [_kept(tx, row) for row in rows]
    said = {each.seq: _understood(each, understand) for each in kept}
    refused = {seq: named for seq, named in said.items() if isinstance(named, str)}
    understood = [(each, named) for each in kept if not isinstance(named := said[each.seq], str)]
    incoming = [
        as_incoming(Notice(f"notice-{each.seq}-{number}", each.tenant, complete, each.received_at), hear)
        for each, named in understood
        for number, one in enumerate(named)
        for complete in (_completed(tx, each.tenant, one),)
    ]
    if incoming:
        store_batch(tx, incoming, policies)
    _mark(tx, {each.seq: policies[each.tenant].results.keep_raw for each, _ in understood}, refused)
    return Digested(len(understood), len(refused))


_IS_NEW = notices.c.state == sa.literal_column("'new'")
_IS_UNREADABLE = notices.c.state == sa.literal_column("'unreadable'")
_OLDEST = (
    sa.select(notices)
    .where(_IS_NEW, among(notices.c.tenant, "tenants"))
    .order_by(notices.c.seq)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True)
)


def as_incoming(notice: Notice, hear: Hear) -> Incoming:
    """Return the wish for a result in the form in which the ledger takes what is said."""
    change = hear(notice)
    envelope = Envelope(
        id=notice.id,
        source=notice.by,
        type=ANNOUNCED,
        subject=change.ref.key,
        time=notice.at,
        tenant=notice.tenant,
    )
    return Incoming(envelope, (change,), fingerprint(notice.id), who=notice.by)


def listed(tx: Transaction, state: str, limit: int) -> list[Kept]:
    """Return the newest notices in one state."""
    query = sa.select(notices).where(notices.c.state == state).order_by(notices.c.seq.desc()).limit(limit)
    return [_kept(tx, row) for row in tx.connection.execute(query)]


def again(tx: Transaction) -> int:
    """Have all unreadable notices looked at once more, and return how many that are."""
    return tx.connection.execute(notices.update().where(_IS_UNREADABLE).values(state=NEW, reason=None)).rowcount


def counts(tx: Transaction) -> Mapping[str, int]:
    """Count the notices that are new, and those that cannot be read."""
    return {
        NEW: tx.connection.execute(_NEW_ONES).scalar_one(),
        UNREADABLE: tx.connection.execute(_UNREADABLE_ONES).scalar_one(),
    }


_NEW_ONES = sa.select(sa.func.count()).where(_IS_NEW)
_UNREADABLE_ONES = sa.select(sa.func.count()).where(_IS_UNREADABLE)


def _understood(kept: Kept, understand: Understand) -> tuple[Named, ...] | str:
    if kept.body is None:
        return "it is sealed with a key that is not configured"
    return understand(kept.tenant, kept.body)


def _completed(tx: Transaction, tenant: str, named: Named) -> Named:
    """Add candidate and schedule to a notice that names an attempt alone; the booking that has it knows both."""
    if named.complete or named.attempt_id is None:
        return named
    bookings, sittings, candidates = records.alias("b"), records.alias("s"), records.alias("c")
    query = (
        sa.select(sittings.c.external_id, candidates.c.external_id)
        .select_from(bookings)
        .join(
            sittings,
            sa.and_(
                sittings.c.tenant == tenant,
                sittings.c.kind == SITTING,
                sittings.c.key == bookings.c.home_key,
            ),
        )
        .join(
            candidates,
            sa.and_(
                candidates.c.tenant == tenant,
                candidates.c.kind == CANDIDATE,
                candidates.c.key == bookings.c.about_key,
            ),
        )
        .where(
            bookings.c.tenant == tenant,
            bookings.c.kind == BOOKING,
            bookings.c.external_id == named.attempt_id,
            bookings.c.rival.is_(None),
        )
    )
    found = tx.connection.execute(query).first()
    if found is None or None in tuple(found):
        return named
    schedule_id, candidate_id = found
    return Named(candidate_id=candidate_id, schedule_id=schedule_id, attempt_id=named.attempt_id)


def _mark(tx: Transaction, understood: Mapping[int, bool], refused: Mapping[int, str]) -> None:
    """Mark what was looked at; of what was understood the body is kept only where that is wanted."""
    for kept in (True, False):
        mine = [seq for seq, keep_raw in understood.items() if keep_raw is kept]
        done: dict[str, object] = {"state": UNDERSTOOD} if kept else {"state": UNDERSTOOD, "body": b"", "sealed": False}
        if mine:
            tx.connection.execute(_THESE.values(done), {"seqs": mine})
    for reason in sorted(set(refused.values())):
        mine = [seq for seq, why in refused.items() if why == reason]
        tx.connection.execute(_THESE.values(state=UNREADABLE, reason=reason), {"seqs": mine})


_THESE = notices.update().where(among(notices.c.seq, "seqs"))


def _kept(tx: Transaction, row: sa.Row[Any]) -> Kept:
    return Kept(
        row.seq,
        row.tenant,
        row.content_type,
        row.received_at,
        row.state,
        row.reason,
        body_of(tx, row),
    )


def body_of(tx: Transaction, row: sa.Row[Any]) -> bytes | None:
    """Return the body of a notice, None when none of our keys opens it."""
    try:
        return tx.seal.open(row.body, _body(row.tenant, row.received_at)) if row.sealed else bytes(row.body)
    except LedgerSealed:
        return None


def _body(tenant: str, received_at: datetime) -> str:
    # A notice has no name of its own before the database gives it one.
    return place("notices", tenant, utc_text(received_at), "body")
