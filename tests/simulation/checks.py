"""What must hold after every run, whatever went wrong in it: each check returns what it found broken, in words."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, pairwise
from typing import Any

import orjson

from adapter.broker import Message
from adapter.domain.answers import Failing, Garbled, NoAnswer, Unreachable
from adapter.flow.gate import OUTAGE_AFTER
from adapter.flow.leases import LEASE
from adapter.flow.pacing import LATE
from handlers import said
from tests.scenarios.sis import Heard, Json, candidate, told_twice
from tests.simulation.cirrus import Called
from tests.simulation.day import EXAMS, SPOILT
from tests.simulation.world import CONCURRENCY, GUEST, World

FAILURES = (Failing, Garbled, NoAnswer, Unreachable)
WINDOW = 4.0
"""Seconds in which calls are counted; those that a process was frozen at, right before they started, may come late."""

OF_OTHERS = ("cirrus.task.", "cirrus.result.", "cirrus.attendance.")
"""Outcomes that answer something else than a statement of the SIS."""


def violations(world: World) -> list[str]:
    """Return everything that is broken after a run that came to rest."""
    return [broken for check in CHECKS for broken in check(world)]


def one_end_for_each_event(world: World) -> Iterator[str]:
    """Each event is in the ledger or among the dead letters, in exactly one of them, and nothing else is."""
    stored = world.stored()
    dead = {str(letter.correlation_id) for letter in world.broker.dead}
    for name in world.said:
        if (name in stored) == (name in dead):
            yield f"event {name}: in the ledger {name in stored}, dead {name in dead}"
        if name.startswith("poison") and name not in dead:
            yield f"{name} was not dead-lettered"
    yield from (f"event {name} was never said" for name in (stored | dead) - world.said)


def no_ack_before_it_is_durable(world: World) -> Iterator[str]:
    """Find messages that the broker forgot before anything else held them."""
    yield from (f"event {name} was acknowledged too early" for name in world.early_acks)


def the_wanted_seats(world: World) -> Iterator[str]:
    """Cirrus holds exactly who should be there; what cannot be undone by the API is asked of a person."""
    left = Counter((task.name, task.about.key) for task in world.ledger().tasks())
    for exam in EXAMS:
        wanted = world.wanted(exam)
        held = world.cirrus.rules.schedules.get(exam)
        if held is None:
            if wanted:
                yield f"{exam}: no schedule, wanted {sorted(wanted)}"
            continue
        if wanted is None and not left["remove-schedule", exam]:
            yield f"{exam}: a schedule that nobody wants, and nobody is asked to remove it"
        yield from (f"{exam}: {who} has no seat" for who in (wanted or set()) - held.seats)
        surplus = held.seats - (wanted or set()) - {GUEST} - _on_their_way(world, exam)
        if world.guests.get(exam) is held and GUEST not in held.seats:
            yield f"{exam}: a guest of the exam office was taken off"
        asked = sum(count for (name, _), count in left.items() if name in ("remove-candidate", "remove-schedule"))
        if surplus and not asked:
            yield f"{exam}: {sorted(surplus)} are seated without a booking, and nobody is asked to remove them"


def _on_their_way(world: World, exam: str) -> set[str]:
    """Return who keeps a seat until there is one in the exam that the booking has moved to, if there ever is."""
    waiting = {row[0] for row in world.rows("SELECT key FROM records WHERE kind = 'booking' AND status = 'waiting'")}
    left = world.rows(f"SELECT key, about_key, status FROM records WHERE kind = 'departure' AND home_key = '{exam}'")
    return {candidate(who) for key, who, status in left if status == "waiting" or key.split("@")[0] in waiting}


def one_effect_for_each_wish(world: World) -> Iterator[str]:
    """Find users made twice, and schedules and seats made more often than the SIS has asked for them."""
    asked: Counter[tuple[str, str]] = Counter()
    for event in world.day.events:
        data = event["data"]
        if event["type"].startswith(("sis.exam.scheduled", "sis.exam.updated")):
            asked["schedule", data["offeringId"]] += 1
        elif event["type"].startswith("sis.exam.booked"):
            asked[data["offeringId"], candidate(data["person"]["personId"])] += 1
    returns = Counter(
        event["subject"] for event in world.day.events if event["type"].startswith("sis.student.enrolled")
    )
    for (place, what), times in world.cirrus.effects.items():
        if place == "user":
            most = 1
        elif place == "schedule":
            most = max(1, asked[place, what])
        else:
            most = max(1, asked[place, what]) * (1 + returns[what.removeprefix("S")]) * max(1, asked["schedule", place])
        if times > most:
            yield f"{place} {what} came about {times} times, asked for {most} times"


def every_outcome_once(world: World) -> Iterator[str]:
    """Each outcome reaches the broker, under one id for one content, in the order of its object's versions.

    There are no more outcomes of a kind than statements they can answer: of the object, its exam and its person; and
    one more of drift for each edit by hand.
    """
    told = [(row[0], row[1], row[2]) for row in world.rows("SELECT id, subject, type FROM outbox ORDER BY seq")]
    heard: dict[str, list[str]] = defaultdict(list)
    contents: dict[str, bytes] = {}
    for message in world.broker.outcomes:
        event = orjson.loads(message.body)
        if message.id not in contents:
            heard[event["subject"]].append(message.id)
        contents.setdefault(message.id, message.body)
        if contents[message.id] != message.body:
            yield f"outcome {message.id} was told with two contents"
    yield from (
        f"outcome {name} ({kind} {subject}) was not told" for name, subject, kind in told if name not in contents
    )
    heard_of = told_twice(map(_heard, world.broker.outcomes), _returned(world))
    yield from (f"told under two ids: {what}" for what in heard_of)
    known = {name for name, _, _ in told}
    yield from (f"outcome {name} is not in the outbox" for name in contents if name not in known)
    for subject, ids in heard.items():
        order = [name for name, whose, _ in told if whose == subject]
        if ids != order:
            yield f"outcomes of {subject} were told in another order than that of their versions"
    statements = _statements(world)
    for (subject, kind), ids in _grouped((subject, kind) for _, subject, kind in told).items():
        answerable = statements[subject] + (world.edits[subject] if kind == said.DRIFT_DETECTED else 0)
        if ids > answerable:
            yield f"{kind} of {subject} was told under {ids} ids for {answerable} statements"


def _returned(world: World) -> set[tuple[str, str]]:
    """Name the bookings that may end in an exam more than once, each with that exam.

    The booking has left for another exam and come back, or its exam was called off, or its student was gone, more than
    once.
    """
    runs = _runs(world)
    exams = {name for name, said in runs.items() if said.count(("sis.exam.cancelled.v1", None)) > 1}
    people = {name for name, said in runs.items() if said.count(("sis.student.withdrawn.v1", None)) > 1}
    booked = [event for event in world.day.events if event["type"] == "sis.exam.booked.v1"]
    return {
        (event["subject"], exam)
        for event in booked
        if (exam := event["data"]["offeringId"]) in exams
        or event["data"]["person"]["personId"] in people
        or runs[event["subject"]].count((event["type"], exam)) > 1
    }


def _runs(world: World) -> dict[str, list[tuple[str, str | None]]]:
    """Return for each object what was said of it, without what only repeats; of a booking, with its exam."""
    said_of: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for event in world.day.events:
        exam = event["data"]["offeringId"] if event["type"] == "sis.exam.booked.v1" else None
        said_of[event["subject"]].append((event["type"], exam))
    return {name: [said for said, _ in groupby(every)] for name, every in said_of.items()}


def _heard(message: Message) -> Heard:
    event = orjson.loads(message.body)
    return Heard(message.id, event["type"], event["subject"], event.get("causationid"), event["data"])


def _grouped(names: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    return Counter(name for name in names if not name[1].startswith(OF_OTHERS))


def _statements(world: World) -> dict[str, int]:
    """Count for each object what was said about it, about the exam it belongs to and about its person."""
    about: dict[str, set[str]] = defaultdict(set)
    for event in world.day.events:
        about[event["subject"]] |= _named(event)
    named = {event["id"]: _named(event) for event in world.day.events}
    return {
        subject: sum(1 for names in named.values() if names & (related | {subject}))
        for subject, related in about.items()
    } | {
        name: sum(1 for names in named.values() if name in names) for name in set().union(*named.values()) - set(about)
    }


def _named(event: Json) -> set[str]:
    data = event["data"]
    person = data.get("person", {}).get("personId") or data.get("personId")
    return {name for name in (event["subject"], data.get("offeringId"), person) if name}


def every_result_told(world: World) -> Iterator[str]:
    """Each result is told once as published and once as corrected, and the last word is what Cirrus shows."""
    told: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for message in world.broker.outcomes:
        event = orjson.loads(message.body)
        if event["type"].startswith("cirrus.result."):
            told[event["data"]["scheduleExtId"], event["data"]["candidateExtId"]][event["id"]] = event
    for whose, shown in world.cirrus.rules.results.items():
        versions = sorted(told[whose].values(), key=lambda event: event["data"]["resultVersion"])
        kinds = [event["type"] for event in versions]
        if kinds not in (["cirrus.result.published.v1", "cirrus.result.corrected.v1"], ["cirrus.result.published.v1"]):
            yield f"the result of {whose} was told as {kinds}"
        elif versions[-1]["data"]["result"]["score"] != shown[0].score:
            yield f"the result of {whose} was last told as {versions[-1]['data']['result']}, it is {shown[0].score}"
    yield from (
        f"a result of {whose} was told that Cirrus has not" for whose in set(told) - set(world.cirrus.rules.results)
    )


def calls_within_the_pace(world: World) -> Iterator[str]:
    """All processes together call no faster than their tenant's pace, and have no more calls under way than may be."""
    starts = sorted(called.began for called in world.cirrus.calls)
    if world.choices.rate:
        most = 1 + world.choices.rate * (WINDOW + LATE) + CONCURRENCY * len(world.choices.stalls)
        for first in starts:
            within = sum(1 for start in starts if first <= start < first + WINDOW)
            if within > most:
                yield f"{within} calls within {WINDOW:g} s"
    for process, calls in _by_process(world).items():
        yield from _too_many(process, calls, CONCURRENCY)
    if world.choices.at_once:
        held = [called for called in world.cirrus.calls if called.ended - called.began < LEASE.total_seconds()]
        yield from _too_many("all", held, world.choices.at_once)


