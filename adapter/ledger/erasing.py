"""Erasing a person from the ledger: all at once, in one transaction, with the proof that it was done.

Converge asks for it once Cirrus no longer has the person. Then the dead letters are searched, and what is still to be
told goes out first. Whatever ends the process, the next one goes on where it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from msgspec import to_builtins
from msgspec.structs import replace

from adapter.domain.findings import Erases, Finding, Task
from adapter.domain.naming import speaks_of, without
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.proof import prove
from adapter.domain.records import (
    BOOKING,
    CANDIDATE,
    DEPARTURE,
    ERASED,
    RESULT,
    Aggregate,
    Record,
    Ref,
    Status,
    list_ref,
)
from adapter.domain.version import utc_time
from adapter.ledger import tombstones
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.notices import NEW, body_of
from adapter.ledger.outbox import Writer
from adapter.ledger.rivals import inherit
from adapter.ledger.rows import by_kind, by_ref, intake_values, lock_records, read_record, settle_values
from adapter.ledger.schema import (
    FAR,
    documents,
    erasures,
    journal,
    messages,
    notices,
    outbox,
    records,
    removals,
    tasks,
    work,
)
from adapter.ledger.sealing import place
from adapter.ledger.texts import task_values
from adapter.ledger.upsert import append, update_rows, upsert
from adapter.ledger.work import Claim, Touch, touch

NOTICES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Erasure:
    """One person who is to be erased, as planned with these `bookings`; `letters` are the dead letters found so far."""

    tenant: str
    key: str
    revision: int
    proof: Outcome
    names: tuple[str, ...] = field(repr=False)
    task: Task | None
    bookings: frozenset[str]
    letters: frozenset[str]
    searched: bool | None


def ask(tx: Transaction, claim: Claim, aggregate: Aggregate, findings: Iterable[Finding]) -> None:
    """Note who is to be erased; what is said from now on has it planned anew."""
    root = aggregate.root
    bookings = [each.ref.key for each in aggregate.related.values() if each.about == aggregate.ref]
    rows = [
        {
            "tenant": claim.tenant,
            "key": root.ref.key,
            "revision": root.revision,
            "orders": tx.seal.close_text(_written(finding.state, bookings), _place(claim.tenant, root.ref.key)),
            "letters": "[]",
            "asked_at": tx.now,
        }
        for finding in findings
        if isinstance(finding.state, Erases) and root is not None and finding.ref == root.ref
    ]
    upsert(tx, erasures, rows, ("tenant", "key"), ("revision", "orders"))


def to_search(tx: Transaction, lease: timedelta) -> list[Erasure]:
    """Take all whose dead letters are not taken out yet; nobody else searches until the lease is over."""
    rows = tx.connection.execute(_UNSEARCHED).all()
    if any(row.lease_until is not None and row.lease_until > tx.now for row in rows):
        return []
    if rows:
        tx.connection.execute(_LEASE, {"until": tx.now + lease})
    return [_read(tx, row) for row in rows]


_UNSEARCHED = (
    sa.select(erasures)
    .where(erasures.c.searched.is_(None))
    .order_by(erasures.c.tenant, erasures.c.key)
    .with_for_update()
)
_LEASE = erasures.update().where(erasures.c.searched.is_(None)).values(lease_until=sa.bindparam("until"))


def note_letters(tx: Transaction, found: Mapping[tuple[str, str], frozenset[str]]) -> None:
    """Keep which dead letters were found, before they are taken out: they are counted once, whatever happens."""
    for (tenant, key), letters in sorted(found.items()):
        mine = _named(tenant, key)
        row = tx.connection.execute(sa.select(erasures.c.letters).where(mine)).first()
        known = frozenset[str]() if row is None else frozenset(orjson.loads(row.letters))
        tx.connection.execute(
            erasures.update().where(mine).values(letters=orjson.dumps(sorted(known | letters)).decode())
        )


def note_searched(tx: Transaction, searched: Iterable[Erasure], *, done: bool | None) -> None:
    """Keep that the dead letters were searched, or cannot be; None gives the search back."""
    for erasure in searched:
        mine = _named(erasure.tenant, erasure.key)
        tx.connection.execute(erasures.update().where(mine).values(searched=done, lease_until=None))


def to_erase(tx: Transaction, tenants: Iterable[str], limit: int) -> list[Erasure]:
    """Return whose dead letters are done with, the oldest first."""
    return [_read(tx, row) for row in tx.connection.execute(_READY, {"tenants": sorted(tenants), "limit": limit})]


_READY = (
    sa.select(erasures)
    .where(erasures.c.searched.is_not(None), among(erasures.c.tenant, "tenants"))
    .order_by(erasures.c.asked_at)
    .limit(sa.bindparam("limit"))
)


def erase(tx: Transaction, erasure: Erasure, writer: Writer, policy: Policy) -> bool:
    """Erase the person and store the proof; false when something has to be told, read or planned first."""
    if tx.postgresql:
        tx.connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    candidate = Ref(CANDIDATE, erasure.key)
    row = next(iter(lock_records(tx, erasure.tenant, [candidate])), None)
    record = None if row is None else read_record(tx, row)
    mine = [] if record is None else [record, *_about(tx, erasure.tenant, record)]
    if record is None or not _as_planned(erasure, record, mine):
        _plan_anew(tx, erasure, policy)
        return False
    homes = {each.home for each in mine}
    refs = sorted({each.ref for each in mine})
    named = _notices(tx, erasure)
    if named is None or _busy(tx, erasure.tenant, refs, homes):
        return False
    counts = _delete(tx, erasure.tenant, refs, named)
    _scrub(tx, erasure.tenant, mine)
    _hand_on(tx, erasure.tenant, record, policy)
    until = max(said.version.time for each in mine for said in each.facets.values())
    digests = tombstones.bury(tx, erasure.tenant, {ref: FAR if ref.kind == RESULT else until for ref in refs})
    if erasure.task is not None:
        left = Ref(ERASED, digests[candidate])
        values = task_values(tx, erasure.tenant, left, erasure.task) | {"kind": left.kind, "key": left.key}
        append(tx, tasks, [values])
    told = {name: number for name, number in counts.items() if name not in ("work", "erasures")}
    proof = prove(erasure.proof, told, letters=len(erasure.letters), searched=bool(erasure.searched))
    writer.write(tx, erasure.tenant, [proof], tx.now)
    return True


def _as_planned(erasure: Erasure, record: Record, mine: Sequence[Record]) -> bool:
    bookings = {each.ref.key for each in mine if each.about == record.ref}
    return record.revision == erasure.revision and bookings == erasure.bookings


def _plan_anew(tx: Transaction, erasure: Erasure, policy: Policy) -> None:
    """Look again whether there is something to wait for: the SIS has said something new of the person."""
    candidate = Ref(CANDIDATE, erasure.key)
    tx.connection.execute(erasures.delete().where(_named(erasure.tenant, erasure.key)))
    named = (records.c.tenant == erasure.tenant, records.c.kind == candidate.kind, records.c.key == candidate.key)
    tx.connection.execute(records.update().where(*named).values(status=Status.DUE.value))
    touch(tx, erasure.tenant, policy, [Touch(candidate)])


def _written(state: Erases, bookings: Sequence[str]) -> str:
    return orjson.dumps({**to_builtins(state), "bookings": bookings}).decode()


def _read(tx: Transaction, row: sa.Row[Any]) -> Erasure:
    orders = orjson.loads(tx.seal.open_text(row.orders, _place(row.tenant, row.key)))
    return Erasure(
        tenant=row.tenant,
        key=row.key,
        revision=row.revision,
        proof=Outcome(**orders["proof"]),
        names=tuple(orders["names"]),
        task=None if orders["task"] is None else _task(orders["task"]),
        bookings=frozenset(orders["bookings"]),
        letters=frozenset(orjson.loads(row.letters)),
        searched=row.searched,
    )


def _task(written: dict[str, Any]) -> Task:
    deadline = written["deadline"]
    return Task(
        ref=Ref(*written["ref"]),
        name=written["name"],
        answers=written["answers"],
        text=written["text"],
        steps=tuple(written["steps"]),
        deadline=None if deadline is None else utc_time(deadline),
    )


def _place(tenant: str, key: str) -> str:
    return place("erasures", tenant, key, "orders")


def _named(tenant: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(erasures.c.tenant == tenant, erasures.c.key == key)


def _about(tx: Transaction, tenant: str, candidate: Record) -> list[Record]:
    """Return bookings, seats that were left behind, and results, whoever's booking these are of."""
    of_person = sa.and_(records.c.about_kind == CANDIDATE, records.c.about_key == candidate.ref.key)
    if candidate.external_id is not None and candidate.rival is None:
        ending = f"/{candidate.external_id}"
        result = sa.and_(records.c.kind == RESULT, sa.func.substr(records.c.key, -len(ending)) == ending)
        if tx.postgresql:
            result = sa.and_(records.c.kind == RESULT, sa.func.right(records.c.key, len(ending)) == ending)
        of_person = sa.or_(of_person, result)
    rows = tx.connection.execute(sa.select(records).where(records.c.tenant == tenant, of_person)).mappings()
    refs = {Ref(row["kind"], row["key"]) for row in rows}
    return [read_record(tx, row) for row in lock_records(tx, tenant, refs)]


