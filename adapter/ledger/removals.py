"""Removals as rows: what the guard keeps back, beside the records that it is about.

Who writes a removal locks it first, and the record before it, so intake and those who decide never undo each other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa

from adapter.domain.guard import Keeping, Kept
from adapter.domain.records import BOOKING, CANDIDATE, SITTING, Change, Record, Ref
from adapter.domain.version import Rank
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.rows import Query, by_ref, read_record, read_statement, rows_of, statement_json
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
    rows = rows_of(tx, _kept_of, sorted(set(refs)), tenant=tenant)
    return {name_of(kept): kept for kept in (read_removal(tx, row) for row in rows)}


LOCKED = (
    sa.select(removals)
    .where(removals.c.tenant == sa.bindparam("tenant"))
    .order_by(removals.c.tenant, removals.c.kind, removals.c.key, removals.c.facet)
    .with_for_update(of=removals)
)
"""The removals of a tenant, in the order in which everybody locks them."""


@cache
def _kept_of(kinds: tuple[str, ...]) -> Query:
    return LOCKED.where(by_ref(removals.c.kind, removals.c.key, kinds))


def lock_pending(tx: Transaction, tenant: str) -> list[Kept]:
    """Read what is kept back and nobody has asked about, and lock it."""
    return [read_removal(tx, row) for row in tx.connection.execute(_PENDING, {"tenant": tenant}).mappings().all()]


_PENDING = LOCKED.where(removals.c.state == Keeping.PENDING.value)


def write_removals(tx: Transaction, tenant: str, kept: Iterable[Kept]) -> None:
    """Store removals as they are now."""
    rows = [_values(tx, tenant, each) for each in sorted(kept, key=name_of)]
    upsert(tx, removals, rows, KEY, COLUMNS)


def drop_removals(tx: Transaction, tenant: str, names: Iterable[Name]) -> None:
    """Forget removals that something newer has overtaken."""
    for ref, facet in sorted(names):
        named = {"tenant": tenant, "kind": ref.kind, "key": ref.key, "facet": facet}
        tx.connection.execute(_DROP, named)


_DROP = removals.delete().where(*(removals.c[name] == sa.bindparam(name) for name in KEY))


def due_removals(tx: Transaction, tenant: str, limit: int) -> list[Ref]:
    """Name the records of which a removal is to be carried out now; the oldest wait longest."""
    rows = tx.connection.execute(_DUE, {"tenant": tenant, "now": tx.now, "limit": limit})
    return [Ref(row.kind, row.key) for row in rows]


_RIPE = sa.and_(removals.c.state == Keeping.PENDING.value, removals.c.release_at <= sa.bindparam("now"))
_DUE = (
    sa.select(removals.c.kind, removals.c.key)
    .where(removals.c.tenant == sa.bindparam("tenant"), sa.or_(removals.c.state == Keeping.APPROVED.value, _RIPE))
    .order_by(removals.c.release_at, removals.c.kind, removals.c.key)
    .limit(sa.bindparam("limit"))
)


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
    bookings |= {record.ref: record for record in _booked(tx, tenant, _BOOKED_BY, people)}
    homes = {record.home.key for record in (*spoken, *bookings.values()) if record.home.kind == SITTING}
    return Standing(bookings, _starts(tx, tenant, sorted(homes)))


def booked_in(tx: Transaction, tenant: str, sittings: list[str]) -> list[Record]:
    """Return the bookings of these sittings that stand."""
    return _booked(tx, tenant, _BOOKED_IN, sittings)


def _booked(tx: Transaction, tenant: str, query: Query, keys: list[str]) -> list[Record]:
    if not keys:
        return []
    rows = tx.connection.execute(query, {"tenant": tenant, "keys": keys}).mappings().all()
    return [record for record in (read_record(tx, row) for row in rows) if stands(record)]


_BOOKINGS = sa.select(records).where(records.c.tenant == sa.bindparam("tenant"), records.c.kind == BOOKING)
_BOOKED_IN = _BOOKINGS.where(records.c.home_kind == SITTING, among(records.c.home_key, "keys"))
_BOOKED_BY = _BOOKINGS.where(records.c.about_kind == CANDIDATE, among(records.c.about_key, "keys"))


def stands(record: Record) -> bool:
    """Tell whether nothing that was said of a record takes it away."""
    return all(said.version.rank is not Rank.CANCEL for said in record.facets.values())


def _starts(tx: Transaction, tenant: str, keys: list[str]) -> dict[str, datetime | None]:
    if not keys:
        return {}
    return {row.key: row.deadline for row in tx.connection.execute(_STARTS, {"tenant": tenant, "keys": keys})}


_STARTS = sa.select(records.c.key, records.c.deadline).where(
    records.c.tenant == sa.bindparam("tenant"), records.c.kind == SITTING, among(records.c.key, "keys")
)
