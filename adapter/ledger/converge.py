"""Converge's transaction: what was found of an aggregate, with everything that has to be told of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from adapter.domain.applying import answered, depart, overtaken, settle
from adapter.domain.findings import Dismissed, Finding, Handed, Settled, Task, Waits
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record, Ref, Status
from adapter.ledger import erasing
from adapter.ledger.database import Transaction
from adapter.ledger.documents import file
from adapter.ledger.outbox import Writer, hurry
from adapter.ledger.rows import by_kind, by_ref, facet_values, intake_values, lock_records, read_record, settle_values
from adapter.ledger.schema import DUE, KNOWN, SETTLED, journal, records, tasks
from adapter.ledger.texts import close_note, task_values
from adapter.ledger.upsert import Names, Overrides, append, insert_new, update_rows, upsert
from adapter.ledger.work import Claim, Touch, hold_lease, touch, waiting_homes

RECORD_KEY = ("tenant", "kind", "key")

SETTLE_COLUMNS = (
    "status",
    "facets",
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
    demanded = _demanded(aggregate, findings)
    awaited = _awaited(claim, findings)
    told = _told(findings)
    locked = _lock(tx, claim, [*{finding.ref for finding in findings}, *told, *demanded, *awaited])
    current = {**locked, **_named(aggregate, told, locked)}
    settled = _settle(tx, claim, aggregate, findings, current)
    others = told - {finding.ref for finding in findings}
    _keep_names(tx, claim, [current[ref].record for ref in sorted(others) if current.get(ref) != locked.get(ref)])
    _demand(tx, claim, demanded)
    _tell(tx, claim, [outcome for f in findings for outcome in f.outcomes], writer, policy)
    file(tx, claim.tenant, findings)
    _close_tasks(tx, claim, findings)
    _raise_tasks(tx, claim, [task for finding in findings for task in finding.tasks])
    _note(tx, claim, findings)
    erasing.ask(tx, claim, aggregate, findings)
    touches = {Touch(home) for home in _released(tx, claim, findings)}
    touches |= {Touch(ref, needed_by=claim.deadline) for ref in demanded}
    if any(_has_moved_on(aggregate.related.get(ref), current.get(ref)) for ref in awaited):
        touches.add(Touch(claim.ref))
    touch(tx, claim.tenant, policy, touches, held=claim)
    hold_lease(tx, claim, lease)
    return Recorded(tuple(settled))


def _tell(tx: Transaction, claim: Claim, outcomes: Sequence[Outcome], writer: Writer, policy: Policy) -> None:
    writer.write(tx, claim.tenant, outcomes, claim.deadline)
    if outcomes and policy.is_urgent(tx.now, claim.deadline):
        hurry(tx, claim.tenant, [outcome.subject for outcome in outcomes], claim.deadline)


@dataclass(frozen=True, slots=True)
class _Current:
    record: Record
    changed_at: datetime


def _lock(tx: Transaction, claim: Claim, refs: Iterable[Ref]) -> dict[Ref, _Current]:
    rows = lock_records(tx, claim.tenant, refs)
    return {Ref(row["kind"], row["key"]): _Current(read_record(tx, row), row["changed_at"]) for row in rows}


def _settle(
    tx: Transaction,
    claim: Claim,
    aggregate: Aggregate,
    findings: Iterable[Finding],
    current: Mapping[Ref, _Current],
) -> list[tuple[str, float]]:
    planned = {record.ref: record for record in (aggregate.root, *aggregate.members) if record is not None}
    planned |= {finding.ref: finding.first for finding in findings if finding.first is not None}
    first: dict[Ref, Record] = {}
    updates: dict[Ref, dict[str, Any]] = {}
    departures: dict[Ref, Record] = {}
    settled: list[tuple[str, float]] = []
    for finding in findings:
        found = current.get(finding.ref)
        if found is None and finding.first is not None:
            first[finding.ref] = settle(answered(finding.first, finding.first), finding, tx.now)
        if found is None or finding.ref not in planned:
            continue
        was = planned[finding.ref]
        if found.record.home != was.home:
            if finding.confirmed is not None:
                left = _left_behind(found.record, was, finding)
                departures[left.ref] = left
        elif found.record.revision != was.revision:
            updates[finding.ref] = settle_values(tx, claim.tenant, overtaken(found.record, finding))
        else:
            after = settle(found.record, finding, tx.now)
            if after.status is Status.SETTLED and found.record.status is not Status.SETTLED:
                settled.append((finding.ref.kind, (tx.now - found.changed_at).total_seconds()))
            updates[finding.ref] = settle_values(tx, claim.tenant, after)
    _update(tx, claim, updates, SETTLE_COLUMNS)
    insert_new(tx, records, [_whole(tx, claim.tenant, record) for _, record in sorted(first.items())], RECORD_KEY)
    rows = [intake_values(tx, claim.tenant, departure) for _, departure in sorted(departures.items())]
    upsert(tx, records, rows, RECORD_KEY, ("confirmed", "status", "revision"))
    return settled


def _whole(tx: Transaction, tenant: str, record: Record) -> dict[str, Any]:
    return {**intake_values(tx, tenant, record), **settle_values(tx, tenant, record)}


def _left_behind(record: Record, planned: Record, finding: Finding) -> Record:
    """Keep what was learnt of a seat whose booking has moved away during the call."""
    seated = replace(planned, confirmed=finding.confirmed or {})
    return depart(seated, next(iter(record.facets.values())))


def _update(tx: Transaction, claim: Claim, updates: Mapping[Ref, dict[str, Any]], columns: Names) -> None:
    rows = [{"tenant": claim.tenant, "kind": ref.kind, "key": ref.key, **values} for ref, values in updates.items()]
    update_rows(tx, records, rows, RECORD_KEY, columns)


def _told(findings: Iterable[Finding]) -> set[Ref]:
    """Return the records by whose version an outcome is named."""
    return {ref for finding in findings if finding.outcomes for ref in (finding.ref, *finding.named_after)}


def _named(aggregate: Aggregate, told: Iterable[Ref], locked: Mapping[Ref, _Current]) -> dict[Ref, _Current]:
    """Return these records under the names that the plan knew, by which the outcomes go."""
    near = (aggregate.root, *aggregate.members, *aggregate.related.values())
    planned = {record.ref: record for record in near if record is not None}
    return {
        ref: replace(locked[ref], record=answered(locked[ref].record, planned[ref]))
        for ref in told
        if ref in locked and ref in planned
    }


def _keep_names(tx: Transaction, claim: Claim, renamed: Iterable[Record]) -> None:
    """Store the names of records that nothing was found of, only that outcomes of others go by them."""
    _update(tx, claim, {record.ref: facet_values(tx, claim.tenant, record) for record in renamed}, ("facets",))


def _raise_tasks(tx: Transaction, claim: Claim, raised: Iterable[Task]) -> None:
    """Open the tasks; one that was closed and is asked for again is open again."""
    rows = {task.id(claim.tenant): task_values(tx, claim.tenant, claim.ref, task) for task in raised}
    upsert(tx, tasks, list(rows.values()), ("id",), (), overrides=_OPEN_AGAIN)


_AGAIN: sa.ColumnClause[datetime] = sa.literal_column("excluded.raised_at", tasks.c.raised_at.type)
_RAISED = sa.case((tasks.c.closed_at.is_(None), tasks.c.raised_at), else_=_AGAIN)
_OPEN_AGAIN: Overrides = (("closed_at", None), ("raised_at", _RAISED))


def _close_tasks(tx: Transaction, claim: Claim, findings: Iterable[Finding]) -> None:
    closed: dict[str, list[Ref]] = {}
    for finding in findings:
        for name in finding.closes:
            closed.setdefault(name, []).append(finding.ref)
    home = {"of_tenant": claim.tenant, "of_kind": claim.ref.kind, "of_key": claim.ref.key}
    for name, refs in sorted(closed.items()):
        keys = by_kind(refs)
        tx.connection.execute(_close(tuple(keys)), {**home, "of_name": name, "now": tx.now, **keys})


@cache
def _close(kinds: tuple[str, ...]) -> sa.Update:
    return (
        tasks.update()
        .where(
            tasks.c.tenant == sa.bindparam("of_tenant"),
            tasks.c.home_kind == sa.bindparam("of_kind"),
            tasks.c.home_key == sa.bindparam("of_key"),
            by_ref(tasks.c.kind, tasks.c.key, kinds),
            tasks.c.name == sa.bindparam("of_name"),
            tasks.c.closed_at.is_(None),
        )
        .values(closed_at=sa.bindparam("now"))
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
            "note": close_note(tx, claim.tenant, finding.ref, finding.note),
        }
        for finding in findings
        if finding.note
    ]
    append(tx, journal, rows)


def _released(tx: Transaction, claim: Claim, findings: Iterable[Finding]) -> set[Ref]:
    """Return the homes of those who waited for what is decided now, or is in somebody's hands."""
    decided = [f.ref for f in findings if isinstance(f.state, Settled | Dismissed | Handed)]
    return waiting_homes(tx, claim.tenant, decided) - {claim.ref}


