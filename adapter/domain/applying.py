"""Applying: what a change makes of a record, and what findings make of an aggregate.

The same two functions serve the ledger and every model of it in the tests.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from adapter.domain.findings import Continues, Dismissed, Erases, Finding, Handed, Settled, Waits
from adapter.domain.records import BOOKING, DEPARTURE, Aggregate, Change, OpenTask, Record, Ref, Status, Wanting
from adapter.domain.version import Merge, Merged, Statement, merge
from adapter.value import Value


class Applied(Value, frozen=True):
    """The record after a change; `departure` is the seat it left behind when it moved home."""

    record: Record
    merge: Merge
    tie: bool = False
    departure: Record | None = None
    left: Ref | None = None

    @property
    def calls_for_a_look(self) -> bool:
        """Whether a plan may have something to do now: something new was said, or the same asked once more."""
        return self.merge is Merge.APPLIED or self.record.status is Status.DUE


def apply(record: Record | None, change: Change) -> Applied:
    """Merge one change into a record, or start the record."""
    said = change.said
    if record is None:
        started = Record(ref=change.ref, home=change.home or change.ref, status=_first_status(change))
        return Applied(_with(started, change, said), Merge.APPLIED)
    merged = merge(record.facets.get(change.facet), said)
    if merged.merge is not Merge.APPLIED:
        facets = {**record.facets, change.facet: merged.statement}
        after = replace(record, facets=facets, external_id=_external_id(facets))
        if _asks_again(record, change, merged):
            after = replace(after, status=Status.DUE, revision=record.revision + 1)
        return Applied(after, merged.merge, merged.tie)
    after = replace(_with(record, change, merged.statement), status=_next_status(record, change))
    if after.home == record.home:
        return Applied(after, merged.merge, merged.tie)
    departure = _departure(record, change)
    return Applied(replace(after, confirmed={}), merged.merge, merged.tie, departure, left=record.home)


def _asks_again(record: Record, change: Change, merged: Merged) -> bool:
    """Tell whether a rejected record is said once more under a newer version: what was in its way may be gone."""
    newer = merged.merge is Merge.UNCHANGED and record.facets[change.facet].version != merged.statement.version
    return newer and record.status is Status.REJECTED and not change.mention


def _with(record: Record, change: Change, said: Statement) -> Record:
    facets = {**record.facets, change.facet: said}
    return replace(
        record,
        facets=facets,
        external_id=_external_id(facets),
        home=change.home or record.home,
        about=change.about or record.about,
        revision=record.revision + 1,
        cause=said.version.event_id,
        deadline=change.deadline or record.deadline,
        reason=None,
    )


def _external_id(facets: Mapping[str, Statement]) -> str | None:
    named = [said for said in facets.values() if said.external_id is not None]
    newest = max(named, key=lambda said: (said.version.time, said.version.event_id), default=None)
    return None if newest is None else newest.external_id


def _first_status(change: Change) -> Status:
    return Status.KNOWN if change.mention else Status.DUE


def _next_status(record: Record, change: Change) -> Status:
    # A mention is a reason to act only for what Cirrus has already been asked about.
    return Status.KNOWN if change.mention and record.status is Status.KNOWN else Status.DUE


def _departure(record: Record, change: Change) -> Record | None:
    return depart(record, change.statement) if record.ref.kind == BOOKING and _may_hold_seat(record) else None


def _may_hold_seat(record: Record) -> bool:
    # While it is open a call may be under way that seats it, and nobody may live to tell: a read-back will look for it.
    return bool(record.confirmed.get("seat")) or record.open


def depart(record: Record, said: Statement) -> Record:
    """Return what is left of a booking in the home it has moved away from: a seat to be given up.

    Without anything `confirmed` nobody knows of a seat; then what an earlier departure of the same booking from the
    same home has left is still true.
    """
    return Record(
        ref=Ref(DEPARTURE, f"{record.ref.key}@{record.home.key}"),
        home=record.home,
        about=record.about,
        facets={DEPARTURE: Statement.first(said.version, {"booking": record.ref.key})},
        confirmed=record.confirmed if record.confirmed.get("seat") else {},
        revision=1,
        cause=said.version.event_id,
    )


def alias_of(record: Record) -> Ref | None:
    """Return the record of the same kind that this one is another name of, None for one that is itself."""
    return record.about if record.about is not None and record.about.kind == record.ref.kind else None


def hand_over(record: Record, to: Ref) -> tuple[Record, Record | None]:
    """Return a booking as somebody else's, and what is left of a seat under the former name.

    What is told of it from now on answers the end of that seat, so that it is told anew.
    """
    former = record.about
    assert former is not None, "only what is about somebody can be handed over"
    after = replace(
        record,
        about=to,
        status=Status.KNOWN if record.status is Status.KNOWN else Status.DUE,
        revision=record.revision + 1,
        reason=None,
    )
    if not _may_hold_seat(record):
        return after, None
    left = depart(record, next(iter(record.facets.values())))
    left = replace(left, ref=Ref(DEPARTURE, f"{left.ref.key}/{former.key}"))
    if not record.confirmed.get("seat"):
        return after, left
    return replace(after, confirmed={"lapsed": f"merged/{former.key}"}), left


def successor(record: Record) -> Ref | None:
    """Return the booking that left this seat behind, None for anything but a departure."""
    said = record.data(DEPARTURE) if record.ref.kind == DEPARTURE else None
    return Ref(BOOKING, said["booking"]) if said is not None else None


def fold(aggregate: Aggregate, findings: Iterable[Finding], now: datetime) -> Aggregate:
    """Return the aggregate as it is after the findings, without asking the ledger again."""
    by_ref = {finding.ref: finding for finding in findings}
    members = tuple(
        settle(member, by_ref[member.ref], now) if member.ref in by_ref else member for member in aggregate.members
    )
    known = {member.ref for member in aggregate.members}
    members += tuple(
        settle(finding.first, finding, now)
        for finding in by_ref.values()
        if finding.first is not None and finding.ref not in known
    )
    root = aggregate.root
    if root is not None and root.ref in by_ref:
        root = settle(root, by_ref[root.ref], now)
    return replace(aggregate, root=root, members=members, tasks=_tasks(aggregate, by_ref), unsure=False)


def answered(record: Record, planned: Record) -> Record:
    """Return the record with its statements under the names that outcomes have by now, which go by what was planned."""
    facets = dict(record.facets)
    for name in facets.keys() & planned.facets.keys():
        said, told = facets[name], planned.facets[name]
        if record.revision == planned.revision or said.repeats(told):
            facets[name] = said.named_as(told)
    return replace(record, facets=facets)


def renamed(record: Record, planned: Record) -> bool:
    """Tell whether others have told of a statement under another name than the plan knew it by."""
    return any(
        said.answered and said.since != told.since and said.repeats(told)
        for name, said in record.facets.items()
        if (told := planned.facets.get(name)) is not None
    )


def overtaken(record: Record, finding: Finding) -> Record:
    """Return a record that has changed since the plan: only what was learnt of Cirrus counts, and it is due again."""
    confirmed = record.confirmed if finding.confirmed is None else finding.confirmed
    # The finding may have closed the task that a person had, so nobody else would look at it any more.
    status = Status.DUE if record.status is Status.MANUAL else record.status
    return replace(record, confirmed=confirmed, status=status)


def settle(record: Record, finding: Finding, now: datetime) -> Record:
    """Return the record as one finding leaves it."""
    known = record.confirmed if finding.confirmed is None else finding.confirmed
    state = finding.state
    match state:
        case Settled() | Erases():
            return replace(record, confirmed=known, status=Status.SETTLED, wanting=None, reason=None)
        case Dismissed(reason=reason):
            return replace(record, confirmed=known, status=Status.REJECTED, wanting=None, reason=reason)
        case Handed():
            return replace(record, confirmed=known, status=Status.MANUAL, wanting=None)
        case Waits(ref=ref, reason=why):
            since = record.wanting.since if record.wanting is not None else now
            return replace(record, confirmed=known, status=Status.WAITING, wanting=Wanting(ref, why, since))
        case Continues():
            # What was learnt of Cirrus may be just what the record needs, or that its wait was in vain.
            learnt = record.status is Status.WAITING and finding.confirmed is not None
            return replace(record, confirmed=known, status=Status.DUE if learnt else record.status)
        case _ as never:
            assert_never(never)


def _tasks(aggregate: Aggregate, findings: Mapping[Ref, Finding]) -> tuple[OpenTask, ...]:
    kept = [task for task in aggregate.tasks if task.ref not in findings or task.name not in findings[task.ref].closes]
    known = {(task.ref, task.name) for task in kept}
    for finding in findings.values():
        kept += [OpenTask(t.id(aggregate.tenant), t.ref, t.name) for t in finding.tasks if (t.ref, t.name) not in known]
    return tuple(kept)
