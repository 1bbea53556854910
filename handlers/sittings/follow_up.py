"""What a plan says besides its calls: who is settled, who waits and for what, what a person must do."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from adapter.domain.findings import Continues, Finding, Handed, Plan, Settled, Task, Waits
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.records import SITTING, Aggregate, Record, Ref, Status
from adapter.domain.steps import Schedule, Step
from handlers import said
from handlers.sittings import drift, outcomes, tasks
from handlers.sittings.seats import Booked, Seats
from handlers.sittings.translate import LIFE
from handlers.sittings.view import Known, SittingView, booking_is_live, holds_seat, is_canceled


def follow_up(
    aggregate: Aggregate, sitting: SittingView, seats: Seats, steps: tuple[Step, ...], now: datetime, policy: Policy
) -> Plan:
    """Return the plan: the steps, and a finding for every member that no step will decide."""
    findings: list[Finding] = [outcomes.booking_rejected(member.record, reason) for member, reason in seats.refused]
    findings += [outcomes.booking_cancelled(member, sitting.life) for member in seats.gone]
    findings += [_seated(aggregate, member, sitting, now, policy) for member in seats.seated]
    findings += _surplus(aggregate, seats.surplus, sitting, now)
    findings += _waiting(seats, sitting, steps, now, policy)
    findings += [
        Finding(member.record.ref, Settled(), note="taken off by hand")
        for member in seats.removed
        if member.record.open
    ]
    if not steps:
        findings += _root(aggregate, sitting, seats, now, policy)
        findings = list(close_tasks(aggregate, sitting, findings, now))
    return Plan(steps, tuple(findings), _look_again(aggregate, sitting, findings, now, policy))


def _seated(aggregate: Aggregate, member: Booked, sitting: SittingView, now: datetime, policy: Policy) -> Finding:
    asked: list[Task] = []
    if member.link_lost and now < sitting.end:
        asked.append(tasks.lost_link(member, sitting))
    confirmed = outcomes.booking_confirmed(member, sitting)
    if not member.extended and now < sitting.end:
        candidate = member.candidate
        refused = candidate is not None and candidate.status is Status.REJECTED
        if now < sitting.start - policy.preparation and not refused:
            # The reason names the wish: another wish asks for the candidate anew.
            wants = Waits(member.record.about, f"{member.extra} % extra time on the profile", demand=True)
            confirmed = waiting(member, wants, sitting, now, policy)
        else:
            asked.append(tasks.late_extra_time(member, sitting))
    told = replace(confirmed, confirmed=member.record.confirmed)
    return outcomes.asking(told, aggregate, member.record, *asked)


def _surplus(aggregate: Aggregate, surplus: Iterable[Booked], sitting: SittingView, now: datetime) -> Iterator[Finding]:
    for member in surplus:
        if now >= sitting.end:
            yield outcomes.booking_cancelled(member, sitting.life)
        elif sitting.known.activated or member.record.status in (Status.MANUAL, Status.REJECTED):
            yield outcomes.handed(aggregate, member.record, tasks.remove_candidate(member, sitting))


def _waiting(
    seats: Seats, sitting: SittingView, steps: tuple[Step, ...], now: datetime, policy: Policy
) -> Iterator[Finding]:
    for member, ahead in seats.staying:
        yield Finding(
            member.record.ref, Waits(ahead, "the seat in the new exam"), note="waits for the seat in the new exam"
        )
    for member in seats.without_person:
        yield waiting(member, Waits(member.record.about, "the student's name and mail address"), sitting, now, policy)
    for member in seats.without_candidate:
        tries = member.record.confirmed.get("tries")
        reason = f"the candidate in Cirrus, denied {tries} times" if tries else "the candidate in Cirrus"
        wants = Waits(member.record.about, reason, demand=True)
        yield waiting(member, wants, sitting, now, policy)
    for member in (*seats.ready, *seats.relinked):
        # One that stands again is opened anew, so that it is told again once it has its seat.
        if not steps or (not member.seated and not member.record.open):
            yield waiting(member, Waits(sitting.record.ref, "the exam in Cirrus"), sitting, now, policy)


def waiting(member: Booked, wants: Waits, sitting: SittingView | None, now: datetime, policy: Policy) -> Finding:
    """Let a booking wait, and tell so after the grace period and again as the exam nears."""
    record = member.record
    kind, key = (wants.ref.kind, wants.ref.key) if wants.ref is not None else (wants.reason, None)
    told: tuple[Outcome, ...] = ()
    if now >= _grace_end(record, sitting, now, policy):
        near = sitting is not None and sitting.start - now <= policy.pending_near
        told = (outcomes.booking_pending(record, "near" if near else "grace", kind, key, sitting),)
    return Finding(record.ref, wants, outcomes=told, note=f"waits for {wants.reason}")


def _grace_end(record: Record, sitting: SittingView | None, now: datetime, policy: Policy) -> datetime:
    """Return until when a booking waits in silence: for the grace period, and never into the exam's preparation."""
    grace = (record.wanting.since if record.wanting is not None else now) + policy.pending_after
    return grace if sitting is None else min(grace, sitting.start - policy.preparation)


