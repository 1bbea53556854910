"""Work: which aggregates are due, who holds them, and until when; the most urgent exam first.

A claim is a lease with a fence. Whoever lets a lease run out may still be in a call, so the next holder
finds `unsure` set and reads Cirrus before sending anything; the former holder's fence no longer fits, so
nothing it writes later is stored. But Cirrus knows no fence: a call that was sent that late may arrive after the next
holder has looked, so whoever finds its lease lost has Cirrus read once more.
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
class Reserve:
    """So many places are kept for urgent work: for exams that begin `within` this time, or began so shortly ago."""

    places: int = 0
    within: timedelta = timedelta()


NO_RESERVE = Reserve()


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


@dataclass(frozen=True, slots=True)
class Release:
    """How an aggregate is given back: due in `due_in` seconds, else at `look_again`, else not at all.

    `attempt` is how often the same work has been tried in vain. What has changed meanwhile is due after `linger`.
    """

    linger: timedelta
    due_in: float | None = None
    look_again: datetime | None = None
    attempt: int = 0


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
                "unsure": False,
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


def claim_due(
    tx: Transaction, tenant: str, worker: str, limit: int, lease: timedelta, reserve: Reserve = NO_RESERVE
) -> list[Claim]:
    """Take up to `limit` due aggregates, earliest deadline first; what is not urgent leaves the reserve free."""
    claims: list[Claim] = []
    for row in _due(tx, tenant, limit, reserve):
        ref = Ref(row.kind, row.key)
        unsure = row.unsure or row.lease_by is not None
        claims.append(Claim(tenant, ref, row.fence + 1, row.touched, row.attempt, row.deadline, unsure=unsure))
    if claims:
        keys = by_kind(claim.ref for claim in claims)
        given = {"of_tenant": tenant, "worker": worker, "until": tx.now + lease}
        tx.connection.execute(_lease(tuple(keys)), {**given, **keys})
    return claims


def _due(tx: Transaction, tenant: str, limit: int, reserve: Reserve) -> list[sa.Row[Any]]:
    since, until = tx.now - reserve.within, tx.now + reserve.within
    ordinary = limit - reserve.places
    given: dict[str, Any] = {"tenant": tenant, "now": tx.now, "limit": limit}
    tx.sort_nothing()
    if ordinary <= 0:
        return list(tx.connection.execute(_URGENT, {**given, "since": since, "until": until}))
    rows = enumerate(tx.connection.execute(_DUE, given))
    return [row for number, row in rows if number < ordinary or since <= row.deadline <= until]


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
_URGENT = _DUE.where(work.c.deadline.between(sa.bindparam("since"), sa.bindparam("until")))


@cache
def _lease(kinds: tuple[str, ...]) -> sa.Update:
    return (
        work.update()
        .where(work.c.tenant == sa.bindparam("of_tenant"), by_ref(work.c.kind, work.c.key, kinds))
        .values(
            lease_by=sa.bindparam("worker"), lease_until=sa.bindparam("until"), fence=work.c.fence + 1, unsure=False
        )
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


def release(tx: Transaction, claim: Claim, how: Release) -> None:
    """Give the aggregate back, or raise `LeaseLost` and so undo the whole transaction.

    A deadline that will be stale when it is due is forgotten.
    """
    due_at = how.look_again if how.due_in is None else tx.now + timedelta(seconds=how.due_in)
    stale = (due_at or tx.now) - STALE
    given = {"seen": claim.touched, "due": due_at, "again": tx.now + how.linger, "attempts": how.attempt}
    given |= {"stale": stale, "far": FAR}
    if not _update(tx, claim, _GIVE_BACK, **given):
        raise _lost(claim)


def doubt(tx: Transaction, claim: Claim) -> None:
    """Have the aggregate of a lost claim looked at once more, and Cirrus read first, whoever holds it now."""
    named = {"of_tenant": claim.tenant, "of_kind": claim.ref.kind, "of_key": claim.ref.key}
    tx.connection.execute(_DOUBT, {**named, "now": tx.now})


def _lost(claim: Claim) -> LeaseLost:
    return LeaseLost(f"{claim.ref} was claimed by another worker")


def _update(tx: Transaction, claim: Claim, statement: sa.Update, **given: object) -> int:
    """Write to the claimed row as long as the lease has not been given to anybody else, or given back."""
    mine = {"of_tenant": claim.tenant, "of_kind": claim.ref.kind, "of_key": claim.ref.key, "of_fence": claim.fence}
    return tx.connection.execute(statement, {**mine, **given}).rowcount


_THIS = sa.and_(
    work.c.tenant == sa.bindparam("of_tenant"),
    work.c.kind == sa.bindparam("of_kind"),
    work.c.key == sa.bindparam("of_key"),
)

_DOUBT = work.update().where(_THIS).values(unsure=True, due_at=sa.bindparam("now"), touched=work.c.touched + 1)

_MINE = sa.and_(
    _THIS,
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
        deadline=sa.case(
            (
                sa.and_(work.c.touched == sa.bindparam("seen"), work.c.deadline <= sa.bindparam("stale")),
                sa.bindparam("far", type_=_MOMENT),
            ),
            else_=work.c.deadline,
        ),
    )
)
