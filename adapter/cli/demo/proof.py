"""The sums that have to come out at the end of the demo's day, whatever went wrong in it."""

from dataclasses import dataclass

from adapter.cli.demo.day import Day
from adapter.cli.demo.look import STANDINGS, Look
from adapter.cli.demo.play import Progress
from adapter.cli.demo.stage import Stage


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
    return (
        _messages(progress, seen),
        _dead(progress, seen),
        _calls(progress, seen),
        _outcomes(progress, seen),
        _bookings(progress.day, seen),
        _settled(seen),
        _seats(stage, progress.day, seen),
    )


def _messages(progress: Progress, seen: Look) -> Check:
    said, handled = progress.said.total(), sum(seen.handled.values())
    parts = " + ".join(
        f"{count} {outcome.replace('_', '-')}" for outcome, count in sorted(seen.handled.items()) if count
    )
    return Check("every message has an end", f"{said} said = {parts}", said == handled == len(progress.day.events))


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


def _seats(stage: Stage, day: Day, seen: Look) -> Check:
    """Compare seats by the sandbox's own account, which knows nothing of the ledger."""
    tenants = stage.cirrus.control.final_state()
    (university,) = tenants.values()
    there = {(key, who) for key, schedule in university["schedules"].items() for who in schedule["seats"]}
    missing, surplus = day.seats - there, there - day.seats
    leaving = {(sitting, day.codes[student]) for sitting, student in seen.held.leaving()}
    told = f"{len(day.seats)} wanted, {len(day.seats & there)} there, {len(surplus)} more ({len(leaving)} with a task)"
    return Check("Cirrus holds the wanted seats", told, not missing and surplus == leaving)
