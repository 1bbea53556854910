"""Converge's transaction: what was found of an aggregate, with everything that has to be told of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from adapter.domain.applying import depart, settle
from adapter.domain.findings import Dismissed, Finding, Settled, Task, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record, Ref, Status
from adapter.ledger.database import Transaction
from adapter.ledger.outbox import Writer
from adapter.ledger.rows import intake_values, read_record, select_records, settle_values
from adapter.ledger.schema import journal, records, tasks
from adapter.ledger.upsert import insert_if_absent, upsert
from adapter.ledger.work import Claim, Touch, hold_lease, touch, waiting_homes

SETTLE_COLUMNS = (
    "status",
    "confirmed",
    "wanting_kind",
    "wanting_key",
    "wanting_reason",
    "wanting_since",
    "reason_code",
    "reason_text",
    "settled_at",
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was settled by one call of `record_findings`, with the age of the wish in seconds."""

    settled: tuple[tuple[str, float], ...]


def record_findings(
    tx: Transaction,
    claim: Claim,
    aggregate: Aggregate,
    findings: Sequence[Finding],
    *,
    writer: Writer,
    policy: Policy,
    lease: timedelta,
) -> Recorded:
    """Store the findings, their outcomes and tasks, and prolong the lease; all or nothing.

    A record that the SIS changed meanwhile keeps only what was learnt of Cirrus: it is due again.
    """
    current = _lock(tx, claim, findings)
    settled = _settle(tx, claim, aggregate, findings, current)
    writer.write(tx, claim.tenant, [outcome for f in findings for outcome in f.outcomes], claim.deadline)
    _raise_tasks(tx, claim, [task for finding in findings for task in finding.tasks])
    _close_tasks(tx, claim, findings)
    _note(tx, claim, findings)
    _wake(tx, claim, aggregate, findings, policy)
    hold_lease(tx, claim, lease)
    return Recorded(tuple(settled))


@dataclass(frozen=True, slots=True)
class _Current:
    record: Record
    changed_at: datetime


def _lock(tx: Transaction, claim: Claim, findings: Iterable[Finding]) -> dict[Ref, _Current]:
    refs = sorted({finding.ref for finding in findings})
    query = select_records(claim.tenant, refs).order_by(records.c.kind, records.c.key)
    if tx.postgresql:
        query = query.with_for_update()
    rows = tx.connection.execute(query).mappings().all()
    return {Ref(row["kind"], row["key"]): _Current(read_record(row), row["changed_at"]) for row in rows}


def _settle(
    tx: Transaction,
    claim: Claim,
    aggregate: Aggregate,
    findings: Iterable[Finding],
    current: Mapping[Ref, _Current],
) -> list[tuple[str, float]]:
    planned = {record.ref: record for record in (aggregate.root, *aggregate.members) if record is not None}
    updates: dict[Ref, dict[str, Any]] = {}
    departures: list[Record] = []
    settled: list[tuple[str, float]] = []
    for finding in findings:
        found = current.get(finding.ref)
        if found is None or finding.ref not in planned:
            continue
        if found.record.home != planned[finding.ref].home:
            if finding.confirmed is not None:
                departures.append(_left_behind(found.record, planned[finding.ref], finding))
        elif found.record.revision != planned[finding.ref].revision:
            if finding.confirmed is not None:
                changed = replace(found.record, confirmed=finding.confirmed)
                updates[finding.ref] = settle_values(changed, tx.now)
        else:
            after = settle(found.record, finding, tx.now)
            if after.status is Status.SETTLED and found.record.status is not Status.SETTLED:
                settled.append((finding.ref.kind, (tx.now - found.changed_at).total_seconds()))
            updates[finding.ref] = settle_values(after, tx.now)
    _update(tx, claim, updates)
    rows = [intake_values(claim.tenant, departure, tx.now) for departure in departures]
    upsert(tx, records, rows, ("tenant", "kind", "key"), ("confirmed", "status", "revision"))
    return settled