def _root(aggregate: Aggregate, sitting: SittingView, seats: Seats, now: datetime, policy: Policy) -> Iterator[Finding]:
    known, record = sitting.known, sitting.record
    if not known.exists:
        if record.open and known.tried_at is None:
            yield Finding(record.ref, Waits(None, "its first booking"), note="waits for its first booking")
        return
    asked = tuple(_asked(sitting, sitting.target(seats.extra, policy), now))
    found: Known = known
    told: tuple[Outcome, ...] = ()
    if now < sitting.end:
        found, told = drift.of_schedule(aggregate, sitting, sitting.schedule(seats.extra), seats.removed)
    learnt = Finding(
        record.ref,
        Continues(),
        confirmed=found.data() if found != known else None,
        outcomes=told,
        note=drift.note(found.drift) if told else "",
    )
    state = "activated" if known.activated else "draft"
    there = outcomes.exam_confirmed(sitting, state)
    if asked:
        handed = replace(learnt, state=Handed(), note=f"task {', '.join(task.name for task in asked)}")
        yield outcomes.asking(handed, aggregate, record, *asked)
    elif found.drift is not None and now < sitting.end:
        if record.open:
            yield replace(learnt, state=Handed(), outcomes=(there, *told), note=learnt.note or drift.note(found.drift))
        elif told or found != known:
            yield replace(learnt, state=Handed())
    elif record.open or record.status is Status.MANUAL:
        yield replace(learnt, state=Settled(), outcomes=(*told, there), note=learnt.note or state)
    elif found != known:
        yield learnt


def _asked(sitting: SittingView, target: Schedule, now: datetime) -> Iterator[Task]:
    """Yield what only a person can do about an activated schedule."""
    if not sitting.known.activated or now >= sitting.end:
        return
    if sitting.differs(target):
        yield tasks.move_schedule(sitting, target)
    if sitting.known.evicted:
        yield tasks.remove_strangers(sitting)


def close_tasks(
    aggregate: Aggregate, sitting: SittingView, findings: Iterable[Finding], now: datetime
) -> tuple[Finding, ...]:
    """Return the findings with the open tasks closed that nobody asks for any more."""
    findings = tuple(findings)
    needed = {(task.ref, task.name) for finding in findings for task in finding.tasks}
    if not sitting.known.exists and not sitting.canceled and now < sitting.end:
        needed |= {(sitting.record.ref, name) for name in tasks.PREPARATIONS}
    by_ref = {finding.ref: finding for finding in findings}
    records = {record.ref: record for record in (sitting.record, *aggregate.members)}
    for task in aggregate.tasks:
        if (task.ref, task.name) in needed:
            continue
        finding = by_ref.get(task.ref) or Finding(task.ref, Settled())
        told = said.closed(records.get(task.ref), task.ref, task.id, task.name)
        by_ref[task.ref] = replace(finding, outcomes=(*finding.outcomes, told), closes=(*finding.closes, task.name))
    return tuple(by_ref.values())


def _look_again(
    aggregate: Aggregate, sitting: SittingView, findings: Iterable[Finding], now: datetime, policy: Policy
) -> datetime | None:
    moments: list[datetime] = []
    known = sitting.known
    if known.exists and not known.activated:
        moments.append(sitting.activation(policy))
    if known.tried_at is not None:
        moments.append(known.tried_at + policy.recheck)
    names = {task.name for task in aggregate.tasks} | {task.name for f in findings for task in f.tasks}
    if names:
        moments.append(sitting.end)
    if names - tasks.UNSEEN:
        # What was read before the task was raised says nothing about it.
        moments += [(known.read_at or now) + policy.recheck, now + policy.recheck]
    if known.exists and (check := sitting.check(policy)) is not None:
        moments.append(check)
    if sitting.record.status is Status.MANUAL or any(isinstance(finding.state, Handed) for finding in findings):
        moments.append(sitting.end)
    members = {member.ref: member for member in aggregate.members}
    if any(isinstance(finding.state, Waits) for finding in findings):
        moments += [sitting.start - policy.preparation, sitting.start - policy.pending_near, sitting.end]
        moments += _grace_ends(findings, members, sitting, now, policy)
    return min((moment for moment in moments if moment > now), default=None)


def _grace_ends(
    findings: Iterable[Finding],
    members: dict[Ref, Record],
    sitting: SittingView | None,
    now: datetime,
    policy: Policy,
) -> Iterator[datetime]:
    for finding in findings:
        if isinstance(finding.state, Waits) and (record := members.get(finding.ref)) is not None:
            yield _grace_end(record, sitting, now, policy)


def without_timetable(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
    """Plan for a sitting that bookings speak of and the SIS has not scheduled yet."""
    root = aggregate.root
    life = root.facets.get(LIFE) if root is not None else None
    findings: list[Finding] = []
    if root is not None and root.open:
        findings.append(Finding(root.ref, Settled(), note="cancelled before it was scheduled"))
    for record in aggregate.members:
        member = Booked(record, aggregate.related.get(record.about) if record.about else None, live=False)
        if not record.open:
            continue
        if is_canceled(life) or (not booking_is_live(record) and not holds_seat(record)):
            findings.append(outcomes.booking_cancelled(member, life))
        else:
            wants = Waits(Ref(SITTING, aggregate.ref.key), "the exam in the SIS")
            findings.append(waiting(member, wants, None, now, policy))
    members = {member.ref: member for member in aggregate.members}
    moments = [moment for moment in _grace_ends(findings, members, None, now, policy) if moment > now]
    return Plan(findings=tuple(findings), look_again=min(moments, default=None))
