"""Work: which aggregates are due, who holds them, and until when; the most urgent exam first.

A claim is a lease with a fence. Whoever lets a lease run out may still be in a call, so the next holder
finds `unsure` set and reads Cirrus before sending anything; the former holder's fence no longer fits, so
nothing it writes later is stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from adapter.domain.policy import Policy
from adapter.domain.records import Ref
from adapter.errors import LeaseLost
from adapter.ledger.database import Transaction
from adapter.ledger.rows import by_ref, in_parts
from adapter.ledger.schema import FAR, WAITING, records, work
from adapter.ledger.upsert import upsert

STALE = timedelta(days=1)
"""A deadline so long past says nothing any more: work after an exam must not go before the next one's."""


@dataclass(frozen=True, slots=True)
class Touch:
    """An aggregate to be looked at.

    `deadline` is its own and replaces the one that was known; `needed_by` is when another one needs it, and
    only ever brings the deadline forward.
    """

    ref: Ref
    deadline: datetime | None = None
    needed_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on one aggregate."""

    tenant: str
    ref: Ref
    fence: int
    touched: int
    attempt: int
    deadline: datetime
    unsure: bool


def touch(tx: Transaction, tenant: str, policy: Policy, touches: Iterable[Touch], *, held: Claim | None = None) -> None:
    """Make aggregates due, urgent ones at once and the rest after the linger.

    All rows are locked in one order, with that of `held`, which the caller goes on to write.
    """
    by_name: dict[Ref, list[Touch]] = {}
    for item in touches:
        by_name.setdefault(item.ref, []).append(item)
    if not by_name:
        return
    known = _lock(tx, tenant, {*by_name, *([held.ref] if held else [])})
    rows: list[dict[str, Any]] = []
    for ref in sorted(by_name):
        deadline = _deadline(known.get(ref, FAR), by_name[ref], tx.now)
        rows.append(
            {
                "tenant": tenant,
                "kind": ref.kind,
                "key": ref.key,
                "due_at": policy.due_at(tx.now, deadline),
                "deadline": deadline,
                "fence": 0,
                "touched": 1,
                "attempt": 0,
            }
        )
    due: sa.ColumnClause[datetime] = sa.literal_column("excluded.due_at", work.c.due_at.type)
    sooner = sa.case((work.c.due_at.is_(None), due), (due < work.c.due_at, due), else_=work.c.due_at)
    overrides = {"due_at": sooner, "touched": work.c.touched + 1}
    upsert(tx, work, rows, ("tenant", "kind", "key"), ("deadline",), overrides=overrides)


def _lock(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> dict[Ref, datetime]:
    known: dict[Ref, datetime] = {}
    for some in in_parts(sorted(refs)):
        query = (
            sa.select(work.c.kind, work.c.key, work.c.deadline)
            .where(work.c.tenant == tenant, by_ref(work.c.kind, work.c.key, some))
            .order_by(work.c.kind, work.c.key)
        )
        if tx.postgresql:
            query = query.with_for_update()
        known |= {Ref(row.kind, row.key): row.deadline for row in tx.connection.execute(query)}
    return known


def _deadline(known: datetime, touches: Iterable[Touch], now: datetime) -> datetime:
    deadline = known if now - known < STALE else FAR
    for item in touches:
        deadline = item.deadline or deadline
    needed = [item.needed_by for item in touches if item.needed_by is not None]
    return min([deadline, *needed])


def waiting_homes(tx: Transaction, tenant: str, awaited: Iterable[Ref]) -> set[Ref]:
    """Return the homes of the records that wait for one of `awaited`."""
    homes: set[Ref] = set()
    for some in in_parts(awaited):
        query = (
            sa.select(records.c.home_kind, records.c.home_key)
            .where(
                records.c.tenant == tenant,
                records.c.status == WAITING,
                by_ref(records.c.wanting_kind, records.c.wanting_key, some),
            )
            .distinct()
        )
        homes |= {Ref(row.home_kind, row.home_key) for row in tx.connection.execute(query)}
    return homes


def claim_due(tx: Transaction, tenant: str, worker: str, limit: int, lease: timedelta) -> list[Claim]:
    """Take up to `limit` due aggregates, earliest deadline first."""
    free = sa.or_(work.c.lease_until.is_(None), work.c.lease_until <= tx.now)
    query = (
        sa.select(work)
        .where(work.c.tenant == tenant, work.c.due_at <= tx.now, free)
        .order_by(work.c.deadline, work.c.due_at)
        .limit(limit)
    )
    if tx.postgresql:
        query = query.with_for_update(skip_locked=True)
    claims: list[Claim] = []
    for row in tx.connection.execute(query).all():
        ref = Ref(row.kind, row.key)
        claims.append(
            Claim(tenant, ref, row.fence + 1, row.touched, row.attempt, row.deadline, unsure=row.lease_by is not None)
        )
    if claims:
        values = {"lease_by": worker, "lease_until": tx.now + lease, "fence": work.c.fence + 1}
        tx.connection.execute(
            work.update()
            .where(work.c.tenant == tenant, by_ref(work.c.kind, work.c.key, [claim.ref for claim in claims]))
            .values(values)
        )
    return claims


def renew_leases(tx: Transaction, held: Iterable[Claim], lease: timedelta) -> int:
    """Prolong the leases of claims that are being worked on and return how many are still good."""
    return sum(
        _update(tx, claim, {"lease_until": tx.now + lease})
        for claim in sorted(held, key=lambda claim: (claim.tenant, claim.ref))
    )


def hold_lease(tx: Transaction, claim: Claim, lease: timedelta) -> None:
    """Prolong the lease, or raise `LeaseLost` and so undo the whole transaction."""
    _guarded(tx, claim, {"lease_until": tx.now + lease})


def release(tx: Transaction, claim: Claim, due_at: datetime | None, attempt: int, again_at: datetime) -> None:
    """Give the aggregate back: due at `due_at`, or at `again_at` when something changed meanwhile."""
    changed = work.c.touched != claim.touched
    moment = work.c.due_at.type
    _guarded(
        tx,
        claim,
        {
            "lease_by": None,
            "lease_until": None,
            "attempt": attempt,
            "due_at": sa.case((changed, sa.literal(again_at, moment)), else_=sa.literal(due_at, moment)),
        },
    )


def _guarded(tx: Transaction, claim: Claim, values: dict[str, Any]) -> None:
    if not _update(tx, claim, values):
        raise LeaseLost(f"{claim.ref} was claimed by another worker")


def _update(tx: Transaction, claim: Claim, values: dict[str, Any]) -> int:
    """Write to the claimed row as long as the lease has not been given to anybody else, or given back."""
    mine = sa.and_(
        work.c.tenant == claim.tenant,
        work.c.kind == claim.ref.kind,
        work.c.key == claim.ref.key,
        work.c.fence == claim.fence,
        work.c.lease_by.is_not(None),
    )
    return tx.connection.execute(work.update().where(mine).values(values)).rowcount
