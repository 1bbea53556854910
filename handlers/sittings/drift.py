"""Drift: what somebody has changed by hand in Cirrus, as a read-back shows it. It is told, and it stands.

Three things are compared: what we have last set, what is seen, and what the SIS wants. Drift is what the SIS has not
changed since we set it; what it has changed is under way, or a task.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from adapter.domain.outcomes import Outcome
from adapter.domain.records import Aggregate
from adapter.domain.steps import Schedule
from adapter.domain.version import fingerprint, utc_text
from handlers import said
from handlers.sittings.seats import Booked
from handlers.sittings.view import COMPARED, Known, SittingView, booking_is_live, holds_seat

Drift = Mapping[str, list[Any]]
"""What is told: `missing` bookings, `surplus` candidates, and what is `differing`."""

NONE: Drift = {"missing": [], "surplus": [], "differing": []}


def of_schedule(
    aggregate: Aggregate, sitting: SittingView, wanted: Schedule, removed: Iterable[Booked]
) -> tuple[Known, tuple[Outcome, ...]]:
    """Compare a schedule that is there; return what is known then, and what is to be told of it, if anything is new.

    As long as something differs a person has to decide, so all members are at hand; `removed` are those of them whose
    seats were taken away.
    """
    known = sitting.known.agreeing(wanted)
    booked = set(_candidates(aggregate))
    known = replace(
        known,
        strangers=tuple(each for each in known.strangers if each not in booked),
        evicted=tuple(each for each in known.evicted if each not in booked),
    )
    found: Drift = {
        "missing": _missing(removed),
        "surplus": sorted((*known.strangers, *known.evicted)),
        "differing": list(_differing(known, wanted)),
    }
    return _told(sitting, known, found)


def of_absence(sitting: SittingView) -> tuple[Known, tuple[Outcome, ...]]:
    """Tell of a schedule that is wanted and gone or archived; who was on it says nothing any more."""
    known = sitting.known
    seen = "archived" if known.archived else "gone"
    wanted = "activated" if known.live else "draft"
    return _told(sitting, known, {**NONE, "differing": [_difference("state", wanted, seen)]})


def none(sitting: SittingView) -> tuple[Known, tuple[Outcome, ...]]:
    """Tell that nothing differs any more: nobody wants the schedule."""
    return _told(sitting, sitting.known, NONE)


def strangers(aggregate: Aggregate, seen: frozenset[str], *, doubt: bool = False) -> tuple[str, ...]:
    """Return who is on a schedule without any booking or departure that is known to be there.

    In doubt a call of ours may have come late, so bookings that have ended account for who is there, too.
    """
    assert aggregate.complete, "who has no booking can only be told when all of them are at hand"
    return tuple(sorted(seen - set(_candidates(aggregate, ended=doubt))))


def note(drift: Drift | None) -> str:
    """Say in a few words, without anybody's id, what has changed."""
    if drift is None:
        return "as the SIS says"
    counted = [f"{len(drift[name])} {name}" for name in ("missing", "surplus") if drift[name]]
    return f"changed by hand: {', '.join([*counted, *(each['field'] for each in drift['differing'])])}"


def _told(sitting: SittingView, known: Known, found: Drift) -> tuple[Known, tuple[Outcome, ...]]:
    if found == (known.drift or NONE):
        return known, ()
    number = known.drifts + 1
    event = said.about(
        sitting.record,
        said.DRIFT_DETECTED,
        f"{number}-{fingerprint(found)[:8]}",
        {"offeringId": sitting.record.ref.key, "scheduleExtId": sitting.external_id, **found},
    )
    return replace(known, drift=found if any(found.values()) else None, drifts=number), (event,)


def _candidates(aggregate: Aggregate, *, ended: bool = False) -> Iterator[str]:
    """Yield whom the members at hand account for on a schedule."""
    for member in aggregate.members:
        if ended or member.open or booking_is_live(member) or holds_seat(member):
            candidate = aggregate.related.get(member.about) if member.about is not None else None
            if candidate is not None and candidate.external_id is not None:
                yield candidate.external_id


def _missing(removed: Iterable[Booked]) -> list[dict[str, Any]]:
    missing = [
        {
            "associationId": member.record.ref.key,
            "personId": member.record.about.key if member.record.about is not None else None,
            "candidateExtId": member.candidate_id,
        }
        for member in removed
    ]
    return sorted(missing, key=lambda each: str(each["associationId"]))


def _differing(known: Known, wanted: Schedule) -> Iterator[dict[str, Any]]:
    for name in COMPARED:
        value, seen, ours = getattr(wanted, name), getattr(known, name), known.ours(name)
        if seen not in (None, value) and ours in (None, value):
            yield _difference(name, _text(value), _text(seen))
    if known.live and not known.activated:
        yield _difference("state", "activated", "draft")


def _difference(name: str, wanted: str, seen: str) -> dict[str, Any]:
    return {"field": name, "wanted": wanted, "seen": seen}


def _text(value: Any) -> str:  # noqa: ANN401 - a title or a moment
    return value if isinstance(value, str) else utc_text(value)