def _left_behind(record: Record, planned: Record, finding: Finding) -> Record:
    """Keep what was learnt of a seat whose booking has moved away during the call."""
    seated = replace(planned, confirmed=finding.confirmed or {})
    return depart(seated, next(iter(record.facets.values())))


def _update(tx: Transaction, claim: Claim, updates: Mapping[Ref, dict[str, Any]]) -> None:
    if not updates:
        return
    statement = (
        records.update()
        .where(
            records.c.tenant == sa.bindparam("of_tenant"),
            records.c.kind == sa.bindparam("of_kind"),
            records.c.key == sa.bindparam("of_key"),
        )
        .values({name: sa.bindparam(f"to_{name}") for name in SETTLE_COLUMNS})
    )
    tx.connection.execute(
        statement,
        [
            {
                "of_tenant": claim.tenant,
                "of_kind": ref.kind,
                "of_key": ref.key,
                **{f"to_{name}": value for name, value in values.items()},
            }
            for ref, values in updates.items()
        ],
    )


def _raise_tasks(tx: Transaction, claim: Claim, raised: Iterable[Task]) -> None:
    rows = [
        {
            "id": task.id(claim.tenant),
            "tenant": claim.tenant,
            "kind": task.ref.kind,
            "key": task.ref.key,
            "home_kind": claim.ref.kind,
            "home_key": claim.ref.key,
            "name": task.name,
            "text": task.text,
            "steps": list(task.steps),
            "deadline": task.deadline,
            "raised_at": tx.now,
        }
        for task in raised
    ]
    insert_if_absent(tx, tasks, rows, ("id",))


def _close_tasks(tx: Transaction, claim: Claim, findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.closes:
            tx.connection.execute(
                tasks.update()
                .where(
                    tasks.c.tenant == claim.tenant,
                    tasks.c.kind == finding.ref.kind,
                    tasks.c.key == finding.ref.key,
                    tasks.c.name.in_(finding.closes),
                    tasks.c.closed_at.is_(None),
                )
                .values(closed_at=tx.now)
            )


def _note(tx: Transaction, claim: Claim, findings: Iterable[Finding]) -> None:
    rows = [
        {
            "at": tx.now,
            "tenant": claim.tenant,
            "kind": finding.ref.kind,
            "key": finding.ref.key,
            "who": "adapter",
            "what": type(finding.state).__name__.lower(),
            "note": finding.note,
        }
        for finding in findings
        if finding.note
    ]
    if rows:
        tx.connection.execute(journal.insert(), rows)


def _wake(tx: Transaction, claim: Claim, aggregate: Aggregate, findings: Iterable[Finding], policy: Policy) -> None:
    """Let those look again who waited for what is decided now, and ask for what is waited for now."""
    decided = [f.ref for f in findings if f.ref == claim.ref and isinstance(f.state, Settled | Dismissed)]
    homes = waiting_homes(tx, claim.tenant, decided) - {claim.ref}
    touches = {Touch(home, None) for home in homes}
    before = {record.ref: record.wanting for record in aggregate.members}
    demanded: set[Ref] = set()
    for finding in findings:
        if isinstance(finding.state, Waits) and finding.state.demand and finding.state.ref is not None:
            wanting = before.get(finding.ref)
            if wanting is None or wanting.ref != finding.state.ref or wanting.reason != finding.state.reason:
                demanded.add(finding.state.ref)
    if demanded:
        tx.connection.execute(
            records.update()
            .where(
                records.c.tenant == claim.tenant,
                sa.or_(*(sa.and_(records.c.kind == ref.kind, records.c.key == ref.key) for ref in sorted(demanded))),
                records.c.status.in_((Status.KNOWN.value, Status.SETTLED.value)),
            )
            .values(status=Status.DUE.value)
        )
        touches |= {Touch(ref, claim.deadline) for ref in demanded}
    touch(tx, claim.tenant, policy, touches)
