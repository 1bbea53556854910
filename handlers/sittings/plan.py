"""The plan for one sitting and its bookings: everything due in as few calls as Cirrus allows.

Order of thought: is it known at all; must Cirrus be read first; is it cancelled; does it exist; does it
differ; who has to be seated, who taken off; is it time to activate; what does a person have to do.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from adapter.domain.findings import Continues, Finding, Handed, Plan, Settled, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Ref, Status
from adapter.domain.steps import (
    ActivateSchedule,
    ChangeSchedule,
    DeleteSchedule,
    DraftSchedule,
    ListCandidates,
    PublishSchedule,
    ReadAttempts,
    ReadSchedule,
    SeatCandidates,
    Step,
    UnlistCandidates,
)
from adapter.domain.verdict import Reason
from handlers.sittings import drift, outcomes, tasks
from handlers.sittings.follow_up import close_tasks, follow_up, waiting, without_timetable
from handlers.sittings.seats import Booked, Seats, seat_of, sort_seats
from handlers.sittings.view import REMOVED, SittingView, booking_is_live, holds_seat


def plan(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
    """Bring Cirrus to hold this sitting and exactly its booked candidates."""
    sitting = SittingView.of(aggregate.root)
    if sitting is None:
        return without_timetable(aggregate, now, policy)
    if (reason := _obstacle(sitting)) is not None:
        return _refuse_all(aggregate, sitting, reason)
    if aggregate.unsure and not sitting.known.doubt:
        # Noted before the call: should the read fail too, the next plan still reads first.
        doubted = Finding(sitting.record.ref, Continues(), confirmed=replace(sitting.known, doubt=True).data())
        return Plan(steps=(ReadSchedule(sitting.external_id),), findings=(doubted,), whole=True)
    if sitting.known.doubt or _look_due(aggregate, sitting, now, policy):
        return Plan(steps=(ReadSchedule(sitting.external_id),), whole=True)
    if sitting.canceled:
        return _cancel(aggregate, sitting, now, policy)
    if sitting.known.gone and now < sitting.end:
        return _missing(aggregate, sitting, now, policy)
    seats = sort_seats(aggregate, sitting, now, policy)
    steps = tuple(_steps(sitting, seats, now, policy))
    return follow_up(aggregate, sitting, seats, steps, now, policy)


def _obstacle(sitting: SittingView) -> Reason | None:
    refusal = sitting.timetable.data.get("refusal")
    if refusal:
        return Reason("invalid-id", f"The exam's id cannot be used in Cirrus: {refusal}.")
    if sitting.record.rival is not None:
        return Reason("id-taken", f"The id '{sitting.record.external_id}' already belongs to another exam.")
    if sitting.record.status is Status.REJECTED:
        return sitting.record.reason
    return None


def _refuse_all(aggregate: Aggregate, sitting: SittingView, reason: Reason) -> Plan:
    findings: list[Finding] = [outcomes.exam_rejected(sitting, reason)]
    for member in aggregate.members:
        if not member.open:
            continue
        booked = Booked(member, aggregate.related.get(member.about) if member.about else None, live=False)
        if booking_is_live(member) and not sitting.canceled:
            findings.append(outcomes.rejected_with_exam(member, reason))
        elif not booked.seated:
            findings.append(outcomes.booking_cancelled(booked, sitting.life))
        else:
            task = tasks.remove_candidate(booked, sitting)
            findings.append(outcomes.handed(aggregate, member, task))
    return Plan(findings=tuple(findings))


def _look_due(aggregate: Aggregate, sitting: SittingView, now: datetime, policy: Policy) -> bool:
    """Tell whether to look at Cirrus: an operator wants to, a person had something to do, or the exam is near.

    Also when the SIS wants a schedule after all that was about to be removed.
    """
    if now >= sitting.end:
        return False
    wished = sitting.asked != sitting.known.restored or (sitting.known.removing and not sitting.canceled)
    return wished or sitting.check_due(now, policy) or _recheck_due(aggregate, sitting, now, policy)


def _recheck_due(aggregate: Aggregate, sitting: SittingView, now: datetime, policy: Policy) -> bool:
    """Tell whether to look whether an open task was done: a task is closed when Cirrus shows it."""
    if all(task.name in tasks.UNSEEN for task in aggregate.tasks):
        return False
    if sitting.known.exists is None:
        return False
    return sitting.known.read_at is None or now - sitting.known.read_at >= policy.recheck


def _steps(sitting: SittingView, seats: Seats, now: datetime, policy: Policy) -> Iterable[Step]:
    if now >= sitting.end or (sitting.known.tried_at is not None and now - sitting.known.tried_at < policy.recheck):
        return
    if not sitting.known.exists:
        yield from _create(sitting, seats, policy)
        return
    target = sitting.target(seats.extra, policy)
    changes = not sitting.known.activated and sitting.differs(target)
    if changes:
        yield ChangeSchedule(target)
    size = batch_size(sitting, policy)
    if sitting.mode(policy) == "at_once":
        for batch in batches([*seats.ready, *seats.relinked], size):
            yield SeatCandidates(sitting.external_id, sitting.hierarchy, tuple(seat_of(m, policy) for m in batch))
    else:
        for batch in batches(seats.ready, size):
            yield ListCandidates(sitting.external_id, tuple(str(m.candidate_id) for m in batch))
    if not sitting.known.activated:
        yield from _on_draft(sitting, seats, size)
        if _activates(sitting, now, policy, changes=changes):
            yield ActivateSchedule(sitting.external_id)


def _on_draft(sitting: SittingView, seats: Seats, size: int) -> Iterable[Step]:
    """Take off whom nobody wants on a schedule, as long as the API can."""
    by_api = [member for member in seats.surplus if member.record.open or member.record.status is Status.SETTLED]
    for batch in batches(by_api, size):
        yield UnlistCandidates(sitting.external_id, tuple(str(m.candidate_id) for m in batch))
    if sitting.known.evicted:
        yield UnlistCandidates(sitting.external_id, sitting.known.evicted[:size])


def _activates(sitting: SittingView, now: datetime, policy: Policy, *, changes: bool) -> bool:
    """Tell whether a draft is activated now.

    One that was activated before has been taken back by a person, and stays so; but for a change that the SIS asks
    for, which may be the very reason.
    """
    if sitting.known.live and policy.drift == "report" and not changes:
        return False
    return sitting.mode(policy) == "at_once" or now >= sitting.activation(policy)


def _create(sitting: SittingView, seats: Seats, policy: Policy) -> Iterable[Step]:
    wanted = sitting.schedule(seats.extra)
    if sitting.mode(policy) == "before_start":
        yield DraftSchedule(wanted)
    elif seats.ready or policy.create_empty:
        none: list[Booked] = []
        first = next(iter(batches(seats.ready, batch_size(sitting, policy))), none)
        yield PublishSchedule(wanted, tuple(seat_of(member, policy) for member in first))
        sent = {member.record.about for member in first}
        for batch in batches((m for m in seats.ready if m.record.about not in sent), policy.batch_size):
            yield SeatCandidates(sitting.external_id, sitting.hierarchy, tuple(seat_of(m, policy) for m in batch))


def batches(members: Iterable[Booked], size: int) -> Iterable[list[Booked]]:
    """Return the members in groups of at most `size`, each candidate once."""
    unique: dict[Ref | None, Booked] = {}
    for member in members:
        unique.setdefault(member.record.about, member)
    queue = list(unique.values())
    return [queue[start : start + size] for start in range(0, len(queue), size)]


def batch_size(sitting: SittingView, policy: Policy) -> int:
    """Return how many candidates go in one call: fewer after Cirrus refused a call whole."""
    return min(policy.batch_size, sitting.known.limit or policy.batch_size)


def _cancel(aggregate: Aggregate, sitting: SittingView, now: datetime, policy: Policy) -> Plan:
    known = sitting.known
    if known.exists and not known.archived and now < sitting.end:
        if known.activated and known.attempts is None and now >= sitting.start:
            return Plan(steps=(ReadAttempts(sitting.external_id),))
        if not known.deletion_refused and not known.attempts:
            # Noted before the call: should nobody live to hear the answer, it was not somebody else's work.
            noted = Finding(sitting.record.ref, Continues(), confirmed=replace(known, removing=True).data())
            return Plan(steps=(DeleteSchedule(sitting.external_id),), findings=() if known.removing else (noted,))
        task = tasks.remove_schedule(sitting)
        root = outcomes.handed(aggregate, sitting.record, task)
        members = tuple(_hand_over(aggregate, sitting, now, policy))
        look = min((known.read_at or now) + policy.recheck, sitting.end)
        return Plan(findings=close_tasks(aggregate, sitting, (root, *members), now), look_again=look)
    known, told = drift.none(sitting)
    root = Finding(
        sitting.record.ref,
        Settled(),
        confirmed=known.data(),
        outcomes=(*told, outcomes.exam_cancelled(sitting)),
        note="not in Cirrus",
    )
    members = tuple(
        outcomes.booking_cancelled(
            Booked(m, aggregate.related.get(m.about) if m.about else None, live=False), sitting.life
        )
        for m in aggregate.members
        if m.open or holds_seat(m) or REMOVED in m.confirmed
    )
    return Plan(findings=close_tasks(aggregate, sitting, (root, *members), now))


def _hand_over(aggregate: Aggregate, sitting: SittingView, now: datetime, policy: Policy) -> Iterable[Finding]:
    """Let the seats go with the schedule: who has none is cancelled now, the rest when the task is done."""
    seats = sort_seats(aggregate, sitting, now, policy)
    for member in seats.gone:
        yield outcomes.booking_cancelled(member, sitting.life)
    for member in seats.surplus:
        if member.record.status is not Status.MANUAL:
            yield Finding(member.record.ref, Handed(), note="goes with the schedule")


def _missing(aggregate: Aggregate, sitting: SittingView, now: datetime, policy: Policy) -> Plan:
    task = tasks.restore_schedule(sitting)
    known, told = drift.of_absence(sitting)
    root = outcomes.handed(aggregate, sitting.record, task)
    root = replace(root, confirmed=known.data(), outcomes=(*told, *root.outcomes))
    seats = sort_seats(aggregate, sitting, now, policy)
    off = [outcomes.booking_cancelled(member, sitting.life) for member in (*seats.gone, *seats.surplus)]
    decided = {finding.ref for finding in off}
    wants = Waits(sitting.record.ref, "the schedule in Cirrus")
    members = [
        waiting(Booked(member, None, live=True), wants, sitting, now, policy)
        for member in aggregate.members
        if member.open and member.ref not in decided
    ]
    look = min((sitting.known.read_at or now) + policy.recheck, sitting.end)
    return Plan(findings=(root, *off, *members), look_again=look)
