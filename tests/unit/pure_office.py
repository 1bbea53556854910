"""An exam office in memory: what the ledger and the converge loop do, with the same pure functions.

With `PureCirrus` it closes the loop of plan and report without any I/O.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

import orjson

from adapter.domain.allowance import Spending
from adapter.domain.answers import Receipt
from adapter.domain.applying import apply, fold, settle
from adapter.domain.findings import Dismissed, Document, Finding, Handed, Plan, Settled, Task, Waits
from adapter.domain.handler import Handler
from adapter.domain.notices import Asker, Named, Notice
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.records import (
    BOOKING,
    CANDIDATE,
    RESULT_LIST,
    SITTING,
    Aggregate,
    Change,
    OpenTask,
    Record,
    Ref,
    Status,
    Wanting,
    list_ref,
    result_ref,
)
from adapter.domain.steps import ReadResults, Step
from adapter.domain.verdict import Confirmed, Halt, Manual, Rejected, Retry, Unsure, Verdict, judge
from handlers import ALL
from handlers.results.hear import hear
from tests.unit.builders import NOW, TENANT, Event, booked, changes, scheduled
from tests.unit.pure_cirrus import PureCirrus, candidates_of
from tests.values import replace

MOST_ROUNDS = 50
"""Plans for one claim, as in the converge loop."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An open task, and the aggregate that asked for it."""

    open: OpenTask
    task: Task
    home: Ref


