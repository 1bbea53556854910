"""Extra time: what the SIS grants in minutes or percent, as the one percentage that Cirrus knows.

Cirrus keeps one percentage per candidate, for every exam (cirrus-api.md 1.1). Minutes become a percentage
of the exam's duration, rounded up. The newest statement of the SIS replaces an older one; the two are
never added. Where a candidate's exams differ, the largest holds, so that nobody gets less than granted.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from adapter.domain.records import Record
from adapter.domain.version import Statement
from handlers.ooapi import LAST_YEAR, Need
from handlers.people import NEEDS

FOR_EVER = date(LAST_YEAR, 12, 31)
"""Student systems write an end date in the year 9999 when they mean none."""


def grant(minutes: int | None, percent: int | None) -> dict[str, int] | None:
    """Return an event's two fields as one grant, None when it says nothing; percent wins over minutes."""
    if percent is not None:
        return {"percent": percent}
    if minutes is not None:
        return {"minutes": minutes}
    return None


def needs_data(needs: Iterable[Need]) -> dict[str, Any]:
    """Return the grants among a person's needs, each with the dates between which it counts."""
    grants: list[dict[str, Any]] = []
    for need in needs:
        granted = grant(need.additionalTimeInMin, need.extraTimePercentage)
        if granted is not None:
            grants.append(
                {
                    **granted,
                    "from": need.startDate.isoformat() if need.startDate else None,
                    "until": need.endDate.isoformat() if need.endDate else None,
                }
            )
    return {"grants": grants}


def percentage(granted: Mapping[str, Any], duration: int) -> int:
    """Return a grant in percent of `duration` minutes, rounded up."""
    if "percent" in granted:
        return int(granted["percent"])
    return -(-int(granted["minutes"]) * 100 // duration)


def booked_percentage(booking: Statement, candidate: Record | None, day: date, duration: int) -> int:
    """Return the extra time of one booking in percent, 0 without any.

    The booking's own grant and the person's needs replace one another: the newer by time holds, counted from
    when it was first said, since a repetition changes nothing.
    """
    own: Mapping[str, Any] | None = booking.data.get("extra")
    needs = candidate.facets.get(NEEDS) if candidate is not None else None
    if own is not None and (needs is None or booking.since.time >= needs.since.time):
        return percentage(own, duration)
    if needs is None:
        return 0
    return max((percentage(granted, duration) for granted in needs.data["grants"] if _counts(granted, day)), default=0)


def standing_percentage(candidate: Record, day: date) -> int | None:
    """Return what the person is granted on a day for any exam whatever; grants in minutes wait for an exam."""
    needs = candidate.facets.get(NEEDS)
    if needs is None:
        return None
    grants = [granted for granted in needs.data["grants"] if "percent" in granted and _counts(granted, day)]
    return max((int(granted["percent"]) for granted in grants), default=0)


def next_turn(candidate: Record, day: date) -> date | None:
    """Return the next day on which one of the person's grants begins or has ended."""
    needs = candidate.facets.get(NEEDS)
    turns: list[date] = []
    for granted in needs.data["grants"] if needs is not None else ():
        if granted.get("from"):
            turns.append(date.fromisoformat(granted["from"]))
        if granted.get("until") and (until := date.fromisoformat(granted["until"])) < FOR_EVER:
            turns.append(until + timedelta(days=1))
    return min((turn for turn in turns if turn > day), default=None)


def _counts(granted: Mapping[str, Any], day: date) -> bool:
    since, until = granted.get("from"), granted.get("until")
    return (since is None or date.fromisoformat(since) <= day) and (until is None or day <= date.fromisoformat(until))
