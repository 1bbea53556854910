"""Attendance: who sat an exam, asked once it is over (cirrus-api.md 6.1).

Cirrus sees attempts, not people: whoever has begun none is `notStarted`, present or not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapter.domain.answers import AttemptSeen, AttemptsSeen
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.version import utc_text, utc_time
from handlers import said
from handlers.results.view import Booked, ResultList
from handlers.sittings.view import holds_seat

NOT_STARTED = "NOT_STARTED"
HANDED_IN = frozenset({"HANDED_IN", "VOID"})

MOST_LOOKS = 3
"""How often it is asked while somebody has not handed in; after that the exam has long been over."""


@dataclass(frozen=True, slots=True)
class Sat:
    """Who sat: what is told of it, who stayed away, and whether somebody has not handed in yet."""

    outcomes: tuple[Outcome, ...]
    absent: tuple[str, ...]
    unfinished: bool


def ask_at(view: ResultList, policy: Policy) -> datetime | None:
    """Return when attendance is to be asked for, None when it is not, or has been."""
    root, sitting = view.root, view.sitting
    if root is None or view.end is None or sitting is None or sitting.canceled or not sitting.known.activated:
        return None
    looks, unfinished = root.confirmed.get("attendance_looks", 0), root.confirmed.get("unfinished", False)
    if looks and (not unfinished or looks >= MOST_LOOKS):
        return None
    before: timedelta = policy.results.attendance_after
    return (utc_time(root.confirmed["attendance_at"]) if looks else view.end) + before


def read_attendance(view: ResultList, seen: AttemptsSeen) -> Sat:
    """Return who sat, by what Cirrus shows; nobody is told of whose booking does not stand."""
    attempts = {candidate_id.lower(): each for candidate_id, each in seen.attempts.items()}
    outcomes: list[Outcome] = []
    absent: list[str] = []
    unfinished = False
    for candidate_id, bookings in sorted(view.bookings.items()):
        shown = attempts.get(candidate_id.lower())
        for booked, attempt in _each(bookings, shown or ()):
            attendance = _attendance(shown, attempt)
            unfinished = unfinished or attendance == "notFinished"
            outcomes.append(_recorded(booked, attendance, attempt))
        if shown is not None and all(attempt.status == NOT_STARTED for attempt in shown):
            absent.append(candidate_id)
    return Sat(tuple(outcomes), tuple(absent), unfinished)


def _each(bookings: Sequence[Booked], attempts: Sequence[AttemptSeen]) -> Iterator[tuple[Booked, AttemptSeen | None]]:
    """Give each booking its attempt: the newest to a single one, else in their order."""
    seated = [booked for booked in bookings if booked.stands and holds_seat(booked.record)]
    for number, booked in enumerate(seated):
        if len(seated) == 1:
            yield booked, attempts[-1] if attempts else None
        else:
            yield booked, attempts[number] if number < len(attempts) else None


def _attendance(shown: Sequence[AttemptSeen] | None, attempt: AttemptSeen | None) -> str:
    if shown is None:
        return "notKnown"
    if attempt is None or attempt.status == NOT_STARTED:
        return "notStarted"
    return "present" if attempt.status in HANDED_IN or attempt.ended is not None else "notFinished"


def _recorded(booked: Booked, attendance: str, attempt: AttemptSeen | None) -> Outcome:
    record = booked.record
    started = utc_text(attempt.started) if attempt is not None and attempt.started else None
    ended = utc_text(attempt.ended) if attempt is not None and attempt.ended else None
    data: dict[str, Any] = {
        "associationId": record.ref.key,
        "offeringId": record.home.key,
        "personId": booked.person_id,
        "attendance": attendance,
        "startedAt": started,
        "handedInAt": ended,
        "submittedBy": None,
    }
    return said.about(record, said.ATTENDANCE_RECORDED, f"{attendance}/{started}/{ended}", data)
