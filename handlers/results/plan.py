"""The plan for the results of one sitting: who sat, what was announced, what was not announced and may be there.

Order of thought: what was corrected, what is new, who sat the exam, what may have been lost. A result is read once
it has been quiet about it for a while: notices are repeated, and one reading answers all that came before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from adapter.domain.allowance import Need
from adapter.domain.findings import Finding, Plan, Settled, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record, Ref, Status
from adapter.domain.steps import ReadAttempts, ReadResults, Step
from adapter.domain.version import utc_text, utc_time
from handlers.results.attendance import ask_at
from handlers.results.sweep import next_look, to_ask
from handlers.results.view import ResultList, Wish, candidate_of, end_of, wishes_of

MOST_STEPS = 50
"""Readings in one plan: what is announced meanwhile may be more urgent than what is left."""

SAME_AGAIN = 4
"""Each reading that shows nothing new makes the next wait this much longer, at most `LONGEST_QUIET`."""

LONGEST_QUIET = timedelta(days=1)


def plan(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
    """Have everything read that is said to be there, and find out what was not said."""
    wishes = {member.ref: tuple(wishes_of(member)) for member in aggregate.members}
    pending = [wish for each in wishes.values() for wish in each]
    if not aggregate.complete:
        heard = pending or any(member.open for member in aggregate.members)
        return Plan(whole=True) if heard else _until_it_ends(aggregate.root, now)
    view = ResultList.of(aggregate, policy)
    ready = [wish for wish in pending if ready_at(wish, now, policy) <= now]
    steps: list[Step] = list(_readings(view, ready, policy))
    asked = ask_at(view, policy)
    if asked is not None and asked <= now:
        steps.append(ReadAttempts(view.schedule_id))
    steps += _sweeps(view, pending, now, policy)
    findings = [*_members(aggregate, wishes, now, policy), *_root(view, now, policy)]
    moments = [ready_at(wish, now, policy) for wish in pending]
    moments += [moment for moment in (asked, *_turns(view, now, policy)) if moment is not None]
    look_again = min((moment for moment in moments if moment > now), default=None)
    return Plan(tuple(dict.fromkeys(steps))[:MOST_STEPS], tuple(findings), look_again)


def _until_it_ends(root: Record | None, now: datetime) -> Plan:
    """Return the plan where nobody speaks of results: rest until the exam is over; then who was booked has to be known.

    Each exam of a season has a list, so to read its bookings for nothing would be a good part of all the work.
    """
    end = end_of(root)
    if root is None or end is None or end <= now:
        return Plan(whole=True)
    findings = _counted(root, {"end": utc_text(end), "missing": 0}, waits=False)
    return Plan(findings=tuple(findings), look_again=end)


def ready_at(wish: Wish, now: datetime, policy: Policy) -> datetime:
    """Return when a result is to be read: after a quiet moment, or a while after it was read in vain."""
    rules, reading = policy.results, wish.reading
    if reading is not None and reading.notice == wish.said.version.event_id:
        if reading.failed:
            return reading.at + timedelta(seconds=policy.pause(reading.failed))
        return reading.at + (rules.quiet if reading.empty == 1 else rules.withdrawn_after)
    heard = utc_time(wish.said.data["at"])
    if wish.said.data["by"] == "operator":
        return heard
    patience = SAME_AGAIN ** min(reading.same, 8) if reading is not None else 1
    since = wish.member.wanting.since if wish.member.wanting is not None else now
    quiet, longest = min(rules.quiet * patience, LONGEST_QUIET), min(rules.quiet_longest * patience, LONGEST_QUIET)
    return min(heard + quiet, since + longest)


def need_of(member: Record) -> Need:
    """Return how needed it is to read a result: one that was told wrong is worse than one that was not told."""
    return Need.CORRECTION if member.confirmed.get("told") else Need.FIRST


def _readings(view: ResultList, ready: Iterable[Wish], policy: Policy) -> Iterator[ReadResults]:
    def order(wish: Wish) -> tuple[int, int, datetime, str]:
        failed = wish.reading.failed if wish.reading is not None else 0
        return (need_of(wish.member), failed, utc_time(wish.said.data["at"]), wish.member.ref.key)

    for wish in sorted(ready, key=order):
        yield from _reading(view, wish, policy)


def _reading(view: ResultList, wish: Wish, policy: Policy) -> Iterator[ReadResults]:
    need = need_of(wish.member)
    if "/" in view.schedule_id:  # an attempt of nobody we know
        yield ReadResults(None, None, wish.attempt_id, need)
        return
    candidate_id = candidate_of(wish.member)
    attempts: list[str | None] = [None]
    if policy.external_attempts:
        known: list[str | None] = [booked.attempt_id for booked in view.bookings.get(candidate_id, ())]
        attempts = [wish.attempt_id] if wish.attempt_id is not None else known or [None]
    for attempt_id in attempts:
        yield ReadResults(candidate_id, view.schedule_id, attempt_id, need)


def _sweeps(view: ResultList, pending: Iterable[Wish], now: datetime, policy: Policy) -> Iterator[Step]:
    if _given_up(view, now, policy):
        return
    announced = {candidate_of(wish.member) for wish in pending}
    for booked in to_ask(view, now, policy):
        if booked.candidate_id not in announced:
            attempt_id = booked.attempt_id if policy.external_attempts else None
            yield ReadResults(booked.candidate_id, view.schedule_id, attempt_id, Need.SWEEP)


def _members(
    aggregate: Aggregate, wishes: Mapping[Ref, tuple[Wish, ...]], now: datetime, policy: Policy
) -> Iterator[Finding]:
    for member in aggregate.members:
        if not member.open:
            continue
        mine = wishes[member.ref]
        if not mine:
            yield Finding(member.ref, Settled())
        elif all(ready_at(wish, now, policy) > now for wish in mine) and member.status is Status.DUE:
            yield Finding(member.ref, Waits(None, "a quiet moment"))


def _root(view: ResultList, now: datetime, policy: Policy) -> Iterator[Finding]:
    """Count what is missing; the list waits for it, and before the exam's end and after its last result it rests."""
    root = view.root
    if root is None or view.end is None:
        return
    missing = len(view.missing) if now >= view.end else 0
    counts = {"end": utc_text(view.end), "expected": len(view.expected), "missing": missing}
    yield from _counted(root, counts, waits=missing > 0 and not _given_up(view, now, policy))


def _counted(root: Record, counts: Mapping[str, object], *, waits: bool) -> Iterator[Finding]:
    confirmed = {**root.confirmed, **counts}
    settled = Status.WAITING if waits else Status.SETTLED
    if root.status is not settled or confirmed != root.confirmed:
        yield Finding(root.ref, Waits(None, "the results") if waits else Settled(), confirmed=confirmed)


def _given_up(view: ResultList, now: datetime, policy: Policy) -> bool:
    """Tell whether nobody looks for missing results any more."""
    return view.end is not None and now >= view.end + policy.results.given_up_after


def _turns(view: ResultList, now: datetime, policy: Policy) -> Iterator[datetime | None]:
    """Yield the moments at which something else holds, whatever anybody says."""
    if view.end is not None and not _given_up(view, now, policy):
        yield view.end
        yield next_look(view, now, policy)
        yield view.end + policy.results.given_up_after
