"""Candidates at their exam (§6, §11): they start, hand in, or are voided; attempts have no calls in the API."""

from datetime import datetime, timedelta

from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.marking import publish
from adapter.cirrus.sandbox.named import named_schedule, named_seat, named_seats
from adapter.cirrus.sandbox.reading import flag, texts
from adapter.cirrus.sandbox.state import Attempt, Paper, Schedule, Seat, Tenant


def start_attempt(tenant: Tenant, wanted: Json) -> None:
    """Start an attempt of a candidate, while the schedule is open."""
    schedule = named_schedule(tenant, wanted)
    seat = named_seat(schedule, wanted)
    if not schedule.is_activated or not schedule.start <= tenant.now < schedule.end:
        raise Refusal("Schedule is not open")
    _start(seat, tenant.now)


def hand_in_attempt(tenant: Tenant, wanted: Json) -> None:
    """Hand in the running attempt of a candidate; with `void`, void it; with `by_system`, time has run out."""
    schedule = named_schedule(tenant, wanted)
    seat = named_seat(schedule, wanted)
    attempt = _running(seat)
    if attempt is None:
        raise Refusal("Candidate has no running attempt")
    _hand_in(attempt, tenant.now)
    if flag(wanted, "by_system"):
        attempt.submitted_by = "SYSTEM"
    if flag(wanted, "void"):
        attempt.status = "VOID"
    _leave(tenant, [Paper(schedule, seat, attempt)])


def sit(tenant: Tenant, wanted: Json) -> None:
    """Start and hand in, for one or all candidates but those in `absent`.

    After the window, they sat while it was open, so that nobody need wait for it; before it, only with `early`.
    """
    schedule = named_schedule(tenant, wanted)
    if not schedule.is_activated:
        raise Refusal("Schedule is not activated")
    is_early = tenant.now < schedule.start
    if is_early and not flag(wanted, "early"):
        raise Refusal("Schedule has not yet begun")
    absent = set(texts(wanted, "absent"))
    named = named_seats(schedule, wanted)
    seats = list(schedule.seats.values()) if named is None else named
    _leave(
        tenant,
        [_sit(tenant, schedule, seat, is_early=is_early) for seat in seats if seat.user.external_id not in absent],
    )


def _sit(tenant: Tenant, schedule: Schedule, seat: Seat, *, is_early: bool) -> Paper:
    """Let one candidate use the whole duration from the start on, as far as the window and the clock allow it."""
    attempt = _running(seat)
    if is_early:
        attempt = attempt or _start(seat, tenant.now)
        _hand_in(attempt, tenant.now)
        return Paper(schedule, seat, attempt)
    if attempt is None:
        free = max((each.ended or each.started for each in seat.attempts), default=schedule.start)
        attempt = _start(seat, min(max(free, schedule.start), schedule.end))
    minutes = schedule.assessment.minutes
    if minutes is None:
        due = schedule.end
    else:
        due = attempt.started + timedelta(minutes=minutes + schedule.assessment.minutes_for(seat.user))
    _hand_in(attempt, max(attempt.started, min(due, schedule.end, tenant.now)))
    return Paper(schedule, seat, attempt)


def _start(seat: Seat, moment: datetime) -> Attempt:
    attempt = Attempt(len(seat.attempts) + 1, moment)
    seat.attempts.append(attempt)
    return attempt


def _hand_in(attempt: Attempt, moment: datetime) -> None:
    attempt.ended = moment
    attempt.status = "HANDED_IN"
    attempt.submitted_by = "CANDIDATE"


def _running(seat: Seat) -> Attempt | None:
    return seat.attempts[-1] if seat.attempts and seat.attempts[-1].ended is None else None


def _leave(tenant: Tenant, papers: list[Paper]) -> None:
    """Publish at once what was handed in, where no assessors are assigned (§9.1)."""
    if tenant.options.auto_publish:
        publish(tenant, [paper for paper in papers if paper.attempt.status == "HANDED_IN"])
