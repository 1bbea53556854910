"""Allowances in the ledger: one count for all workers, changed before each call."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapter.domain.allowance import RESULTS_PER_DAY, Allowance, Need, Spending
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.schema import allowances
from adapter.ledger.upsert import insert_if_absent, upsert

KEY = ("tenant", "name")


def spend(tx: Transaction, tenant: str, allowance: Allowance, need: Need) -> datetime | None:
    """Count one call; return when to ask again where none is granted, None when it may be made."""
    decision = allowance.decide(_locked(tx, tenant, allowance), need, tx.now)
    if decision.again_at is None:
        _write(tx, tenant, decision.spending)
    return decision.again_at


def give_back(tx: Transaction, tenant: str, allowance: Allowance, need: Need) -> None:
    """Take back the count of a call that was not sent after all."""
    held = _locked(tx, tenant, allowance)
    swept = held.swept - (need is Need.SWEEP)
    _write(tx, tenant, Spending(held.since, max(0, held.spent - 1), max(0, swept), held.refused_until))


def refuse(tx: Transaction, tenant: str, allowance: Allowance, after: float | None) -> None:
    """Make no calls for a while, `after` seconds if Cirrus named a time: it says that there are none left."""
    _write(tx, tenant, allowance.refused(_locked(tx, tenant, allowance), tx.now, after))


def spendings(tx: Transaction, tenants: Iterable[str]) -> Mapping[str, Spending]:
    """Return what each tenant has spent, as far as it has ever spent anything."""
    rows = tx.connection.execute(_SPENDINGS, {"tenants": sorted(tenants)})
    return {row.tenant: Spending(row.since, row.spent, row.swept, row.refused_until) for row in rows}


_RESULTS = sa.select(allowances).where(allowances.c.name == RESULTS_PER_DAY)
_SPENDINGS = _RESULTS.where(among(allowances.c.tenant, "tenants"))
_LOCKED = _RESULTS.where(allowances.c.tenant == sa.bindparam("tenant")).with_for_update()


def _locked(tx: Transaction, tenant: str, allowance: Allowance) -> Spending:
    insert_if_absent(tx, allowances, [_row(tenant, Spending(allowance.begins(tx.now)))], KEY)
    row = tx.connection.execute(_LOCKED, {"tenant": tenant}).one()
    return allowance.current(Spending(row.since, row.spent, row.swept, row.refused_until), tx.now)


def _write(tx: Transaction, tenant: str, spending: Spending) -> None:
    upsert(tx, allowances, [_row(tenant, spending)], KEY, ("since", "spent", "swept", "refused_until"))


def _row(tenant: str, spending: Spending) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "name": RESULTS_PER_DAY,
        "since": spending.since,
        "spent": spending.spent,
        "swept": spending.swept,
        "refused_until": spending.refused_until,
    }
