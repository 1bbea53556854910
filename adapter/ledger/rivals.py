"""Rivals: two records of one kind that claim the same external id; the one that came first holds it.

The table's unique index makes sure of it: where two workers let in two holders at once, the second to
store is told so and runs its transaction again.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from functools import cache

import sqlalchemy as sa
from msgspec.structs import replace

from adapter.domain.records import Record, Ref, Status
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.rows import Query, by_kind, by_ref, in_parts, read_record
from adapter.ledger.schema import records

Claimed = tuple[str, str]
"""A kind, and an external id in it."""


def settle_rivals(
    tx: Transaction, tenant: str, stored: Mapping[Ref, Record], changed: MutableMapping[Ref, Record]
) -> list[Record]:
    """Mark in `changed` who is refused an external id, and return the records that inherit one.

    An id that its holder has left goes to the first of those who were refused it.
    """
    given_up = _given_up(stored, changed)
    _vacate(tx, tenant, [ref for ref, _ in given_up])
    holders = _holders(tx, tenant, changed.values())
    for ref, record in list(changed.items()):
        rival = None
        if record.external_id is not None:
            holder = holders.setdefault((ref.kind, record.external_id), ref.key)
            rival = holder if holder != ref.key else None
        if rival != record.rival:
            changed[ref] = replace(record, rival=rival)
    free = [claimed for _, claimed in given_up if claimed not in holders]
    return list(_heirs(tx, tenant, free, changed))


def inherit(tx: Transaction, tenant: str, free: Iterable[Claimed]) -> list[Record]:
    """Return the records that inherit external ids whose holders are gone."""
    return list(_heirs(tx, tenant, free, {}))


def _given_up(stored: Mapping[Ref, Record], changed: Mapping[Ref, Record]) -> list[tuple[Ref, Claimed]]:
    left: list[tuple[Ref, Claimed]] = []
    for ref in sorted(changed):
        before = stored.get(ref)
        if before is None or before.external_id is None or before.rival is not None:
            continue
        if before.external_id != changed[ref].external_id:
            left.append((ref, (ref.kind, before.external_id)))
    return left


def _vacate(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> None:
    # First, so that two records may exchange their ids: the unique index is checked row by row.
    for some in in_parts(refs):
        keys = by_kind(some)
        tx.connection.execute(_give_up(tuple(keys)), {"of_tenant": tenant, **keys})


@cache
def _give_up(kinds: tuple[str, ...]) -> sa.Update:
    mine = by_ref(records.c.kind, records.c.key, kinds)
    return records.update().where(records.c.tenant == sa.bindparam("of_tenant"), mine).values(external_id=None)


def _holders(tx: Transaction, tenant: str, claiming: Iterable[Record]) -> dict[Claimed, str]:
    wanted = {(record.ref.kind, record.external_id) for record in claiming if record.external_id is not None}
    holders: dict[Claimed, str] = {}
    for row in _claiming(tx, _HOLDING, tenant, wanted):
        holders[row["kind"], row["external_id"]] = row["key"]
    return holders


def _heirs(tx: Transaction, tenant: str, free: Iterable[Claimed], changed: Mapping[Ref, Record]) -> Iterable[Record]:
    heirs: dict[Claimed, str] = {}
    for row in _claiming(tx, _REFUSED, tenant, free):
        record = read_record(tx, row)
        if record.ref in changed:
            continue
        holder = heirs.setdefault((record.ref.kind, row["external_id"]), record.ref.key)
        if holder == record.ref.key:
            status = Status.KNOWN if record.status is Status.KNOWN else Status.DUE
            yield replace(record, rival=None, status=status, reason=None, revision=record.revision + 1)
        else:
            yield replace(record, rival=holder)


def _claiming(tx: Transaction, query: Query, tenant: str, claimed: Iterable[Claimed]) -> Iterable[sa.RowMapping]:
    ids: dict[str, list[str]] = {}
    for kind, external_id in sorted(claimed):
        ids.setdefault(kind, []).append(external_id)
    for kind, wanted in ids.items():
        for some in in_parts(wanted):
            yield from tx.connection.execute(query, {"tenant": tenant, "kind": kind, "ids": some}).mappings().all()


_CLAIMING = (
    sa.select(records)
    .where(
        records.c.tenant == sa.bindparam("tenant"),
        records.c.kind == sa.bindparam("kind"),
        among(records.c.external_id, "ids"),
    )
    .order_by(records.c.changed_at, records.c.key)
)
_HOLDING = _CLAIMING.where(records.c.rival.is_(None))
_REFUSED = _CLAIMING.where(records.c.rival.is_not(None))
