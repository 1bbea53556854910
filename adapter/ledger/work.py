"""Work: which aggregates are due, who holds them, and until when; the most urgent exam first.

A claim is a lease with a fence. Whoever lets a lease run out may still be in a call, so the next holder
finds `unsure` set and reads Cirrus before sending anything; the former holder's fence no longer fits, so
nothing it writes later is stored.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from adapter.domain.policy import Policy
from adapter.domain.records import Ref
from adapter.errors import LeaseLost
from adapter.ledger.database import Transaction
from adapter.ledger.rows import Query, by_kind, by_ref, rows_of
from adapter.ledger.schema import FAR, WAITING, records, work
from adapter.ledger.upsert import Overrides, upsert

_MOMENT = work.c.due_at.type

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
    upsert(tx, work, rows, ("tenant", "kind", "key"), ("deadline",), overrides=_AGAIN)


_NEW_DUE: sa.ColumnClause[datetime] = sa.literal_column("excluded.due_at", _MOMENT)
_SOONER = sa.case((work.c.due_at.is_(None), _NEW_DUE), (work.c.due_at > _NEW_DUE, _NEW_DUE), else_=work.c.due_at)
_AGAIN: Overrides = (("due_at", _SOONER), ("touched", work.c.touched + 1))


def _lock(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> dict[Ref, datetime]:
    found = rows_of(tx, _locked, sorted(refs), tenant=tenant)
    return {Ref(row["kind"], row["key"]): row["deadline"] for row in found}


@cache
def _locked(kinds: tuple[str, ...]) -> Query:
    return (
        sa.select(work.c.kind, work.c.key, work.c.deadline)
        .where(work.c.tenant == sa.bindparam("tenant"), by_ref(work.c.kind, work.c.key, kinds))
        .order_by(work.c.kind, work.c.key)
        .with_for_update()
    )


def _deadline(known: datetime, touches: Iterable[Touch], now: datetime) -> datetime:
    deadline = known if now - known < STALE else FAR
    for item in touches:
        deadline = item.deadline or deadline
    needed = [item.needed_by for item in touches if item.needed_by is not None]
    return min([deadline, *needed])


def waiting_homes(tx: Transaction, tenant: str, awaited: Iterable[Ref]) -> set[Ref]:
    """Return the homes of the records that wait for one of `awaited`."""
    return {Ref(row["home_kind"], row["home_key"]) for row in rows_of(tx, _waiting_for, awaited, tenant=tenant)}


@cache
def _waiting_for(kinds: tuple[str, ...]) -> Query:
    return (
        sa.select(records.c.home_kind, records.c.home_key)
        .where(
            records.c.tenant == sa.bindparam("tenant"),
            records.c.status == WAITING,
            by_ref(records.c.wanting_kind, records.c.wanting_key, kinds),
        )
        .distinct()
    )


def claim_due(tx: Transaction, tenant: str, worker: str, limit: int, lease: timedelta) -> list[Claim]:
    """Take up to `limit` due aggregates, earliest deadline first."""
    claims: list[Claim] = []
    for row in tx.connection.execute(_DUE, {"tenant": tenant, "now": tx.now, "limit": limit}).all():
        ref = Ref(row.kind, row.key)
        claims.append(
            Claim(tenant, ref, row.fence + 1, row.touched, row.attempt, row.deadline, unsure=row.lease_by is not None)
        )
    if claims:
        keys = by_kind(claim.ref for claim in claims)
        given = {"of_tenant": tenant, "worker": worker, "until": tx.now + lease}
        tx.connection.execute(_lease(tuple(keys)), {**given, **keys})
    return claims


def held(tx: Transaction, tenant: str) -> int:
    """Count the claims that all workers hold of a tenant."""
    return tx.connection.execute(_HELD, {"tenant": tenant, "now": tx.now}).scalar_one()


_HELD = sa.select(sa.func.count()).where(
    work.c.tenant == sa.bindparam("tenant"), work.c.lease_by.is_not(None), work.c.lease_until > sa.bindparam("now")
)

_DUE = (
    sa.select(work)
    .where(
        work.c.tenant == sa.bindparam("tenant"),
        work.c.due_at <= sa.bindparam("now"),
        sa.or_(work.c.lease_until.is_(None), work.c.lease_until <= sa.bindparam("now")),
    )
    .order_by(work.c.deadline, work.c.due_at)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True)
)


@cache
def _lease(kinds: tuple[str, ...]) -> sa.Update:
    return (
        work.update()
        .where(work.c.tenant == sa.bindparam("of_tenant"), by_ref(work.c.kind, work.c.key, kinds))
        .values(lease_by=sa.bindparam("worker"), lease_until=sa.bindparam("until"), fence=work.c.fence + 1)
    )


def renew_leases(tx: Transaction, held: Iterable[Claim], lease: timedelta) -> int:
    """Prolong the leases of claims that are being worked on and return how many are still good."""
    return sum(
        _update(tx, claim, _PROLONG, until=tx.now + lease)
        for claim in sorted(held, key=lambda claim: (claim.tenant, claim.ref))
    )


def hold_lease(tx: Transaction, claim: Claim, lease: timedelta) -> None:
    """Prolong the lease, or raise `LeaseLost` and so undo the whole transaction."""
    if not _update(tx, claim, _PROLONG, until=tx.now + lease):
        raise _lost(claim)


def release(tx: Transaction, claim: Claim, due_at: datetime | None, attempt: int, again_at: datetime) -> None:
    """Give the aggregate back: due at `due_at`, or at `again_at` when something changed meanwhile."""
    given = {"seen": claim.touched, "due": due_at, "again": again_at, "attempts": attempt}
    if not _update(tx, claim, _GIVE_BACK, **given):
        raise _lost(claim)


def _lost(claim: Claim) -> LeaseLost:
    return LeaseLost(f"{claim.ref} was claimed by another worker")


def _update(tx: Transaction, claim: Claim, statement: sa.Update, **given: object) -> int:
    """Write to the claimed row as long as the lease has not been given to anybody else, or given back."""
    mine = {"of_tenant": claim.tenant, "of_kind": claim.ref.kind, "of_key": claim.ref.key, "of_fence": claim.fence}
    return tx.connection.execute(statement, {**mine, **given}).rowcount


_MINE = sa.and_(
    work.c.tenant == sa.bindparam("of_tenant"),
    work.c.kind == sa.bindparam("of_kind"),
    work.c.key == sa.bindparam("of_key"),
    work.c.fence == sa.bindparam("of_fence"),
    work.c.lease_by.is_not(None),
)

_PROLONG = work.update().where(_MINE).values(lease_until=sa.bindparam("until"))

_GIVE_BACK = (
    work.update()
    .where(_MINE)
    .values(
        lease_by=None,
        lease_until=None,
        attempt=sa.bindparam("attempts"),
        due_at=sa.case(
            (work.c.touched != sa.bindparam("seen"), sa.bindparam("again", type_=_MOMENT)),
            else_=sa.bindparam("due", type_=_MOMENT),
        ),
    )
)