def _busy(tx: Transaction, tenant: str, refs: Sequence[Ref], homes: Iterable[Ref]) -> bool:
    """Tell whether something of the person is still to be told, or somebody is at work where the person has a part."""
    subjects = sorted({ref.key for ref in refs})
    untold = sa.select(outbox.c.seq).where(
        outbox.c.tenant == tenant, outbox.c.subject.in_(subjects), outbox.c.published_at.is_(None)
    )
    keys = by_kind(homes)
    held = sa.select(work.c.key).where(
        work.c.tenant == tenant, by_ref(work.c.kind, work.c.key, keys), work.c.lease_by.is_not(None)
    )
    return any(tx.connection.execute(query.limit(1), keys).first() is not None for query in (untold, held))


def _notices(tx: Transaction, erasure: Erasure) -> list[int] | None:
    """Return the notices that name the person, None while one of them has not been looked at."""
    found: list[int] = []
    last = 0
    while True:
        query = (
            sa.select(notices)
            .where(notices.c.tenant == erasure.tenant, notices.c.seq > last, sa.func.length(notices.c.body) > 0)
            .order_by(notices.c.seq)
            .limit(NOTICES_AT_ONCE)
        )
        rows = tx.connection.execute(query).all()
        for row in rows:
            body = body_of(tx, row)
            if body is not None and speaks_of(body, erasure.names, erasure.tenant):
                if row.state == NEW:
                    return None
                found.append(row.seq)
        if len(rows) < NOTICES_AT_ONCE:
            return found
        last = rows[-1].seq


