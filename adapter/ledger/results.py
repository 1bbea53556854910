"""Results as operators look for them: whose lists there are, where a booking's result is kept, and asking for more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from adapter.domain.handler import Hear
from adapter.domain.notices import Named, Notice
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, RESULT, RESULT_LIST, SITTING, Ref
from adapter.domain.version import utc_text
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.intake import store_batch
from adapter.ledger.notices import as_incoming
from adapter.ledger.schema import documents, records


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results are looked for: of one exam, one person, one booking; by an id of the SIS or of Cirrus."""

    exam: str | None = None
    person: str | None = None
    booking: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class Placed:
    """A record in its tenant."""

    tenant: str
    ref: Ref


@dataclass(frozen=True, slots=True)
class Asked:
    """A result that an operator wants to be read."""

    tenant: str
    named: Named


def lists(tx: Transaction, tenants: Sequence[str], wanted: Wanted) -> list[Placed]:
    """Return the lists of results of the exams that Cirrus knows by an id of ours."""
    query = sa.select(records.c.tenant, records.c.external_id).where(
        among(records.c.tenant, "tenants"),
        records.c.kind == SITTING,
        records.c.external_id.is_not(None),
        records.c.rival.is_(None),
    )
    if wanted.exam is not None:
        query = query.where(_named(records, wanted.exam))
    sitting = sa.tuple_(records.c.tenant, records.c.key)
    if wanted.person is not None:
        query = query.where(sitting.in_(_exams_of_person(wanted.person)))
    if wanted.booking is not None:
        query = query.where(sitting.in_(_exams_of_booking(wanted.booking)))
    rows = tx.connection.execute(query, {"tenants": tenants})
    return sorted(Placed(row.tenant, Ref(RESULT_LIST, row.external_id)) for row in rows)


def named(tx: Transaction, tenants: Sequence[str], kind: str, name: str) -> list[Placed]:
    """Return the records of one kind that the SIS or Cirrus knows by this id."""
    query = sa.select(records.c.tenant, records.c.key).where(
        among(records.c.tenant, "tenants"), records.c.kind == kind, _named(records, name)
    )
    rows = tx.connection.execute(query, {"tenants": tenants})
    return sorted(Placed(row.tenant, Ref(kind, row.key)) for row in rows)


def sittings_to_come(tx: Transaction, tenants: Sequence[str]) -> list[Placed]:
    """Return the sittings that Cirrus may know and that have not begun, the soonest first."""
    query = (
        sa.select(records.c.tenant, records.c.key)
        .where(
            among(records.c.tenant, "tenants"),
            records.c.kind == SITTING,
            records.c.external_id.is_not(None),
            records.c.rival.is_(None),
            records.c.deadline > tx.now,
        )
        .order_by(records.c.deadline, records.c.tenant, records.c.key)
    )
    rows = tx.connection.execute(query, {"tenants": tenants})
    return [Placed(row.tenant, Ref(SITTING, row.key)) for row in rows]


def filed_under(tx: Transaction, tenants: Sequence[str], part: str) -> list[Placed]:
    """Return the results of which this part is kept; a booking that has moved may have left one behind."""
    query = (
        sa.select(documents.c.tenant, documents.c.key)
        .where(among(documents.c.tenant, "tenants"), documents.c.kind == RESULT, documents.c.part == part)
        .distinct()
    )
    rows = tx.connection.execute(query, {"tenants": tenants})
    return sorted(Placed(row.tenant, Ref(RESULT, row.key)) for row in rows)


def ask(tx: Transaction, asked: Sequence[Asked], hear: Hear, policies: Mapping[str, Policy], worker: str) -> None:
    """Have results read, as if they had been announced at this moment."""
    call = f"operator-{worker}-{utc_text(tx.now)}"
    wishes = [
        as_incoming(Notice(f"{call}-{number}", each.tenant, each.named, tx.now, by="operator"), hear)
        for number, each in enumerate(asked)
    ]
    store_batch(tx, wishes, policies)


def _named(table: sa.FromClause, name: str) -> sa.ColumnElement[bool]:
    return sa.or_(table.c.key == name, table.c.external_id == name)


def _exams_of_person(name: str) -> sa.Select[Any, Any]:
    bookings, candidates = records.alias("bookings"), records.alias("candidates")
    same = sa.and_(candidates.c.tenant == bookings.c.tenant, candidates.c.key == bookings.c.about_key)
    return (
        sa.select(bookings.c.tenant, bookings.c.home_key)
        .select_from(sa.join(bookings, candidates, same))
        .where(
            bookings.c.kind == BOOKING,
            bookings.c.about_kind == CANDIDATE,
            among(candidates.c.tenant, "tenants"),
            candidates.c.kind == CANDIDATE,
            _named(candidates, name),
        )
    )


def _exams_of_booking(name: str) -> sa.Select[Any, Any]:
    bookings = records.alias("bookings")
    return sa.select(bookings.c.tenant, bookings.c.home_key).where(
        among(bookings.c.tenant, "tenants"), bookings.c.kind == BOOKING, _named(bookings, name)
    )
