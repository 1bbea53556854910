"""Removals as rows: what the guard keeps back, beside the records that it is about.

Who writes a removal locks it first, and the record before it, so intake and those who decide never undo each other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from adapter.domain.guard import Keeping, Kept
from adapter.domain.records import BOOKING, CANDIDATE, SITTING, Change, Record, Ref
from adapter.domain.version import Rank
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.rows import by_ref, in_parts, read_record, read_statement, statement_json
from adapter.ledger.schema import records, removals
from adapter.ledger.sealing import place
from adapter.ledger.upsert import upsert

KEY = ("tenant", "kind", "key", "facet")
COLUMNS = ("said", "event_type", "takes", "said_at", "release_at", "state", "hold")

Name = tuple[Ref, str]
"""A record and a facet of it."""


def name_of(kept: Kept) -> Name:
    """Name what a removal is about."""
    return kept.change.ref, kept.change.facet


def lock_removals(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> dict[Name, Kept]:
    """Read what is kept of these records, and lock it."""
    found: dict[Name, Kept] = {}
    for some in in_parts(sorted(set(refs))):
        query = sa.select(removals).where(removals.c.tenant == tenant, by_ref(removals.c.kind, removals.c.key, some))
        found |= {name_of(kept): kept for kept in locked(tx, query)}
    return found


def locked(tx: Transaction, query: sa.Select[Any]) -> list[Kept]:
    """Return the removals of a query in the order in which everybody locks them."""
    ordered = query.order_by(removals.c.tenant, removals.c.kind, removals.c.key, removals.c.facet)
    if tx.postgresql:
        ordered = ordered.with_for_update(of=removals)
    return [read_removal(tx, row) for row in tx.connection.execute(ordered).mappings().all()]


def write_removals(tx: Transaction, tenant: str, kept: Iterable[Kept]) -> None:
    """Store removals as they are now."""
    rows = [_values(tx, tenant, each) for each in sorted(kept, key=name_of)]
    upsert(tx, removals, rows, KEY, COLUMNS)


def drop_removals(tx: Transaction, tenant: str, names: Iterable[Name]) -> None:
    """Forget removals that something newer has overtaken."""
    for ref, facet in sorted(names):
        named = (removals.c.tenant == tenant, removals.c.kind == ref.kind, removals.c.key == ref.key)
        tx.connection.execute(removals.delete().where(*named, removals.c.facet == facet))


def due_removals(tx: Transaction, tenant: str, limit: int) -> list[Ref]:
    """Name the records of which a removal is to be carried out now; the oldest wait longest."""
    ripe = sa.and_(removals.c.state == Keeping.PENDING.value, removals.c.release_at <= tx.now)
    query = (
        sa.select(removals.c.kind, removals.c.key)
        .where(removals.c.tenant == tenant, sa.or_(removals.c.state == Keeping.APPROVED.value, ripe))
        .order_by(removals.c.release_at, removals.c.kind, removals.c.key)
        .limit(limit)
    )
    return [Ref(row.kind, row.key) for row in tx.connection.execute(query)]


def read_removal(tx: Transaction, row: sa.RowMapping) -> Kept:
    """Return the removal of a row; raises `LedgerSealed`."""
    at = place("removals", row["tenant"], row["kind"], row["key"], row["facet"], "said")
    said = orjson.loads(tx.seal.open_text(row["said"], at))
    statement = read_statement(said["statement"])
    return Kept(
        change=Change(
            ref=Ref(row["kind"], row["key"]),
            facet=row["facet"],
            statement=statement,
            external_id=statement.external_id,
            home=_ref(said["home"]),
            about=_ref(said["about"]),
            ripples=said["ripples"],
        ),
        event_type=row["event_type"],
        takes=tuple(orjson.loads(row["takes"])),
        said_at=row["said_at"],
        release_at=row["release_at"],
        state=Keeping(row["state"]),
        hold=row["hold"],
    )


def _values(tx: Transaction, tenant: str, kept: Kept) -> dict[str, Any]:
    change = kept.change
    assert change.deadline is None, "what takes away sets no deadline"
    at = place("removals", tenant, change.ref.kind, change.ref.key, change.facet, "said")
    said = {
        "statement": statement_json(kept.statement),
        "home": _name(change.home),
        "about": _name(change.about),
        "ripples": change.ripples,
    }
    return {
        "tenant": tenant,
        "kind": change.ref.kind,
        "key": change.ref.key,
        "facet": change.facet,
        "said": tx.seal.close_text(orjson.dumps(said).decode(), at),
        "event_type": kept.event_type,
        "takes": orjson.dumps(kept.takes).decode(),
        "said_at": kept.said_at,
        "release_at": kept.release_at,
        "state": kept.state.value,
        "hold": kept.hold,
    }


def _name(ref: Ref | None) -> list[str] | None:
    return None if ref is None else [ref.kind, ref.key]


def _ref(name: list[str] | None) -> Ref | None:
    return None if name is None else Ref(*name)


@dataclass(slots=True)
class Standing:
    """The bookings that stand, as far as removals may end them, and when their exams start."""

    bookings: dict[Ref, Record] = field(default_factory=dict[Ref, Record])
    starts: Mapping[str, datetime | None] = field(default_factory=dict[str, datetime | None])

    def takes(self, record: Record, now: datetime) -> tuple[str, ...]:
        """Name the sitting of each booking that a removal from this record would end; of exams to come only."""
        match record.ref.kind:
            case "booking":
                homes = [record.home.key]
            case "sitting":
                homes = [booking.home.key for booking in self.bookings.values() if booking.home == record.ref]
            case _:
                homes = [booking.home.key for booking in self.bookings.values() if booking.about == record.ref]
        starts = ((home, self.starts.get(home)) for home in homes)
        return tuple(sorted(home for home, start in starts if start is None or start > now))

    def soonest(self, takes: Iterable[str]) -> datetime | None:
        """Return the first start among these sittings, None when none is known."""
        starts = [start for key in takes if (start := self.starts.get(key)) is not None]
        return min(starts, default=None)


def standing_bookings(tx: Transaction, tenant: str, spoken_of: Iterable[Record]) -> Standing:
    """Read what removals from these records may end."""
    spoken = list(spoken_of)
    sittings = sorted({record.ref.key for record in spoken if record.ref.kind == SITTING})
    people = sorted({record.ref.key for record in spoken if record.ref.kind == CANDIDATE})
    bookings = {record.ref: record for record in booked_in(tx, tenant, sittings)}
    bookings |= {record.ref: record for record in _booked(tx, tenant, records.c.about_key, people)}
    homes = {record.home.key for record in (*spoken, *bookings.values()) if record.home.kind == SITTING}
    return Standing(bookings, _starts(tx, tenant, sorted(homes)))


def booked_in(tx: Transaction, tenant: str, sittings: list[str]) -> list[Record]:
    """Return the bookings of these sittings that stand."""
    return _booked(tx, tenant, records.c.home_key, sittings)


def _booked(tx: Transaction, tenant: str, column: sa.Column[Any], keys: list[str]) -> list[Record]:
    if not keys:
        return []
    query = sa.select(records).where(records.c.tenant == tenant, records.c.kind == BOOKING, among(column, keys))
    kind = SITTING if column is records.c.home_key else CANDIDATE
    query = query.where((records.c.home_kind if kind == SITTING else records.c.about_kind) == kind)
    found = (read_record(tx, row) for row in tx.connection.execute(query).mappings().all())
    return [record for record in found if stands(record)]


def stands(record: Record) -> bool:
    """Tell whether nothing that was said of a record takes it away."""
    return all(said.version.rank is not Rank.CANCEL for said in record.facets.values())


def _starts(tx: Transaction, tenant: str, keys: list[str]) -> dict[str, datetime | None]:
    if not keys:
        return {}
    query = sa.select(records.c.key, records.c.deadline).where(
        records.c.tenant == tenant, records.c.kind == SITTING, among(records.c.key, keys)
    )
    return {row.key: row.deadline for row in tx.connection.execute(query)}
