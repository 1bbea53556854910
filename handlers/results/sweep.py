"""The sweep: results that nobody has announced are looked for now and then, since a notice can be lost.

Polling is against Cirrus' fair use (cirrus-api.md section 11), so a sweep asks as little as it can. As long as no
result of an exam is known, one candidate is asked for at each look: an exam's results are mostly published together.
Once one is known, all others are asked for, after as long as Cirrus goes on repeating its notices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapter.domain.policy import Policy
from adapter.domain.version import utc_text
from handlers.results.view import Booked, ResultList, told_bookings


@dataclass(frozen=True, slots=True)
class Look:
    """The newest look that is due: since when, and its name; a candidate is asked for once in each."""

    since: datetime
    name: str


def current_look(view: ResultList, now: datetime, policy: Policy) -> Look | None:
    """Return the look to be made now, None before the first."""
    looks = [look for look in _looks(view, policy) if look.since <= now]
    return max(looks, key=lambda look: (look.since, look.name), default=None)


def next_look(view: ResultList, now: datetime, policy: Policy) -> datetime | None:
    """Return when the next look begins."""
    return min((look.since for look in _looks(view, policy) if look.since > now), default=None)


def to_ask(view: ResultList, now: datetime, policy: Policy) -> Sequence[Booked]:
    """Return whose results are to be looked for now."""
    look = current_look(view, now, policy)
    if look is None or (missing := view.missing) == ():
        return ()
    unasked = [booked for booked in missing if _asked_in(view, booked) != look.name]
    if any(told_bookings(member) for member in view.results.values()):
        return sorted(unasked, key=lambda booked: _failures(view, booked))
    if len(unasked) < len(missing):
        return ()
    # Another one at each look, for the first may be the one without a result.
    return (missing[sum(map(ord, look.name)) % len(missing)],)


def _looks(view: ResultList, policy: Policy) -> list[Look]:
    if view.end is None:
        return []
    looks = [Look(view.end + after, f"look {number}") for number, after in enumerate(policy.results.looks, start=1)]
    if view.heard_at is not None:
        since = max(view.end, view.heard_at + policy.results.missing_after)
        looks.append(Look(since, f"after {utc_text(view.heard_at)}"))
    return looks


def _asked_in(view: ResultList, booked: Booked) -> str | None:
    member = view.results.get(booked.candidate_id or "")
    return member.confirmed.get("looked") if member is not None else None


def _failures(view: ResultList, booked: Booked) -> int:
    member = view.results.get(booked.candidate_id or "")
    return int(member.confirmed.get("look_failed", 0)) if member is not None else 0