def _too_many(who: str, calls: list[Called], most: int) -> Iterator[str]:
    for called in calls:
        at_once = sum(1 for other in calls if other.began <= called.began < other.ended)
        if at_once > most:
            yield f"{who}: {at_once} calls at once"


def one_probe_while_cirrus_fails(world: World) -> Iterator[str]:
    """After so many failures in a row that Cirrus counts as down, a process asks one question at a time."""
    for process, calls in _by_process(world).items():
        in_order = sorted(calls, key=lambda called: called.ended)
        failures, closed_at = 0, None
        probes: list[Called] = []
        for called in in_order:
            if closed_at is not None and called.began > closed_at:
                probes.append(called)
            if isinstance(called.answer, FAILURES):
                failures += 1
                if failures >= OUTAGE_AFTER and closed_at is None:
                    closed_at = called.ended
            else:
                failures, closed_at = 0, None
                yield from _overlapping(process, probes)
                probes = []
        yield from _overlapping(process, probes)


def _overlapping(process: str, probes: list[Called]) -> Iterator[str]:
    for earlier, later in pairwise(sorted(probes, key=lambda called: called.began)):
        if later.began < earlier.ended:
            yield f"{process}: a second call at {later.began:.2f} while a probe was out"


def _by_process(world: World) -> dict[str, list[Called]]:
    calls: dict[str, list[Called]] = defaultdict(list)
    for called in world.cirrus.calls:
        calls[called.process].append(called)
    return calls


