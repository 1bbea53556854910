"""Aggregates: everything a plan may look at, read as of one moment."""

from collections.abc import Iterable

import sqlalchemy as sa
from msgspec.structs import replace

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
from adapter.ledger.rows import Query, find_records, read_record
from adapter.ledger.schema import DUE, WAITING, records, tasks
from adapter.ledger.work import Claim


def load_aggregate(tx: Transaction, claim: Claim, *, whole: bool = False) -> Aggregate:
    """Read the aggregate of a claim.

    Related are whom the members are about; to a list of results, who was booked. Everything is read when the root
    itself has to be decided, when Cirrus has to be read back, when a task is open, or when it is asked for (`whole`);
    else only the members that are open and those about the same candidates. A list of results has all its members
    read, and who was booked only where results are missing: until its exam is over nobody needs to know.
    """
    root, open_tasks = _root(tx, claim.tenant, claim.ref), _tasks(tx, claim.tenant, claim.ref)
    rests = {Status.SETTLED, Status.DUE} if claim.ref.kind == RESULT_LIST else {Status.SETTLED}
    decided = root is not None and root.status in rests
    complete = whole or not decided or claim.unsure or bool(open_tasks)
    aggregate = _aggregate(tx, claim.tenant, claim.ref, root, open_tasks, complete=complete)
    return replace(aggregate, unsure=claim.unsure, attempt=claim.attempt)


def whole_aggregate(tx: Transaction, tenant: str, ref: Ref) -> Aggregate:
    """Read an aggregate with all its members, to look at it; nobody has to hold a claim for that."""
    return _aggregate(tx, tenant, ref, _root(tx, tenant, ref), _tasks(tx, tenant, ref), complete=True)


def _aggregate(
    tx: Transaction, tenant: str, ref: Ref, root: Record | None, open_tasks: tuple[OpenTask, ...], *, complete: bool
) -> Aggregate:
    is_list = ref.kind == RESULT_LIST
    members = _members(tx, tenant, ref, complete=complete or is_list)
    related: Iterable[Record] = ()
    if not is_list:
        related = _related(tx, tenant, ref, root, members)
    elif complete:
        related = _booked(tx, tenant, ref.key)
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
    return next(iter(find_records(tx, tenant, [ref])), None)


def _records(tx: Transaction, query: Query, **given: object) -> list[Record]:
    return [read_record(tx, row) for row in tx.connection.execute(query, given).mappings()]


def _members(tx: Transaction, tenant: str, ref: Ref, *, complete: bool) -> tuple[Record, ...]:
    home = {"tenant": tenant, "kind": ref.kind, "key": ref.key}
    if complete:
        return tuple(_records(tx, _MEMBERS, **home))
    members = {record.ref: record for record in _records(tx, _OPEN_MEMBERS, **home)}
    about = {record.about for record in members.values() if record.about is not None}
    if about:
        same = sorted(ref.key for ref in about)
        members |= {record.ref: record for record in _records(tx, _MEMBERS_ABOUT, **home, about=same)}
    return tuple(members.values())


_MEMBERS = sa.select(records).where(
    records.c.tenant == sa.bindparam("tenant"),
    records.c.home_kind == sa.bindparam("kind"),
    records.c.home_key == sa.bindparam("key"),
    sa.or_(records.c.kind != sa.bindparam("kind"), records.c.key != sa.bindparam("key")),
)
_OPEN_MEMBERS = _MEMBERS.where(records.c.status.in_((DUE, WAITING)))
_MEMBERS_ABOUT = _MEMBERS.where(among(records.c.about_key, "about"))


def _related(
    tx: Transaction, tenant: str, ref: Ref, root: Record | None, members: Iterable[Record]
) -> Iterable[Record]:
    """Read whom the members are about and what has moved on; and what is about the root, with where it takes place.

    Of a candidate that are the bookings and their sittings, and what has come of them.
    """
    wanted = {record.about for record in members if record.about is not None}
    wanted |= {moved for record in members if (moved := successor(record)) is not None}
    if wanted:
        yield from find_records(tx, tenant, sorted(wanted))
    dependents = _records(tx, _DEPENDENTS, tenant=tenant, kind=ref.kind, key=ref.key)
    if dependents:
        yield from dependents
        homes = find_records(tx, tenant, sorted({record.home for record in dependents}))
        yield from homes
        if ref.kind == CANDIDATE and root is not None and root.external_id is not None:
            held = [home.external_id for home in homes if home.external_id is not None]
            results = {result_ref(schedule_id, root.external_id) for schedule_id in held}
            yield from find_records(tx, tenant, sorted(results | {list_ref(each) for each in held}))


_DEPENDENTS = sa.select(records).where(
    records.c.tenant == sa.bindparam("tenant"),
    records.c.about_kind == sa.bindparam("kind"),
    records.c.about_key == sa.bindparam("key"),
)


def _booked(tx: Transaction, tenant: str, schedule_id: str) -> Iterable[Record]:
    """Read the sitting that Cirrus knows by this id, its bookings, and whom they are about."""
    for sitting in _records(tx, _KNOWN_AS, tenant=tenant, schedule_id=schedule_id):
        yield sitting
        bookings = _records(tx, _BOOKINGS, tenant=tenant, kind=sitting.ref.kind, key=sitting.ref.key)
        yield from bookings
        yield from find_records(tx, tenant, sorted({b.about for b in bookings if b.about is not None}))


_KNOWN_AS = sa.select(records).where(
    records.c.tenant == sa.bindparam("tenant"),
    records.c.kind == SITTING,
    records.c.external_id == sa.bindparam("schedule_id"),
    records.c.rival.is_(None),
)
_BOOKINGS = _MEMBERS.where(records.c.kind == BOOKING)


def _tasks(tx: Transaction, tenant: str, ref: Ref) -> tuple[OpenTask, ...]:
    rows = tx.connection.execute(_OPEN_TASKS, {"tenant": tenant, "kind": ref.kind, "key": ref.key})
    return tuple(OpenTask(row.id, Ref(row.kind, row.key), row.name) for row in rows)


_OPEN_TASKS = (
    sa.select(tasks.c.id, tasks.c.kind, tasks.c.key, tasks.c.name)
    .where(
        tasks.c.tenant == sa.bindparam("tenant"),
        tasks.c.home_kind == sa.bindparam("kind"),
        tasks.c.home_key == sa.bindparam("key"),
        tasks.c.closed_at.is_(None),
    )
    .order_by(tasks.c.id)
)
