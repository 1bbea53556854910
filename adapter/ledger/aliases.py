"""Aliases: a record that is another name of one of its own kind; what is about it is about that one (S12).

A person whom the SIS has merged into another one keeps a record, so that its number stays taken and whatever names
it still finds the survivor. Bookings of exams that have begun stay where they are: in Cirrus they were sat under the
retired number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from adapter.domain.applying import alias_of, hand_over
from adapter.domain.records import BOOKING, SITTING, Record, Ref
from adapter.ledger.database import Transaction
from adapter.ledger.rows import Query, by_ref, lock_records, read_record, rows_of
from adapter.ledger.schema import records

MOST_MERGES = 10
"""Of one person into the next; a circle ends here, too."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A booking that is the survivor's now, and the seat that it leaves behind."""

    before: Record
    booking: Record
    departure: Record | None


def survivors(tx: Transaction, tenant: str, named: Iterable[Ref], held: Mapping[Ref, Record]) -> dict[Ref, Ref]:
    """Return for each of these records that is an alias whom it stands for; `held` goes before what is stored."""
    known: dict[Ref, Ref | None] = {}
    left = set(named)
    for _ in range(MOST_MERGES):
        left -= known.keys()
        if not left:
            break
        stored = _aliases(tx, tenant, left - held.keys())
        known |= {ref: alias_of(held[ref]) if ref in held else stored.get(ref) for ref in left}
        left = {target for target in known.values() if target is not None}
    return {ref: _last(ref, known) for ref in known if known[ref] is not None}


def _aliases(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> dict[Ref, Ref]:
    rows = rows_of(tx, _stand_ins, sorted(refs), tenant=tenant)
    return {Ref(row["kind"], row["key"]): Ref(row["kind"], row["about_key"]) for row in rows}


@cache
def _stand_ins(kinds: tuple[str, ...]) -> Query:
    return sa.select(records.c.kind, records.c.key, records.c.about_key).where(
        records.c.tenant == sa.bindparam("tenant"),
        by_ref(records.c.kind, records.c.key, kinds),
        records.c.about_kind == records.c.kind,
    )


def _last(ref: Ref, known: Mapping[Ref, Ref | None]) -> Ref:
    seen = {ref}
    while (target := known.get(ref)) is not None and target not in seen:
        seen.add(target)
        ref = target
    return ref


def handed_over(
    tx: Transaction, tenant: str, merged: Mapping[Ref, Ref], changed: Mapping[Ref, Record]
) -> list[HandedOver]:
    """Return the bookings of merged people as the survivors'; `changed` goes before what is stored."""
    bookings = {ref: record for ref, record in changed.items() if ref.kind == BOOKING and record.about in merged}
    bookings |= {ref: record for ref, record in _dependents(tx, tenant, merged).items() if ref not in changed}
    begun = _begun(tx, tenant, {record.home for record in bookings.values()})
    result: list[HandedOver] = []
    for _, record in sorted(bookings.items()):
        if record.home in begun or record.about is None:
            continue
        booking, departure = hand_over(record, merged[record.about])
        result.append(HandedOver(record, booking, departure))
    return result


def _dependents(tx: Transaction, tenant: str, merged: Iterable[Ref]) -> dict[Ref, Record]:
    found = [Ref(row["kind"], row["key"]) for row in rows_of(tx, _booked_by, sorted(merged), tenant=tenant)]
    return {record.ref: record for record in (read_record(tx, row) for row in lock_records(tx, tenant, found))}


@cache
def _booked_by(kinds: tuple[str, ...]) -> Query:
    return sa.select(records.c.kind, records.c.key).where(
        records.c.tenant == sa.bindparam("tenant"),
        records.c.kind == BOOKING,
        by_ref(records.c.about_kind, records.c.about_key, kinds),
    )


def _begun(tx: Transaction, tenant: str, homes: Iterable[Ref]) -> set[Ref]:
    rows = rows_of(tx, _past_their_deadline, sorted(homes), tenant=tenant, now=tx.now)
    return {Ref(SITTING, row["key"]) for row in rows}


@cache
def _past_their_deadline(kinds: tuple[str, ...]) -> Query:
    return sa.select(records.c.key).where(
        records.c.tenant == sa.bindparam("tenant"),
        by_ref(records.c.kind, records.c.key, kinds),
        records.c.deadline <= sa.bindparam("now"),
    )
