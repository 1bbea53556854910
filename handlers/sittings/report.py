"""What an answer of Cirrus tells about a sitting and its bookings."""

from collections.abc import Collection, Iterator
from typing import Any, assert_never

from msgspec.structs import replace

from adapter.domain.answers import (
    Absent,
    Accepted,
    AttemptsSeen,
    Phrase,
    Receipt,
    Refused,
    Remark,
    ScheduleSeen,
    Seated,
    Unlisted,
)
from adapter.domain.findings import Continues, Finding
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record, Status
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
from adapter.domain.verdict import (
    Confirmed,
    Halt,
    Manual,
    Reason,
    Rejected,
    Retry,
    Unsure,
    Verdict,
    judge_item,
    reason_of,
)
from adapter.domain.version import utc_text
from handlers.sittings import outcomes, tasks
from handlers.sittings.read_back import about, candidate_id, learnt, read_back, without_seat
from handlers.sittings.seats import Booked, largest_extra, wants_link
from handlers.sittings.view import COMPARED, REMOVED, Known, SittingView, booking_is_live, holds_seat

MOST_TRIES = 3
"""Calls that may leave a candidate out before the booking is refused."""


def report(aggregate: Aggregate, receipt: Receipt, policy: Policy) -> tuple[Finding, ...]:
    """Return what is known of the sitting and its bookings after one step."""
    sitting = SittingView.of(aggregate.root)
    assert sitting is not None, "a step is only taken for a sitting that is known"
    verdict: Verdict = receipt.verdict
    match verdict:
        case Confirmed():
            return tuple(_accepted(aggregate, sitting, receipt, policy))
        case Unsure():
            return tuple(_doubted(aggregate, sitting, receipt))
        case Rejected(reason=reason):
            return tuple(_rejected(aggregate, sitting, receipt, reason))
        case Manual(name=name, reason=reason):
            task = tasks.prepare(name, sitting, reason)
            handed = outcomes.handed(aggregate, sitting.record, task)
            return (replace(handed, confirmed=replace(sitting.known, tried_at=receipt.at).data()),)
        case Retry() | Halt():
            return ()
        case _ as never:
            assert_never(never)


def _doubted(aggregate: Aggregate, sitting: SittingView, receipt: Receipt) -> Iterator[Finding]:
    refused = isinstance(receipt.answer, Refused)
    known = replace(sitting.known, doubt=True)
    match receipt.step:
        case DeleteSchedule() if refused:
            known = replace(known, deletion_refused=True)
        case PublishSchedule(schedule=schedule) | DraftSchedule(schedule=schedule) if _says(
            receipt, Phrase.ALREADY_EXISTS
        ):
            # Whoever made it has set what we would have set otherwise: that stands, and is told.
            known = _ours(known, schedule)
        case ChangeSchedule() if not refused:
            # Nobody knows what is set now: what does not agree is for the SIS to say.
            known = replace(known, our_title=None, our_start=None, our_end=None)
        case _:
            pass
    yield learnt(sitting, known, "no certain answer")
    if refused and isinstance(receipt.step, ListCandidates) and _says(receipt, Phrase.USER_NOT_FOUND):
        for member in about(aggregate, _sent(receipt.step)):
            if booking_is_live(member):
                yield _not_taken(member, receipt, unknown=True)


def _ours(known: Known, schedule: Schedule) -> Known:
    """Note what we have set; what was left as somebody else has set it has not become ours."""
    values = {name: getattr(schedule, name) for name in COMPARED}
    return replace(known, **{f"our_{name}": value for name, value in values.items() if value != getattr(known, name)})


def _accepted(aggregate: Aggregate, sitting: SittingView, receipt: Receipt, policy: Policy) -> Iterator[Finding]:
    assert isinstance(receipt.answer, Accepted), "only what Cirrus accepted is confirmed"
    content = receipt.answer.content
    match content:
        case ScheduleSeen() | Absent():
            yield from read_back(aggregate, sitting, content, receipt, policy)
        case Seated():
            yield from _taken(aggregate, sitting, content, receipt, policy)
        case Unlisted():
            yield from _unlisted(aggregate, sitting, content)
        case AttemptsSeen():
            attempts = tuple(sorted(content.started))
            yield learnt(sitting, replace(sitting.known, attempts=attempts), f"{len(attempts)} have started")
        case _:
            known = _changed(sitting.known, receipt, largest_extra(aggregate, sitting, policy))
            finding = learnt(sitting, known, type(receipt.step).__name__)
            told = isinstance(receipt.step, ActivateSchedule)
            yield replace(finding, outcomes=(outcomes.exam_confirmed(sitting, "activated"),) if told else ())


