"""Converge's transaction: what was found of an aggregate, with everything that has to be told of it."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace

from adapter.domain.applying import answered, depart, overtaken, renamed, settle
from adapter.domain.findings import Continues, Dismissed, Erases, Finding, Handed, Settled, Task, Waits
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record, Ref, Status
from adapter.ledger import erasing
from adapter.ledger.database import Transaction
from adapter.ledger.departures import leave
from adapter.ledger.documents import file
from adapter.ledger.outbox import Writer, hurry
from adapter.ledger.rows import by_kind, by_ref, facet_values, intake_values, lock_records, read_record, settle_values
from adapter.ledger.schema import DUE, KNOWN, SETTLED, journal, records, tasks
from adapter.ledger.texts import close_note, task_values
from adapter.ledger.upsert import Names, Overrides, append, insert_new, update_rows, upsert
from adapter.ledger.work import Claim, Release, Touch, hold_lease, release, touch, waiting_homes
from adapter.value import Value

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
    then: timedelta | Release,
) -> Recorded:
    """Store the findings, their outcomes and tasks, and prolong the lease or give the work back; all or nothing.

    `aggregate` is what was known before the first of the findings; there may be several of one record, in the order in
    which they were found. A record that the SIS changed meanwhile keeps only what was learnt of Cirrus: it is due
    again. So is one that is to be told of under a name that it has no longer.
    """
    demanded = _demanded(aggregate, findings)
    awaited = _awaited(claim, findings)
    locked = _lock(tx, claim, [*{finding.ref for finding in findings}, *_told(findings), *demanded, *awaited])
    near = _near(aggregate)
    anew = _misnamed(near, findings, locked)
    findings = [_untold(finding) if finding.ref in anew else finding for finding in findings]
    told = _told(findings)
    current = {**locked, **_named(near, told, locked)}
    recorded = _settle(tx, claim, aggregate, findings, current, anew)
    others = told - {finding.ref for finding in findings}
    _keep_names(tx, claim, [current[ref].record for ref in sorted(others) if current.get(ref) != locked.get(ref)])
    _demand(tx, claim, demanded)
    _tell(tx, claim, [outcome for f in findings for outcome in f.outcomes], writer, policy)
    file(tx, claim.tenant, findings)
    _close_tasks(tx, claim, findings)
    _raise_tasks(tx, claim, _still_asked(findings))
    _note(tx, claim, findings)
    erasing.ask(tx, claim, aggregate, findings)
    touches = {Touch(home) for home in _released(tx, claim, findings)}
    touches |= {Touch(ref, needed_by=claim.deadline) for ref in demanded}
    if anew or any(_has_moved_on(aggregate.related.get(ref), current.get(ref)) for ref in awaited):
        touches.add(Touch(claim.ref))
    touch(tx, claim.tenant, policy, touches, held=claim)
    if isinstance(then, Release):
        release(tx, claim, then)
    else:
        hold_lease(tx, claim, then)
    return recorded


def _tell(tx: Transaction, claim: Claim, outcomes: Sequence[Outcome], writer: Writer, policy: Policy) -> None:
    writer.write(tx, claim.tenant, outcomes, claim.deadline)
    if outcomes and policy.is_urgent(claim.deadline, tx.now):
        hurry(tx, claim.tenant, [outcome.subject for outcome in outcomes], claim.deadline)


class _Current(Value, frozen=True):
    record: Record
    changed_at: datetime


def _lock(tx: Transaction, claim: Claim, refs: Iterable[Ref]) -> dict[Ref, _Current]:
    rows = lock_records(tx, claim.tenant, refs)
    return {Ref(row["kind"], row["key"]): _Current(read_record(tx, row), row["changed_at"]) for row in rows}


@dataclass(slots=True)
class _Settling:
    """What findings make, one after the other, of the records as they are now."""

    planned: Mapping[Ref, Record]
    current: Mapping[Ref, _Current]
    anew: Container[Ref]
    now: datetime
    first: dict[Ref, Record] = field(default_factory=dict[Ref, Record])
    after: dict[Ref, Record] = field(default_factory=dict[Ref, Record])
    departures: dict[Ref, Record] = field(default_factory=dict[Ref, Record])

    def take(self, finding: Finding) -> None:
        """Take the next finding."""
        ref = finding.ref
        found = self.current.get(ref)
        if found is None:
            if (new := self.first.get(ref) or finding.first) is not None:
                self.first[ref] = settle(answered(new, new), finding, self.now)
            return
        if (was := self.planned.get(ref)) is None:
            return
        record = self.after.get(ref, found.record)
        if record.home != was.home:
            if finding.confirmed is not None:
                left = _left_behind(record, was, finding)
                self.departures[left.ref] = left
        elif record.revision != was.revision:
            self.after[ref] = overtaken(record, finding)
        elif ref in self.anew:
            self.after[ref] = replace(overtaken(record, finding), status=Status.DUE)
        else:
            self.after[ref] = settle(record, finding, self.now)

    def settled(self) -> tuple[tuple[str, float], ...]:
        """Return the kind of each record that is settled now and was not, and the seconds since its last change."""
        return tuple(
            (ref.kind, (self.now - self.current[ref].changed_at).total_seconds())
            for ref, record in self.after.items()
            if record.status is Status.SETTLED and self.current[ref].record.status is not Status.SETTLED
        )


def _settle(
    tx: Transaction,
    claim: Claim,
    aggregate: Aggregate,
    findings: Iterable[Finding],
    current: Mapping[Ref, _Current],
    anew: Container[Ref],
) -> Recorded:
    planned = {record.ref: record for record in (aggregate.root, *aggregate.members) if record is not None}
    planned |= {finding.ref: finding.first for finding in findings if finding.first is not None}
    settling = _Settling(planned, current, anew, tx.now)
    for finding in findings:
        settling.take(finding)
    after, first = settling.after, sorted(settling.first.items())
    _update(tx, claim, {ref: settle_values(tx, claim.tenant, record) for ref, record in after.items()}, SETTLE_COLUMNS)
    insert_new(tx, records, [_whole(tx, claim.tenant, record) for _, record in first], RECORD_KEY)
    leave(tx, claim.tenant, settling.departures.values())
    return Recorded(settling.settled())


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


def _near(aggregate: Aggregate) -> dict[Ref, Record]:
    """Return everything that the plan has seen."""
    near = (aggregate.root, *aggregate.members, *aggregate.related.values())
    return {record.ref: record for record in near if record is not None}


def _misnamed(
    planned: Mapping[Ref, Record], findings: Iterable[Finding], locked: Mapping[Ref, _Current]
) -> frozenset[Ref]:
    """Return of what a finding would be told under a name that its record, or one it is named after, has no longer.

    What an answer of Cirrus has brought is not among it: that is told now or never.
    """
    return frozenset(
        finding.ref
        for finding in findings
        if finding.outcomes and not isinstance(finding.state, Continues | Erases)
        for ref in (finding.ref, *finding.named_after)
        if ref in locked and ref in planned and renamed(locked[ref].record, planned[ref])
    )


def _untold(finding: Finding) -> Finding:
    """Return what is left of a finding that is to be told later; what an answer has brought is told all the same."""
    if isinstance(finding.state, Continues | Erases):
        return finding
    return Finding(finding.ref, Continues(), confirmed=finding.confirmed)


def _named(planned: Mapping[Ref, Record], told: Iterable[Ref], locked: Mapping[Ref, _Current]) -> dict[Ref, _Current]:
    """Return these records under the names that the plan knew, by which the outcomes go."""
    return {
        ref: replace(locked[ref], record=answered(locked[ref].record, planned[ref]))
        for ref in told
        if ref in locked and ref in planned
    }


def _keep_names(tx: Transaction, claim: Claim, renamed: Iterable[Record]) -> None:
    """Store the names of records that nothing was found of, only that outcomes of others go by them."""
    _update(tx, claim, {record.ref: facet_values(tx, claim.tenant, record) for record in renamed}, ("facets",))


def _still_asked(findings: Iterable[Finding]) -> list[Task]:
    """Return the tasks that are raised, but for those that a later finding closes."""
    asked: dict[tuple[Ref, str], Task] = {}
    for finding in findings:
        for name in finding.closes:
            asked.pop((finding.ref, name), None)
        asked |= {(task.ref, task.name): task for task in finding.tasks}
    return list(asked.values())


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
            case Continues() if finding.confirmed is not None:
                before.pop(finding.ref, None)  # what was learnt has ended the wait
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