def _awaited(claim: Claim, findings: Iterable[Finding]) -> list[Ref]:
    """Return what is waited for outside this aggregate."""
    refs = {finding.state.ref for finding in findings if isinstance(finding.state, Waits)}
    return sorted(ref for ref in refs if ref is not None and ref != claim.ref)


def _has_moved_on(planned: Record | None, found: _Current | None) -> bool:
    """Tell whether what is waited for was decided after the plan looked at it: then nobody would end the wait."""
    return found is not None and (planned is None or found.record.status is not planned.status)


def _demanded(aggregate: Aggregate, findings: Iterable[Finding]) -> list[Ref]:
    """Return what is asked for and was not before: to ask in every pass would never come to rest."""
    before = {record.ref: record.wanting for record in aggregate.members if record.status is Status.WAITING}
    demanded: set[Ref] = set()
    for finding in findings:
        match finding.state:
            case Waits(ref=Ref() as ref, reason=reason, demand=True):
                wanting = before.get(finding.ref)
                if wanting is None or (wanting.ref, wanting.reason) != (ref, reason):
                    demanded.add(ref)
            case _:
                pass
    return sorted(demanded)


def _demand(tx: Transaction, claim: Claim, demanded: Sequence[Ref]) -> None:
    if demanded:
        keys = by_kind(demanded)
        tx.connection.execute(_ask_for(tuple(keys)), {"of_tenant": claim.tenant, **keys})


@cache
def _ask_for(kinds: tuple[str, ...]) -> sa.Update:
    return (
        records.update()
        .where(
            records.c.tenant == sa.bindparam("of_tenant"),
            by_ref(records.c.kind, records.c.key, kinds),
            records.c.status.in_((KNOWN, SETTLED)),
        )
        .values(status=DUE)
    )