def nothing_is_left(world: World) -> Iterator[str]:
    """At rest nothing is due, held, or half done, and no log line has admitted a mistake."""
    for kind, key, status in world.rows("SELECT kind, key, status FROM records"):
        about = f"{kind} {key} is {status}"
        refusable = kind == "booking" or (kind == "candidate" and key == SPOILT)
        if status == "due" or (status == "rejected" and not refusable):
            yield about
    yield from (f"{row[0]} {row[1]} is leased" for row in world.rows("SELECT kind, key FROM work WHERE lease_by <> ''"))
    yield from world.mistakes


def no_mass_change_unasked(world: World) -> Iterator[str]:
    """Within an hour no more bookings end than may, without somebody's word; and nothing is held in the end."""
    guard = world.choices.guard
    takes = world.rows("SELECT takes FROM removals WHERE state = 'released' AND hold IS NULL")
    ended = sum(len(orjson.loads(row[0])) for row in takes)
    if guard is not None and ended > guard.per_hour:
        yield f"{ended} bookings ended within an hour, {guard.per_hour} may without an approval"
    left = "SELECT kind, key, state FROM removals WHERE state NOT IN ('released', 'discarded')"
    yield from (f"the end of {kind} {key} is {state}" for kind, key, state in world.rows(left))


CHECKS: tuple[Callable[[World], Iterator[str]], ...] = (
    one_end_for_each_event,
    no_ack_before_it_is_durable,
    the_wanted_seats,
    one_effect_for_each_wish,
    every_outcome_once,
    every_result_told,
    calls_within_the_pace,
    one_probe_while_cirrus_fails,
    nothing_is_left,
    no_mass_change_unasked,
)
