"""Whose result it is: from what Cirrus published of a candidate in a schedule to the bookings of the SIS.

A resit is a booking of its own, so a result must never land on the wrong one: where nothing tells two bookings
apart, it is told as nobody's (`orphan`), for a person to decide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapter.domain.answers import ResultSeen
from handlers.results.view import Booked, ResultList

AMBIGUOUS = "?"


@dataclass(frozen=True, slots=True)
class Attributed:
    """One result with the booking it belongs to; an orphan is of a cancelled booking, or of none."""

    part: str
    seen: ResultSeen
    booking: Booked | None
    orphan: bool


def attribute(
    view: ResultList, candidate_id: str, results: Iterable[ResultSeen], *, by_attempt_id: bool
) -> tuple[Attributed, ...]:
    """Return each result that concerns this schedule with its booking, one for each booking at most.

    `by_attempt_id` where Cirrus knows each booking by an attempt id of ours.
    """
    bookings = view.bookings.get(candidate_id, ())
    mine = [seen for seen in results if _is_of(seen, view.schedule_id)]
    named = [seen for seen in mine if by_attempt_id and seen.attempt_id is not None]
    rest = [seen for seen in mine if not by_attempt_id or seen.attempt_id is None]
    found = {each.part: each for each in (_by_attempt(seen, bookings) for seen in named)}
    return tuple({**found, **_by_order(rest, bookings)}.values())


def _is_of(seen: ResultSeen, schedule_id: str) -> bool:
    """Tell whether a result is of this schedule; one that names none was asked for by schedule or by attempt."""
    return seen.schedule_id is None or "/" in schedule_id or seen.schedule_id.lower() == schedule_id.lower()


def _by_attempt(seen: ResultSeen, bookings: Sequence[Booked]) -> Attributed:
    assert seen.attempt_id is not None, "sorted by the caller"
    for booked in bookings:
        if booked.attempt_id is not None and booked.attempt_id.lower() == seen.attempt_id.lower():
            return _of(booked, seen)
    return _orphan(seen)


def _by_order(results: Sequence[ResultSeen], bookings: Sequence[Booked]) -> Mapping[str, Attributed]:
    """Give the results to the bookings in the order of the attempts; the newest where there is but one booking."""
    if not results:
        return {}
    ordered = sorted(results, key=lambda seen: seen.attempt or 0)
    standing = [booked for booked in bookings if booked.stands]
    if not bookings:
        return {each.part: each for each in (_orphan(seen) for seen in ordered)}
    if len(standing) < 2:  # noqa: PLR2004 - one booking, or what is left of cancelled ones
        one = _of(standing[0] if standing else bookings[-1], ordered[-1])
        return {one.part: one}
    if any(seen.attempt is None for seen in ordered):
        lost = Attributed(f"orphan/{AMBIGUOUS}", ordered[-1], None, orphan=True)
        return {lost.part: lost}
    given = [_of(standing[min(seen.attempt or 1, len(standing)) - 1], seen) for seen in ordered]
    return {each.part: each for each in given}


def _of(booked: Booked, seen: ResultSeen) -> Attributed:
    return Attributed(f"booking/{booked.record.ref.key}", seen, booked, orphan=not booked.stands)


def _orphan(seen: ResultSeen) -> Attributed:
    return Attributed(orphan_part(seen), seen, None, orphan=True)


def orphan_part(seen: ResultSeen) -> str:
    """Return the part of a record under which a result is remembered that has no booking."""
    return f"orphan/{seen.attempt_id or seen.attempt or ''}"
