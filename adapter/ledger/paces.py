"""Paces in the ledger: one row for each tenant that all workers take their moments from."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapter.domain.pace import Limits, Pace, Sign, Slots, Trouble
from adapter.ledger.database import Transaction
from adapter.ledger.schema import paces, work
from adapter.ledger.upsert import insert_if_absent


@dataclass(frozen=True, slots=True)
class Seen:
    """A tenant's pace, and the ledger's time at which it was so."""

    pace: Pace
    now: datetime


def look(tx: Transaction, tenant: str) -> Seen:
    """Return the pace as it is."""
    row = tx.connection.execute(_ROW, {"tenant": tenant}).one_or_none()
    return Seen(Pace.begun(tx.now) if row is None else _pace(row), tx.now)


def take_slots(tx: Transaction, tenant: str, limits: Limits, wanted: int, *, urgent: bool) -> Slots:
    """Take up to `wanted` moments for calls; nobody else is given the same."""
    pace = locked(tx, tenant)
    grant = limits.grant(pace, tx.now, wanted, urgent=urgent)
    if grant.pace != pace:
        tx.connection.execute(_KEEP, {"of_tenant": tenant, **asdict(grant.pace)})
    return grant.slots


def slow_down(tx: Transaction, tenant: str, limits: Limits, sign: Sign) -> Seen:
    """Lower the pace, and pause if Cirrus asks for it; the rate of one worker stands for that of each."""
    pace = locked(tx, tenant)
    workers = tx.connection.execute(_WORKERS, {"tenant": tenant, "now": tx.now}).scalar_one()
    lowered = limits.after(replace(sign, rate=sign.rate * max(1, workers)), pace, tx.now)
    if lowered != pace:
        tx.connection.execute(_KEEP, {"of_tenant": tenant, **asdict(lowered)})
    return Seen(lowered, tx.now)


def locked(tx: Transaction, tenant: str) -> Pace:
    """Return the pace; other workers wait for it until the end of the transaction."""
    found = tx.connection.execute(_LOCKED, {"tenant": tenant}).one_or_none()
    if found is None:
        insert_if_absent(tx, paces, [{"tenant": tenant, **asdict(Pace.begun(tx.now))}], ("tenant",))
        found = tx.connection.execute(_LOCKED, {"tenant": tenant}).one()
    return _pace(found)


_ROW = sa.select(paces).where(paces.c.tenant == sa.bindparam("tenant"))
_LOCKED = _ROW.with_for_update()
_KEEP = (
    paces.update()
    .where(paces.c.tenant == sa.bindparam("of_tenant"))
    .values({field.name: sa.bindparam(field.name) for field in fields(Pace)})
)
_WORKERS = sa.select(sa.func.count(work.c.lease_by.distinct())).where(
    work.c.tenant == sa.bindparam("tenant"), work.c.lease_by.is_not(None), work.c.lease_until > sa.bindparam("now")
)


def _pace(row: Any) -> Pace:  # noqa: ANN401 - a row of the table
    return Pace(
        row.next_at,
        row.urgent_at,
        row.usual,
        row.factor,
        row.lowered_at,
        Trouble(row.lowered_by) if row.lowered_by is not None else None,
        row.paused_until,
    )