def _changed(known: Known, receipt: Receipt, extra: int) -> Known:
    match receipt.step:
        case DraftSchedule(schedule=schedule) | ChangeSchedule(schedule=schedule):
            return _as_sent(known, schedule, extra, receipt)
        case ActivateSchedule():
            return replace(known, activated=True, live=True)
        case DeleteSchedule():
            return known.without_schedule()
        case _:
            return known


def _as_sent(known: Known, schedule: Schedule, extra: int, receipt: Receipt) -> Known:
    return replace(
        _ours(known, schedule),
        sent_at=receipt.at,
        exists=True,
        made=True,
        title=schedule.title,
        start=schedule.start,
        end=schedule.end,
        extra=extra,
        refusal=None,
        tried_at=None,
    )


def _taken(
    aggregate: Aggregate, sitting: SittingView, content: Seated, receipt: Receipt, policy: Policy
) -> Iterator[Finding]:
    known = sitting.known
    if isinstance(receipt.step, PublishSchedule):
        extra = largest_extra(aggregate, sitting, policy)
        known = replace(_as_sent(known, receipt.step.schedule, extra, receipt), activated=True, live=True, limit=None)
    sent = _sent(receipt.step)
    known = replace(known, limit=_raised_limit(known, policy))
    if sent - content.seated.keys() - content.refused.keys() - content.unknown:
        known = replace(known, doubt=True)
    yield learnt(sitting, known, f"{len(content.seated)} of {len(sent)} seated")
    for member in about(aggregate, sent):
        if booking_is_live(member) and member.status is not Status.REJECTED:
            yield _one_seat(member, aggregate, sitting, content, receipt, policy)


def _one_seat(
    member: Record, aggregate: Aggregate, sitting: SittingView, content: Seated, receipt: Receipt, policy: Policy
) -> Finding:
    external_id = candidate_id(aggregate, member)
    assert external_id is not None, "only candidates with an id are sent"
    if external_id in content.seated:
        return _given(member, aggregate, sitting, content.seated[external_id], policy)
    remark = content.refused.get(external_id)
    if remark is None:
        return _not_taken(member, receipt, unknown=external_id in content.unknown)
    verdict = judge_item(remark)
    match verdict:
        case Confirmed():
            return _given(member, aggregate, sitting, None, policy)
        case Unsure():
            return _not_taken(member, receipt, unknown=True)
        case Rejected(reason=reason):
            return _unwanted(member, reason)
        case _ as never:
            assert_never(never)


def _not_taken(member: Record, receipt: Receipt, *, unknown: bool) -> Finding:
    """Count a call that left this candidate out; after a few, believe it."""
    if holds_seat(member):
        return _without_link(member)
    tries = int(member.confirmed.get("tries", 0)) + 1
    if tries >= MOST_TRIES:
        reason = Reason("not-seated", f"Cirrus took {tries} calls and did not put the candidate on the schedule.")
        return replace(outcomes.booking_rejected(member, reason), confirmed=without_seat(member))
    confirmed = {**member.confirmed, "tries": tries}
    if unknown:
        confirmed["unknown_at"] = utc_text(receipt.at)
    return Finding(member.ref, Continues(), confirmed=confirmed, note="unknown to Cirrus" if unknown else "left out")


def _given(member: Record, aggregate: Aggregate, sitting: SittingView, link: str | None, policy: Policy) -> Finding:
    confirmed: dict[str, Any] = {"by": "answer", **_without_tries(member), "seat": True}
    if not wants_link(sitting, policy):
        return Finding(member.ref, Continues(), confirmed=confirmed, note="seated")
    if link is None:
        return replace(_without_link(member), confirmed={**confirmed, "link": "lost"})
    candidate = aggregate.related.get(member.about) if member.about is not None else None
    return Finding(
        member.ref,
        Continues(),
        confirmed={**confirmed, "link": "issued"},
        outcomes=(outcomes.launch_link(Booked(member, candidate, live=True), sitting, link),),
        note="seated, with a link",
    )


def _without_link(member: Record) -> Finding:
    confirmed = {**_without_tries(member), "link": "lost"}
    return Finding(member.ref, Continues(), confirmed=confirmed, note="seated, without a link")


def _unwanted(member: Record, reason: Reason) -> Finding:
    """Reject a booking; one that has its seat only goes without the link it asked for."""
    return _without_link(member) if holds_seat(member) else outcomes.booking_rejected(member, reason)


