"""What an answer of Cirrus tells about a sitting and its bookings."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, assert_never

from adapter.domain.answers import Absent, Accepted, AttemptsSeen, Receipt, ScheduleSeen, Seated, Unlisted
from adapter.domain.findings import Continues, Finding
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate
from adapter.domain.steps import (
    ActivateSchedule,
    ChangeSchedule,
    DeleteSchedule,
    DraftSchedule,
    ListCandidates,
    PublishSchedule,
    ReadAttempts,
    Schedule,
    SeatCandidates,
    Step,
    UnlistCandidates,
)
from adapter.domain.verdict import Confirmed, Halt, Manual, Reason, Rejected, Retry, Unsure, Verdict, judge_item
from handlers.sittings import outcomes, tasks
from handlers.sittings.seats import Booked, wants_link
from handlers.sittings.view import Known, SittingView, booking_is_live, holds_seat


def report(aggregate: Aggregate, receipt: Receipt, policy: Policy) -> tuple[Finding, ...]:
    """Return what is known of the sitting and its bookings after one step."""
    sitting = SittingView.of(aggregate.root)
    assert sitting is not None, "a step is only taken for a sitting that is known"
    verdict: Verdict = receipt.verdict
    match verdict:
        case Confirmed():
            return tuple(_accepted(aggregate, sitting, receipt, policy))
        case Unsure():
            return (_learnt(sitting, replace(sitting.known, doubt=True), "no certain answer"),)
        case Rejected(reason=reason):
            return tuple(_rejected(aggregate, sitting, receipt, reason))
        case Manual(reason=reason):
            task = tasks.prepare_assessment(sitting, reason)
            handed = outcomes.handed(aggregate.tenant, sitting.record, task, settle=True)
            return (replace(handed, confirmed=replace(sitting.known, tried_at=receipt.at).data()),)
        case Retry() | Halt():
            return ()
        case _ as never:
            assert_never(never)


def _learnt(sitting: SittingView, known: Known, note: str) -> Finding:
    return Finding(sitting.record.ref, Continues(), confirmed=known.data(), note=note)


def _accepted(aggregate: Aggregate, sitting: SittingView, receipt: Receipt, policy: Policy) -> Iterator[Finding]:
    assert isinstance(receipt.answer, Accepted), "only what Cirrus accepted is confirmed"
    content = receipt.answer.content
    match content:
        case ScheduleSeen() | Absent():
            yield from _read(aggregate, sitting, content, receipt)
        case Seated():
            yield from _seated(aggregate, sitting, content, receipt, policy)
        case Unlisted():
            yield from _unlisted(aggregate, content)
        case AttemptsSeen():
            attempts = tuple(sorted(content.started))
            yield _learnt(sitting, replace(sitting.known, attempts=attempts), f"{len(attempts)} have started")
        case _:
            learnt = _learnt(sitting, _changed(sitting.known, receipt.step), type(receipt.step).__name__)
            told = isinstance(receipt.step, ActivateSchedule)
            yield replace(learnt, outcomes=(outcomes.exam_confirmed(sitting, "activated"),) if told else ())


def _changed(known: Known, step: Step) -> Known:
    match step:
        case DraftSchedule(schedule=schedule) | ChangeSchedule(schedule=schedule):
            return _as_sent(known, schedule)
        case ActivateSchedule():
            return replace(known, activated=True)
        case DeleteSchedule():
            return Known(exists=False)
        case _:
            return known


def _as_sent(known: Known, schedule: Schedule) -> Known:
    return replace(
        known,
        exists=True,
        made=True,
        title=schedule.title,
        start=schedule.start,
        end=schedule.end,
        refusal=None,
        tried_at=None,
    )


def _read(
    aggregate: Aggregate, sitting: SittingView, seen: ScheduleSeen | Absent, receipt: Receipt
) -> Iterator[Finding]:
    known = replace(sitting.known, doubt=False, read_at=receipt.at, tried_at=None)
    if isinstance(seen, Absent):
        yield _learnt(sitting, replace(known, exists=False, activated=False), "not in Cirrus")
        return
    known = replace(
        known,
        exists=True,
        made=True,
        activated=seen.activated,
        archived=seen.archived,
        title=seen.title,
        start=seen.start,
        end=seen.end,
    )
    yield _learnt(sitting, known, f"read back with {len(seen.candidates)} candidates")
    for member in aggregate.members:
        candidate = aggregate.related.get(member.about) if member.about is not None else None
        present = candidate is not None and candidate.external_id in seen.candidates
        if present and not holds_seat(member) and booking_is_live(member) and member.open:
            yield Finding(
                member.ref, Continues(), confirmed={"seat": True, "by": "read-back"}, note="seen on the schedule"
            )
        elif not present and holds_seat(member) and (member.open or not booking_is_live(member)):
            yield Finding(member.ref, Continues(), confirmed={}, note="not seen on the schedule")


def _seated(
    aggregate: Aggregate, sitting: SittingView, content: Seated, receipt: Receipt, policy: Policy
) -> Iterator[Finding]:
    known = sitting.known
    if isinstance(receipt.step, PublishSchedule):
        known = replace(_as_sent(known, receipt.step.schedule), activated=True)
    sent = _sent(receipt.step)
    known = replace(known, limit=_raised_limit(known, policy))
    if sent - content.seated.keys() - content.refused.keys() - content.unknown:
        known = replace(known, doubt=True)
    yield _learnt(sitting, known, f"{len(content.seated)} of {len(sent)} seated")
    for member in aggregate.members:
        candidate = aggregate.related.get(member.about) if member.about is not None else None
        if candidate is None or candidate.external_id not in sent or not booking_is_live(member):
            continue
        finding = _one_seat(Booked(member, candidate, live=True), sitting, content, policy)
        if finding is not None:
            yield finding


def _one_seat(member: Booked, sitting: SittingView, content: Seated, policy: Policy) -> Finding | None:
    external_id = str(member.candidate_id)
    if external_id in content.seated:
        return _given(member, sitting, content.seated[external_id], policy)
    if external_id in content.unknown:
        return Finding(member.record.ref, Continues(), note="unknown to Cirrus")
    remark = content.refused.get(external_id)
    if remark is None:
        return None
    verdict = judge_item(remark)
    match verdict:
        case Confirmed():
            return _given(member, sitting, None, policy)
        case Unsure():
            return Finding(member.record.ref, Continues(), note=remark.phrase.value)
        case Rejected(reason=reason):
            return outcomes.booking_rejected(member.record, reason)
        case _ as never:
            assert_never(never)


def _given(member: Booked, sitting: SittingView, link: str | None, policy: Policy) -> Finding:
    confirmed: Mapping[str, Any] = {"by": "answer", **member.record.confirmed, "seat": True}
    if not wants_link(sitting, policy):
        return Finding(member.record.ref, Continues(), confirmed=confirmed, note="seated")
    if link is None:
        return Finding(
            member.record.ref, Continues(), confirmed={**confirmed, "link": "lost"}, note="seated, without a link"
        )
    return Finding(
        member.record.ref,
        Continues(),
        confirmed={**confirmed, "link": "issued"},
        outcomes=(outcomes.launch_link(member, sitting, link),),
        note="seated, with a link",
    )


def _sent(step: Step) -> set[str]:
    match step:
        case PublishSchedule(seats=seats) | SeatCandidates(seats=seats):
            return {seat.profile.external_id for seat in seats}
        case ListCandidates(candidates=candidates) | UnlistCandidates(candidates=candidates):
            return set(candidates)
        case _:
            return set()


def _raised_limit(known: Known, policy: Policy) -> int | None:
    if known.limit is None or known.limit * 2 >= policy.batch_size:
        return None
    return known.limit * 2


def _unlisted(aggregate: Aggregate, content: Unlisted) -> Iterator[Finding]:
    for member in aggregate.members:
        candidate = aggregate.related.get(member.about) if member.about is not None else None
        if candidate is not None and candidate.external_id in content.gone and holds_seat(member):
            yield Finding(member.ref, Continues(), confirmed={}, note="taken off")


def _rejected(aggregate: Aggregate, sitting: SittingView, receipt: Receipt, reason: Reason) -> Iterator[Finding]:
    sent = _sent(receipt.step)
    match receipt.step:
        case PublishSchedule() | SeatCandidates() | ListCandidates() | UnlistCandidates() if sent:
            yield from _refused_call(aggregate, sitting, receipt, reason)
        case DeleteSchedule():
            yield _learnt(sitting, replace(sitting.known, deletion_refused=True), reason.code)
        case ReadAttempts():
            yield _learnt(sitting, replace(sitting.known, attempts=()), reason.code)
        case _:
            yield outcomes.exam_rejected(sitting, reason)


def _refused_call(aggregate: Aggregate, sitting: SittingView, receipt: Receipt, reason: Reason) -> Iterator[Finding]:
    """Find out whose fault it is: those Cirrus names, else halve the call until it holds one candidate.

    One candidate refused may be that candidate's fault; a second one refused in the same words when the
    schedule is first made is the schedule's.
    """
    sent = _sent(receipt.step)
    named = sent & _named(receipt)
    if len(sent) > 1 and not named:
        half = max(1, len(sent) // 2)
        yield _learnt(sitting, replace(sitting.known, limit=half), f"refused whole: {reason.code}")
        return
    if isinstance(receipt.step, PublishSchedule) and not named:
        if sitting.known.refusal == reason.text:
            yield outcomes.exam_rejected(sitting, reason)
            return
        yield _learnt(sitting, replace(sitting.known, refusal=reason.text), "refused with one candidate")
    for member in aggregate.members:
        candidate = aggregate.related.get(member.about) if member.about is not None else None
        if candidate is not None and candidate.external_id in (named or sent) and member.open:
            yield outcomes.booking_rejected(member, reason)


def _named(receipt: Receipt) -> set[str]:
    remarks = getattr(receipt.answer, "remarks", ())
    return {external_id for remark in remarks for external_id in remark.about}
