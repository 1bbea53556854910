"""Aggregates: everything a plan may look at, read as of one moment."""

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from adapter.domain.applying import successor
from adapter.domain.records import (
    BOOKING,
    CANDIDATE,
    RESULT_LIST,
    SITTING,
    Aggregate,
    OpenTask,
    Record,
    Ref,
    Status,
    list_ref,
    result_ref,
)
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.rows import read_record, select_records
from adapter.ledger.schema import records, tasks
from adapter.ledger.work import Claim

OPEN = (Status.DUE.value, Status.WAITING.value)


def load_aggregate(tx: Transaction, claim: Claim, *, whole: bool = False) -> Aggregate:
    """Read the aggregate of a claim.

    Related are whom the members are about; to a list of results, who was booked. All members are read of such a
    list, when the root itself has to be decided, when Cirrus has to be read back, when a task is open, or when they are
    asked for (`whole`); else only those that are open and those about the same candidates.
    """
    root, open_tasks = _root(tx, claim.tenant, claim.ref), _tasks(tx, claim.tenant, claim.ref)
    decided = root is not None and root.status is Status.SETTLED
    complete = whole or claim.ref.kind == RESULT_LIST or not decided or claim.unsure or bool(open_tasks)
    aggregate = _aggregate(tx, claim.tenant, claim.ref, root, open_tasks, complete=complete)
    return replace(aggregate, unsure=claim.unsure, attempt=claim.attempt)


def whole_aggregate(tx: Transaction, tenant: str, ref: Ref) -> Aggregate:
    """Read an aggregate with all its members, to look at it; nobody has to hold a claim for that."""
    return _aggregate(tx, tenant, ref, _root(tx, tenant, ref), _tasks(tx, tenant, ref), complete=True)


def _aggregate(
    tx: Transaction, tenant: str, ref: Ref, root: Record | None, open_tasks: tuple[OpenTask, ...], *, complete: bool
) -> Aggregate:
    members = _members(tx, tenant, ref, complete=complete)
    booked = ref.kind == RESULT_LIST
    related = _booked(tx, tenant, ref.key) if booked else _related(tx, tenant, ref, root, members)
    return Aggregate(
        tenant=tenant,
        ref=ref,
        root=root,
        members=members,
        related={record.ref: record for record in related},
        tasks=open_tasks,
        complete=complete,
    )


def _root(tx: Transaction, tenant: str, ref: Ref) -> Record | None:
    return next(iter(_records(tx, select_records(tenant, [ref]))), None)


def _records(tx: Transaction, query: sa.Select[tuple[object, ...]]) -> list[Record]:
    return [read_record(tx, row) for row in tx.connection.execute(query).mappings()]


def _members(tx: Transaction, tenant: str, ref: Ref, *, complete: bool) -> tuple[Record, ...]:
    home = sa.and_(
        records.c.tenant == tenant,
        records.c.home_kind == ref.kind,
        records.c.home_key == ref.key,
        sa.or_(records.c.kind != ref.kind, records.c.key != ref.key),
    )
    if complete:
        return tuple(_records(tx, sa.select(records).where(home)))
    members = {
        record.ref: record for record in _records(tx, sa.select(records).where(home, records.c.status.in_(OPEN)))
    }
    about = {record.about for record in members.values() if record.about is not None}
    if about:
        same = among(records.c.about_key, sorted(ref.key for ref in about))
        members |= {record.ref: record for record in _records(tx, sa.select(records).where(home, same))}
    return tuple(members.values())


def _related(
    tx: Transaction, tenant: str, ref: Ref, root: Record | None, members: Iterable[Record]
) -> Iterable[Record]:
    """Read whom the members are about and what has moved on; and what is about the root, with where it takes place.

    Of a candidate that are the bookings and their sittings, and what has come of them.
    """
    wanted = {record.about for record in members if record.about is not None}
    wanted |= {moved for record in members if (moved := successor(record)) is not None}
    if wanted:
        yield from _records(tx, select_records(tenant, sorted(wanted)))
    dependents = _records(
        tx,
        sa.select(records).where(
            records.c.tenant == tenant,
            records.c.about_kind == ref.kind,
            records.c.about_key == ref.key,
        ),
    )
    if dependents:
        yield from dependents
        homes = _records(tx, select_records(tenant, sorted({record.home for record in dependents})))
        yield from homes
        if ref.kind == CANDIDATE and root is not None and root.external_id is not None:
            held = [home.external_id for home in homes if home.external_id is not None]
            results = {result_ref(schedule_id, root.external_id) for schedule_id in held}
            yield from _records(tx, select_records(tenant, sorted(results | {list_ref(each) for each in held})))


def _booked(tx: Transaction, tenant: str, schedule_id: str) -> Iterable[Record]:
    """Read the sitting that Cirrus knows by this id, its bookings, and whom they are about."""
    held = sa.select(records).where(
        records.c.tenant == tenant,
        records.c.kind == SITTING,
        records.c.external_id == schedule_id,
        records.c.rival.is_(None),
    )
    for sitting in _records(tx, held):
        yield sitting
        at_home = sa.and_(
            records.c.tenant == tenant,
            records.c.home_kind == sitting.ref.kind,
            records.c.home_key == sitting.ref.key,
            records.c.kind == BOOKING,
        )
        bookings = _records(tx, sa.select(records).where(at_home))
        yield from bookings
        yield from _records(tx, select_records(tenant, sorted({b.about for b in bookings if b.about is not None})))


def _tasks(tx: Transaction, tenant: str, ref: Ref) -> tuple[OpenTask, ...]:
    query = (
        sa.select(tasks.c.id, tasks.c.kind, tasks.c.key, tasks.c.name)
        .where(
            tasks.c.tenant == tenant,
            tasks.c.home_kind == ref.kind,
            tasks.c.home_key == ref.key,
            tasks.c.closed_at.is_(None),
        )
        .order_by(tasks.c.id)
    )
    return tuple(OpenTask(row.id, Ref(row.kind, row.key), row.name) for row in tx.connection.execute(query))