def _without_tries(member: Record) -> dict[str, Any]:
    return {name: value for name, value in member.confirmed.items() if name not in ("tries", "unknown_at", REMOVED)}


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


def _unlisted(aggregate: Aggregate, sitting: SittingView, content: Unlisted) -> Iterator[Finding]:
    left = tuple(each for each in sitting.known.evicted if each not in content.gone)
    if left != sitting.known.evicted:
        yield learnt(sitting, replace(sitting.known, evicted=left), "who had no booking is taken off")
    for member in about(aggregate, content.gone):
        if holds_seat(member):
            yield Finding(member.ref, Continues(), confirmed=without_seat(member), note="taken off")


def _rejected(aggregate: Aggregate, sitting: SittingView, receipt: Receipt, reason: Reason) -> Iterator[Finding]:
    known = sitting.known
    match receipt.step:
        case PublishSchedule() | SeatCandidates() | ListCandidates() | UnlistCandidates() if _sent(receipt.step):
            yield from _refused_call(aggregate, sitting, receipt, reason)
        case DeleteSchedule():
            yield learnt(sitting, replace(known, removing=False, deletion_refused=True), reason.code)
        case ReadAttempts() if _says(receipt, Phrase.NOT_BEGUN) or _says(receipt, Phrase.NOT_ACTIVATED):
            yield learnt(sitting, replace(known, attempts=()), reason.code)
        case ReadAttempts():
            # Who has started is not to be had: look at the schedule itself, and let a person remove it.
            yield learnt(sitting, replace(known, doubt=True, deletion_refused=True), reason.code)
        case _:
            yield outcomes.exam_rejected(sitting, reason)


def _refused_call(aggregate: Aggregate, sitting: SittingView, receipt: Receipt, reason: Reason) -> Iterator[Finding]:
    """Find out whose fault it is: those Cirrus names, else halve the call until it holds one candidate.

    One candidate refused may be that candidate's fault; a second one refused in the same words when the
    schedule is first made is the schedule's.
    """
    sent = _sent(receipt.step)
    named = sent & {external_id for remark in _remarks(receipt) for external_id in remark.about}
    if len(sent) > 1 and not named:
        half = max(1, len(sent) // 2)
        yield learnt(sitting, replace(sitting.known, limit=half), f"refused whole: {reason.code}")
        return
    if isinstance(receipt.step, PublishSchedule) and not named:
        if sitting.known.refusal == reason.text:
            yield from _refused_exam(aggregate, sitting, reason)
            return
        yield learnt(sitting, replace(sitting.known, refusal=reason.text), "refused with one candidate")
    elif not named or (named or sent) & set(sitting.known.evicted):
        yield learnt(sitting, _staying(sitting.known, named or sent), "refused with one candidate")
    for member in about(aggregate, named or sent):
        if isinstance(receipt.step, UnlistCandidates):
            if holds_seat(member):
                yield _left_to_a_person(aggregate, sitting, member)
        elif booking_is_live(member):
            own = tuple(remark for remark in _remarks(receipt) if candidate_id(aggregate, member) in remark.about)
            yield _unwanted(member, reason_of(own) if own else reason)


def _staying(known: Known, refused: Collection[str]) -> Known:
    """Leave those on the schedule who have no booking and whom Cirrus does not take off either."""
    staying = {each for each in known.evicted if each in refused}
    left = tuple(each for each in known.evicted if each not in staying)
    return replace(known, limit=None, evicted=left, strangers=tuple(sorted({*known.strangers, *staying})))


def _refused_exam(aggregate: Aggregate, sitting: SittingView, reason: Reason) -> Iterator[Finding]:
    """Reject the exam; who was first refused in these words was refused for the exam's sake."""
    anew = replace(sitting.known, refusal=None, limit=None)
    yield replace(outcomes.exam_rejected(sitting, reason), confirmed=anew.data())
    for member in aggregate.members:
        if member.status is Status.REJECTED and member.reason == reason:
            yield outcomes.rejected_with_exam(member, reason)


def _left_to_a_person(aggregate: Aggregate, sitting: SittingView, member: Record) -> Finding:
    candidate = aggregate.related.get(member.about) if member.about is not None else None
    task = tasks.remove_candidate(Booked(member, candidate, live=False), sitting)
    return outcomes.handed(aggregate, member, task)


def _remarks(receipt: Receipt) -> tuple[Remark, ...]:
    return receipt.answer.remarks if isinstance(receipt.answer, Refused) else ()


def _says(receipt: Receipt, phrase: Phrase) -> bool:
    return any(remark.phrase is phrase for remark in _remarks(receipt))
