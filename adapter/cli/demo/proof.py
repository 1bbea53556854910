"""The sums that have to come out at the end of the demo's day, whatever went wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapter.cli.demo.day import Day
from adapter.cli.demo.look import STANDINGS, Look
from adapter.cli.demo.play import Progress
from adapter.cli.demo.results import newest, shown
from adapter.cli.demo.stage import Stage

READ_RESULTS = "GET /results"
MOST_READINGS = 1.1
"""Calls for each version of a result, at most: each is a part of the day's allowance."""


@dataclass(frozen=True, slots=True)
class Check:
    """One sum: what it says, its numbers, and whether it comes out."""

    name: str
    told: str
    holds: bool


def prove(stage: Stage, progress: Progress) -> tuple[Check, ...]:
    """Compare what the SIS said, what the adapter says it did, and what the simulated Cirrus holds."""
    seen = progress.seen
    assert seen is not None, "a day that was played was looked at"
    (university,) = stage.cirrus.control.final_state().values()
    schedules: Mapping[str, Any] = university["schedules"]
    return (
        _messages(progress, seen),
        _dead(progress, seen),
        _calls(progress, seen),
        _outcomes(progress, seen),
        _bookings(progress.day, seen),
        _settled(seen),
        _seats(schedules, progress.day, seen),
        _versions(progress, seen),
        _results(schedules, progress),
        _readings(progress, seen),
    )


def _messages(progress: Progress, seen: Look) -> Check:
    said, handled = progress.said.total(), sum(seen.handled.values())
    parts = " + ".join(
        f"{count} {outcome.replace('_', '-')}" for outcome, count in sorted(seen.handled.items()) if count
    )
    return Check("every message has an end", f"{said} said = {parts}", said == handled == len(progress.day.said))


def _dead(progress: Progress, seen: Look) -> Check:
    kept, counted = len(progress.dead), seen.handled.get("dead_lettered", 0)
    return Check("no dead letter is lost", f"{counted} dead-lettered = {kept} in the queue", kept == counted)


def _calls(progress: Progress, seen: Look) -> Check:
    said, calls = progress.said.total(), seen.called.total
    return Check("fewer calls than one for each event", f"{calls} calls < {said} events", calls < said)


def _outcomes(progress: Progress, seen: Look) -> Check:
    out, distinct, written = progress.outcomes.total(), len(progress.outcome_ids), seen.held.outcomes
    told = f"{written} written = {out} heard = {distinct} ids"
    return Check("each outcome is told once", told, written == out == distinct)


def _bookings(day: Day, seen: Look) -> Check:
    standing = seen.held.standing()
    parts = " + ".join(f"{count} {name}" for name, count in standing.items() if count)
    holds = standing.keys() == set(STANDINGS) and sum(standing.values()) == len(day.bookings)
    return Check("every booking has an answer", f"{len(day.bookings)} = {parts}", holds)


def _settled(seen: Look) -> Check:
    held = seen.held
    told = f"{held.unsettled} due or waiting, {held.outbox_pending} in the outbox"
    return Check("nothing is unsettled", told, held.unsettled == held.outbox_pending == 0)


def _seats(schedules: Mapping[str, Any], day: Day, seen: Look) -> Check:
    """Compare seats by the sandbox's own account, which knows nothing of the ledger."""
    seats = {(key, who): seat for key, schedule in schedules.items() for who, seat in schedule["seats"].items()}
    there = day.seats & seats.keys()
    surplus = seats.keys() - day.seats
    leaving = {(sitting, day.codes[student]) for sitting, student in seen.held.leaving()}
    by_hand = {seat for seat in surplus if seats[seat]["added_by"] == "person"}
    told = (
        f"{len(day.seats)} wanted, {len(there)} there, {len(surplus)} more "
        f"({len(leaving)} with a task, {len(by_hand)} by hand)"
    )
    return Check("Cirrus holds the wanted seats", told, there == day.seats and surplus == leaving | by_hand)


def _versions(progress: Progress, seen: Look) -> Check:
    """Compare with the webhook's own count: a result is announced as it is published, and with each change."""
    announced, told = seen.announced, progress.results
    distinct = len({(one.seat, one.version) for one in told})
    counted = f"{announced.versions} in Cirrus, {announced.lost} not announced; {len(told)} told = {distinct} different"
    return Check("each version of a result is told once", counted, announced.versions == len(told) == distinct)


def _results(schedules: Mapping[str, Any], progress: Progress) -> Check:
    there, told = shown(schedules), newest(progress.results)
    same = len(there.items() & told.items())
    counted = f"{len(there)} published, {len(told)} told, {same} the same"
    return Check("the last told is what Cirrus shows", counted, 0 < len(there) == len(told) == same)


def _readings(progress: Progress, seen: Look) -> Check:
    calls, versions = seen.called.operations.get(READ_RESULTS, 0), len(progress.results)
    counted = f"{calls} calls for {versions} versions; {seen.spent.left:,} of {seen.spent.per_day:,} are left today"
    return Check("hardly more than one call for each version", counted, calls <= MOST_READINGS * versions)