@dataclass(slots=True)
class Office:
    """Ledger and converge loop in memory: takes events in, plans, performs, reports, applies the findings."""

    policy: Policy = field(default_factory=Policy)
    cirrus: PureCirrus = field(default_factory=PureCirrus)
    now: datetime = NOW
    records: dict[Ref, Record] = field(default_factory=dict[Ref, Record])
    due: dict[Ref, datetime] = field(default_factory=dict[Ref, datetime])
    attempts: dict[Ref, int] = field(default_factory=dict[Ref, int])
    unsure: set[Ref] = field(default_factory=set[Ref])
    doubtful: set[Ref] = field(default_factory=set[Ref])
    tasks: dict[str, Asked] = field(default_factory=dict[str, "Asked"])
    said: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    plans: list[Plan] = field(default_factory=list[Plan])
    spending: Spending | None = None
    filed: list[tuple[Ref, Document]] = field(default_factory=list[tuple[Ref, Document]])
    notices: int = 0

    # Intake.

    def hear(self, *events: Event) -> None:
        """Take events in, in this order."""
        for event in events:
            for change in changes(event):
                self.take(change)

    def announce(
        self, who: str, sitting: str = "1", *, attempt: str | None = None, by: Asker = "cirrus", seconds: float = 0
    ) -> None:
        """Let Cirrus announce a result, so many seconds from now."""
        self.now += timedelta(seconds=seconds)
        self.notices += 1
        named = Named(candidate_id=f"s{who}", schedule_id=f"o{sitting}", attempt_id=attempt)
        self.take(hear(Notice(f"notice-{self.notices:04}", TENANT, named, self.now, by)))

    def take(self, change: Change) -> None:
        """Take one change in."""
        applied = apply(self.records.get(change.ref), change)
        self.records[change.ref] = applied.record
        if not applied.calls_for_a_look:
            return
        if applied.departure is not None:
            self._leave(applied.departure)
        if applied.record.open:
            self._touch(applied.record.home)
        if applied.left is not None:
            self._touch(applied.left)
        if change.ripples:
            self._ripple(change.ref)
        self._wake([change.ref])

    def _leave(self, departure: Record) -> None:
        earlier = self.records.get(departure.ref)
        known = departure.confirmed or (earlier.confirmed if earlier is not None else {})
        self.records[departure.ref] = replace(departure, confirmed=known)

    def _touch(self, ref: Ref) -> None:
        self.due[ref] = min(self.now, self.due.get(ref, self.now))
        self.attempts[ref] = 0

    def _ripple(self, about: Ref) -> None:
        for record in [record for record in self.records.values() if record.about == about]:
            if record.status in (Status.SETTLED, Status.REJECTED):
                self.records[record.ref] = replace(record, status=Status.DUE)
            self._touch(record.home)

    def _wake(self, awaited: list[Ref], *, but: Ref | None = None) -> None:
        for record in self.records.values():
            waits = record.status is Status.WAITING and record.wanting is not None and record.wanting.ref in awaited
            if waits and record.home != but:
                self._touch(record.home)

    # Converge.

    def work(self, until: datetime | None = None) -> None:
        """Converge whatever is due, moving the clock on to what falls due until then."""
        for _ in range(2000):
            ref, due_at = min(self.due.items(), key=lambda item: (item[1], item[0]), default=(None, None))
            if ref is None or due_at is None or due_at > max(self.now, until or self.now):
                self.now = max(self.now, until or self.now)
                return
            self.now = max(self.now, due_at)
            self.converge(ref)
        raise AssertionError("the office never comes to rest")

    def converge(self, ref: Ref) -> None:
        """Make one pass over one aggregate."""
        self.due.pop(ref, None)
        handler = next(handler for handler in ALL if handler.kind == ref.kind)
        aggregate = self.load(ref)
        self.unsure.discard(ref)
        for _ in range(MOST_ROUNDS):
            plan, aggregate = self._plan(handler, aggregate)
            self._check(plan)
            self.plans.append(plan)
            aggregate = self._record(aggregate, plan.findings)
            if not plan.steps:
                if plan.look_again is not None:
                    assert plan.look_again > self.now, "a plan looks again in the future"
                    self.due[ref] = min(plan.look_again, self.due.get(ref, plan.look_again))
                return
            for step in plan.steps:
                assert step.reads or ref not in self.doubtful, "after an unknown outcome Cirrus is read first"
                self.now += timedelta(milliseconds=10)
                if isinstance(step, ReadResults) and (again_at := self._spend(step)) is not None:
                    self.due[ref] = min(again_at, plan.look_again or again_at)
                    return
                answer = self.cirrus.perform(step)
                verdict: Verdict = judge(answer, step, aggregate.attempt, self.policy)
                self._doubt(ref, step, verdict)
                findings = handler.report(aggregate, Receipt(step, answer, verdict, self.now), self.policy)
                aggregate = self._record(aggregate, findings)
                match verdict:
                    case Confirmed():
                        continue
                    case Rejected() | Manual():
                        break
                    case Unsure(after=after) | Retry(after=after) | Halt(after=after):
                        if after == 0:
                            break
                        self.due[ref] = self.now + timedelta(seconds=after)
                        self.attempts[ref] = self.attempts.get(ref, 0) + 1
                        return
                    case _ as never:
                        assert_never(never)
        raise AssertionError(f"{ref} does not converge: {self.plans[-1].steps}")

    def _plan(self, handler: Handler, aggregate: Aggregate) -> tuple[Plan, Aggregate]:
        plan = handler.plan(aggregate, self.now, self.policy)
        if not plan.whole or aggregate.complete:
            return plan, aggregate
        aggregate = self.load(aggregate.ref, whole=True)
        return handler.plan(aggregate, self.now, self.policy), aggregate

    def _spend(self, step: ReadResults) -> datetime | None:
        decision = self.policy.results.allowance.decide(self.spending, step.need, self.now)
        self.spending = decision.spending
        return decision.again_at

    def _doubt(self, ref: Ref, step: Step, verdict: Verdict) -> None:
        if isinstance(verdict, Unsure):
            self.doubtful.add(ref)
        elif isinstance(verdict, Confirmed) and step.reads:
            self.doubtful.discard(ref)

    def load(self, ref: Ref, *, whole: bool = False) -> Aggregate:
        """Return the aggregate as the ledger would: everything, or what is open and its like."""
        root = self.records.get(ref)
        tasks = tuple(asked.open for asked in self.tasks.values() if asked.home == ref)
        rests = {Status.SETTLED, Status.DUE} if ref.kind == RESULT_LIST else {Status.SETTLED}
        decided = root is not None and root.status in rests
        complete = whole or not decided or ref in self.unsure or bool(tasks)
        members = [record for record in self.records.values() if record.home == ref and record.ref != ref]
        if not complete and ref.kind != RESULT_LIST:
            about = {member.about for member in members if member.open}
            members = [member for member in members if member.open or member.about in about]
        related = {member.about for member in members if member.about is not None}
        dependents = [record for record in self.records.values() if record.about == ref]
        related |= {record.ref for record in dependents} | {record.home for record in dependents}
        if ref.kind == CANDIDATE and root is not None and root.external_id is not None:
            names = {str(self.records[name].external_id) for name in related if name in self.records}
            related |= {ref for each in names for ref in (list_ref(each), result_ref(each, root.external_id))}
        if ref.kind == RESULT_LIST:
            related = set(self._booked(ref.key)) if complete else set()
        return Aggregate(
            tenant=TENANT,
            ref=ref,
            root=root,
            members=tuple(members),
            related={name: self.records[name] for name in related if name in self.records},
            tasks=tasks,
            unsure=ref in self.unsure,
            complete=complete,
            attempt=self.attempts.get(ref, 0),
        )

    def _booked(self, schedule_id: str) -> Iterator[Ref]:
        for sitting in [r for r in self.records.values() if r.ref.kind == SITTING and r.external_id == schedule_id]:
            yield sitting.ref
            for booking in [r for r in self.records.values() if r.ref.kind == BOOKING and r.home == sitting.ref]:
                yield booking.ref
                if booking.about is not None:
                    yield booking.about

    def _record(self, aggregate: Aggregate, findings: tuple[Finding, ...]) -> Aggregate:
        assert len({finding.ref for finding in findings}) == len(findings), "one finding for each record"
        before = {member.ref: member.wanting for member in aggregate.members}
        plain = tuple(_as_stored(finding) for finding in findings)
        for finding in plain:
            if finding.ref in {aggregate.ref, *before}:
                self.records[finding.ref] = settle(self.records[finding.ref], finding, self.now)
            elif finding.first is not None:
                self.records[finding.ref] = settle(finding.first, finding, self.now)
            else:
                assert finding.closes, "of what has left the aggregate only a task is closed"
            for outcome in finding.outcomes:
                self.said.setdefault(str(outcome.id(TENANT)), outcome)
            self.filed += [(finding.ref, document) for document in finding.documents]
            for name in finding.closes:
                kept = [
                    asked for asked in self.tasks.values() if (asked.task.ref, asked.task.name) != (finding.ref, name)
                ]
                self.tasks = {asked.open.id: asked for asked in kept}
            for task in finding.tasks:
                opened = OpenTask(task.id(TENANT), task.ref, task.name)
                self.tasks[opened.id] = Asked(opened, task, aggregate.ref)
            kinds = [(asked.task.ref, asked.task.name) for asked in self.tasks.values()]
            assert len(kinds) == len(set(kinds)), "a record has at most one open task of a kind"
            if isinstance(finding.state, Waits) and finding.state.demand:
                self._demand(finding.state, before.get(finding.ref))
        self._wake([f.ref for f in plain if isinstance(f.state, Settled | Dismissed | Handed)], but=aggregate.ref)
        return fold(aggregate, plain, self.now) if plain else aggregate

    def _demand(self, waits: Waits, wanting: Wanting | None) -> None:
        if waits.ref is None or (wanting is not None and (wanting.ref, wanting.reason) == (waits.ref, waits.reason)):
            return
        record = self.records[waits.ref]
        if record.status in (Status.KNOWN, Status.SETTLED):
            self.records[waits.ref] = replace(record, status=Status.DUE)
        self._touch(waits.ref)

    def _check(self, plan: Plan) -> None:
        """Hold every plan against the rules of every call."""
        for step in plan.steps:
            named = candidates_of(step)
            assert len(named) <= self.policy.batch_size, "a call never holds more than a batch"
            assert len(named) == len(set(named)), "each candidate stands in a call once"

    # What came of it.

    def seats(self, sitting: str = "1") -> set[str] | None:
        """Return who is on a schedule in Cirrus, None without a schedule."""
        held = self.cirrus.schedules.get(f"o{sitting}")
        return None if held is None else held.seats

    def booking(self, key: str) -> Record:
        """Return the record of a booking."""
        return self.records[Ref("booking", f"b{key}")]

    def candidate(self, key: str) -> Record:
        """Return the record of a candidate."""
        return self.records[Ref("candidate", f"p{key}")]

    def sitting(self, key: str = "1") -> Record:
        """Return the record of a sitting."""
        return self.records[Ref("sitting", f"o{key}")]

    def told(self, kind: str, subject: str | None = None) -> list[Outcome]:
        """Return the outcomes of a type (without `cirrus.` and `.v1`) that were said, each once."""
        return [o for o in self.said.values() if o.type == f"cirrus.{kind}.v1" and subject in (None, o.subject)]

    def open_tasks(self) -> list[str]:
        """Return the names of the tasks that wait for a person."""
        return sorted(asked.task.name for asked in self.tasks.values())

    def writes(self) -> list[Step]:
        """Return the steps so far that change something in Cirrus."""
        return [step for step in self.cirrus.steps if not step.reads]


def office_with(*people: str, policy: Policy | None = None) -> Office:
    """Return an office that has heard of exam 1 and of a booking for each of these people."""
    office = Office(policy or Policy())
    office.hear(scheduled(), *(booked(key, key) for key in people))
    return office


def settled(*people: str, policy: Policy | None = None) -> Office:
    """Return such an office after its work is done."""
    office = office_with(*people, policy=policy)
    office.work()
    office.cirrus.steps.clear()
    return office


def kinds(steps: list[Step]) -> list[str]:
    """Return the names of steps."""
    return [type(step).__name__ for step in steps]


def _as_stored(finding: Finding) -> Finding:
    """Send what was learnt through JSON, as the ledger does."""
    if finding.confirmed is None:
        return finding
    return replace(finding, confirmed=orjson.loads(orjson.dumps(dict(finding.confirmed))))