def _delete(tx: Transaction, tenant: str, refs: Sequence[Ref], named: Sequence[int]) -> dict[str, int]:
    subjects = sorted({ref.key for ref in refs})
    keys = by_kind(refs)
    gone = {
        outbox: outbox.c.subject.in_(subjects),
        messages: messages.c.subject.in_(subjects),
        journal: by_ref(journal.c.kind, journal.c.key, keys),
        tasks: by_ref(tasks.c.kind, tasks.c.key, keys),
        documents: by_ref(documents.c.kind, documents.c.key, keys),
        work: by_ref(work.c.kind, work.c.key, keys),
        notices: notices.c.seq.in_(named),
        erasures: erasures.c.key.in_([ref.key for ref in refs if ref.kind == CANDIDATE]),
        removals: by_ref(removals.c.kind, removals.c.key, keys),
        records: by_ref(records.c.kind, records.c.key, keys),
    }
    return {
        str(table.name): tx.connection.execute(table.delete().where(table.c.tenant == tenant, which), keys).rowcount
        for table, which in gone.items()
    }


def _scrub(tx: Transaction, tenant: str, mine: Sequence[Record]) -> None:
    """Take the person out of what is known of the exams, and of the lists of their results."""
    candidate = mine[0]
    names = frozenset({candidate.ref.key, *({candidate.external_id} if candidate.external_id is not None else ())})
    homes = {each.home for each in mine if each.ref.kind in (BOOKING, DEPARTURE, RESULT)}
    exams = [read_record(tx, row) for row in lock_records(tx, tenant, homes)]
    lists = [list_ref(exam.external_id) for exam in exams if exam.external_id is not None]
    exams += [read_record(tx, row) for row in lock_records(tx, tenant, lists)]
    rows = [
        {
            "tenant": tenant,
            "kind": exam.ref.kind,
            "key": exam.ref.key,
            "confirmed": settle_values(tx, tenant, exam)["confirmed"],
        }
        for exam in {each.ref: replace(each, confirmed=without(each.confirmed, names)) for each in exams}.values()
    ]
    update_rows(tx, records, rows, ("tenant", "kind", "key"), ("confirmed",))


def _hand_on(tx: Transaction, tenant: str, candidate: Record, policy: Policy) -> None:
    """Let somebody else have the id in Cirrus who was refused it."""
    if candidate.external_id is None or candidate.rival is not None:
        return
    heirs = inherit(tx, tenant, [(CANDIDATE, candidate.external_id)])
    rows = [intake_values(tx, tenant, heir) for heir in heirs]
    upsert(tx, records, rows, ("tenant", "kind", "key"), ("rival", "status", "revision", "reason_code", "reason_text"))
    touch(tx, tenant, policy, [Touch(heir.home) for heir in heirs if heir.open])
