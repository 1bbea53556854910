"""What the ledger says for the gauges and for `status`: counts of what is due, waiting and unconfirmed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from adapter.domain.allowance import Spending
from adapter.domain.records import BOOKING, RESULT_LIST, SITTING
from adapter.domain.version import utc_time
from adapter.ledger import allowances, holds, notices
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.rows import read_confirmed
from adapter.ledger.schema import DUE, MANUAL, WAITING, outbox, records, tasks, work

HORIZONS: tuple[tuple[str, timedelta | None], ...] = (
    ("1h", timedelta(hours=1)),
    ("24h", timedelta(hours=24)),
    ("7d", timedelta(days=7)),
    ("later", None),
)
"""Each booking counts under the nearest horizon that its exam starts within; `1h` holds running exams too."""


@dataclass(frozen=True, slots=True)
class Counts:
    """One look at the ledger. Keys are label values in the order of operations.md."""

    at: datetime
    work_due: dict[tuple[str, ...], int]
    work_waiting: dict[tuple[str, ...], int]
    unconfirmed: dict[tuple[str, ...], int]
    next_unconfirmed: dict[tuple[str, ...], datetime]
    tasks_open: dict[tuple[str, ...], int]
    drift: dict[tuple[str, ...], int]
    outbox_pending: int
    outbox_oldest: datetime | None
    missing: tuple["Missing", ...] = ()
    spent: Mapping[str, Spending] = field(default_factory=dict[str, Spending])
    notices: Mapping[str, int] = field(default_factory=dict[str, int])
    holds_open: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    held: int = 0


@dataclass(frozen=True, slots=True)
class Missing:
    """How many results of one exam that is over are still missing; `end` is its end."""

    tenant: str
    end: datetime
    results: int


def count(tx: Transaction, tenants: tuple[str, ...]) -> Counts:
    """Count everything that an operator watches."""
    pending, oldest = tx.connection.execute(_PENDING).one()
    unconfirmed, nearest = _unconfirmed(tx, tenants)
    holds_open, held = holds.counts(tx, tenants)
    return Counts(
        at=tx.now,
        work_due={(kind,): number for kind, number in tx.connection.execute(_WORK_DUE, {"now": tx.now})},
        work_waiting={(kind, awaited or "time"): number for kind, awaited, number in tx.connection.execute(_WAITING)},
        unconfirmed=unconfirmed,
        next_unconfirmed=nearest,
        tasks_open={(name,): number for name, number in tx.connection.execute(_TASKS_OPEN)},
        drift=_drift(tx, tenants),
        outbox_pending=pending,
        outbox_oldest=oldest,
        missing=_missing(tx, tenants),
        spent=allowances.spendings(tx, tenants),
        notices=notices.counts(tx),
        holds_open=holds_open,
        held=held,
    )


_WORK_DUE = sa.select(work.c.kind, sa.func.count()).where(work.c.due_at <= sa.bindparam("now")).group_by(work.c.kind)
_WAITING = (
    sa.select(records.c.kind, records.c.wanting_kind, sa.func.count())
    .where(records.c.status == WAITING)
    .group_by(records.c.kind, records.c.wanting_kind)
)
_TASKS_OPEN = sa.select(tasks.c.name, sa.func.count()).where(tasks.c.closed_at.is_(None)).group_by(tasks.c.name)
_PENDING = sa.select(sa.func.count(), sa.func.min(outbox.c.created_at)).where(outbox.c.published_at.is_(None))


def _drift(tx: Transaction, tenants: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """Count what differs in the sittings that wait for a person's decision; the index of what is open finds them."""
    counts: dict[tuple[str, ...], int] = {(tenant, SITTING): 0 for tenant in tenants}
    for row in tx.connection.execute(_HANDED, {"tenants": tenants}).mappings():
        told: Mapping[str, list[Any]] = read_confirmed(tx, row).get("drift") or {}
        counts[row["tenant"], SITTING] += sum(len(items) for items in told.values())
    return counts


_CONFIRMED = sa.select(records.c.tenant, records.c.kind, records.c.key, records.c.confirmed).where(
    among(records.c.tenant, "tenants")
)
_HANDED = _CONFIRMED.where(records.c.kind == SITTING, records.c.status == MANUAL)


def _missing(tx: Transaction, tenants: tuple[str, ...]) -> tuple[Missing, ...]:
    """Return the lists of results that are not complete; they wait, so the index of what is open finds them."""
    return tuple(
        Missing(row["tenant"], utc_time(known["end"]), known["missing"])
        for row in tx.connection.execute(_INCOMPLETE, {"tenants": tenants}).mappings()
        if (known := read_confirmed(tx, row)).get("missing")
    )


_INCOMPLETE = _CONFIRMED.where(records.c.kind == RESULT_LIST, records.c.status.in_((DUE, WAITING)))


def _unconfirmed(
    tx: Transaction, tenants: tuple[str, ...]
) -> tuple[dict[tuple[str, ...], int], dict[tuple[str, ...], datetime]]:
    counts: dict[tuple[str, ...], int] = {(tenant, name): 0 for tenant in tenants for name, _ in HORIZONS}
    nearest: dict[tuple[str, ...], datetime] = {}
    for tenant, start, number in tx.connection.execute(_UNCONFIRMED, {"begun": tx.now - timedelta(hours=12)}):
        counts[tenant, horizon(start, tx.now)] = counts.get((tenant, horizon(start, tx.now)), 0) + number
        if start is not None:
            nearest[tenant,] = min(start, nearest.get((tenant,), start))
    return counts, nearest


_SITTINGS = records.alias("sittings")
_UNCONFIRMED = (
    sa.select(records.c.tenant, _SITTINGS.c.deadline, sa.func.count())
    .select_from(records)
    # A booking whose exam the SIS has not told yet counts as far away: nobody knows its start.
    .outerjoin(
        _SITTINGS,
        sa.and_(
            _SITTINGS.c.tenant == records.c.tenant,
            _SITTINGS.c.kind == SITTING,
            _SITTINGS.c.key == records.c.home_key,
        ),
    )
    .where(
        records.c.kind == BOOKING,
        records.c.status.in_((DUE, WAITING)),
        sa.or_(_SITTINGS.c.deadline.is_(None), _SITTINGS.c.deadline > sa.bindparam("begun")),
    )
    .group_by(records.c.tenant, _SITTINGS.c.deadline)
)


def horizon(start: datetime | None, now: datetime) -> str:
    """Return the nearest horizon that a start lies within."""
    for name, reach in HORIZONS:
        if reach is None or (start is not None and start - now <= reach):
            return name
    raise AssertionError("the last horizon reaches everything")
