"""The sweep: results that nobody has announced are looked for now and then, since a notice can be lost.

Polling is against Cirrus' fair use (cirrus-api.md section 11), so a sweep asks as little as it can. It begins with one
candidate: an exam's results are mostly published together, so what is there for one is there for most. Everybody else
who is missing is asked for when that one has a result, or when most of the exam's results have been told already:
then notices were lost. There is a look on each of some days, and one after the first result that is heard of, after
as long as Cirrus goes on repeating its notices; nobody is asked for twice in a look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapter.domain.policy import Policy
from handlers.results.view import Booked, ResultList

LOOKED, FOUND, LOOK_FAILED = "looked", "found", "look_failed"
"""What a result's record notes: the last look in which it was asked for, the one in which it was found, and how often
asking had no answer."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: since when it is due, and its number; the later a look, the higher."""

    since: datetime
    number: int


def current_look(view: ResultList, now: datetime, policy: Policy) -> Look | None:
    """Return the look to be made now, None before the first."""
    return max((look for look in _looks(view, policy) if look.since <= now), key=lambda look: look.number, default=None)


def next_look(view: ResultList, now: datetime, policy: Policy) -> datetime | None:
    """Return when the next look begins."""
    return min((look.since for look in _looks(view, policy) if look.since > now), default=None)


def to_ask(view: ResultList, now: datetime, policy: Policy) -> Sequence[Booked]:
    """Return whose results are to be looked for now."""
    look = current_look(view, now, policy)
    if look is None or (missing := view.missing) == ():
        return ()
    unasked = [booked for booked in missing if _noted(view, booked, LOOKED) < look.number]
    found = any(int(member.confirmed.get(FOUND, 0)) >= look.number for member in view.results.values())
    if found or len(missing) * 2 <= len(view.expected):
        return sorted(unasked, key=lambda booked: _noted(view, booked, LOOK_FAILED))
    if len(unasked) < len(missing):
        return ()
    # Another one at each look, for the first may be the one without a result.
    return (missing[look.number % len(missing)],)


def _looks(view: ResultList, policy: Policy) -> list[Look]:
    """Return the looks: on each day that is set an even one, and between two such days at most one odd one.

    Results may be published one by one: each that is heard of puts the odd look off, and none makes another one.
    """
    if view.end is None:
        return []
    looks = [Look(view.end + after, 2 * number) for number, after in enumerate(policy.results.looks, start=1)]
    if view.heard_at is not None:
        since = max(view.end, view.heard_at + policy.results.missing_after)
        looks.append(Look(since, 2 * sum(look.since <= since for look in looks) + 1))
    return looks


def _noted(view: ResultList, booked: Booked, what: str) -> int:
    member = view.results.get(booked.candidate_id or "")
    return int(member.confirmed.get(what, 0)) if member is not None else 0
