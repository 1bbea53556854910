"""A day of a student information system: what it says, in which order it arrives, and where it leaves each object.

What should be in the end follows from the newest statement about each object alone; none of the code under test works
it out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from zlib import crc32

import orjson

from tests.scenarios.sis import Json, Sis, candidate

EXAMS = ("x1", "x2", "x3")
PEOPLE = ("a", "b", "c", "d", "e")
BOOKINGS = 7
EXAM_AFTER = timedelta(days=3)
SPOILT = "d"
"""Whom Cirrus refuses, whatever is tried."""

REMOVALS = frozenset({"sis.exam.cancelled.v1", "sis.exam.booking-cancelled.v1", "sis.student.withdrawn.v1"})
"""What takes something away."""


@dataclass(frozen=True)
class Arrival:
    """One message as it is published: an id for the accounts, and its bytes."""

    id: str
    body: bytes


@dataclass(frozen=True)
class Day:
    """Everything that is said, oldest first."""

    events: tuple[Json, ...]

    def without(self, refused: Collection[str]) -> "Day":
        """Return the day as if these removals had not been said, nor what only repeats one of them."""
        left: list[Json] = []
        runs: dict[str, list[Json]] = {}
        for event in self.events:
            if event["type"] in REMOVALS:
                runs.setdefault(event["subject"], []).append(event)
            else:
                left += _unless_refused(runs.pop(event["subject"], []), refused)
                left.append(event)
        for run in runs.values():
            left += _unless_refused(run, refused)
        return Day(tuple(sorted(left, key=lambda event: event["time"])))

    def wanted(self, exam: str) -> set[str] | None:
        """Return who should be on a schedule in the end, None where there should be no schedule."""
        takes_place = False
        seats: dict[str, tuple[str, str]] = {}
        away: set[str] = set()
        for event in self.events:
            subject, data = event["subject"], event["data"]
            match event["type"]:
                case "sis.exam.scheduled.v1" | "sis.exam.updated.v1" if subject == exam:
                    takes_place = True
                case "sis.exam.cancelled.v1" if subject == exam:
                    takes_place = False
                case "sis.exam.booked.v1":
                    seats[subject] = (data["person"]["personId"], data["offeringId"])
                case "sis.exam.booking-cancelled.v1":
                    seats.pop(subject, None)
                case "sis.student.withdrawn.v1":
                    away.add(subject)
                case "sis.student.enrolled.v1":
                    away.discard(subject)
                case _:
                    pass
        booked = {who for who, where in seats.values() if where == exam}
        return {candidate(who) for who in booked - away - {SPOILT}} if takes_place else None


def _unless_refused(run: list[Json], refused: Collection[str]) -> list[Json]:
    return [] if any(event["id"] in refused for event in run) else run


def draw_day(chance: Random, now: datetime, length: int, *, mass: bool = False) -> Day:
    """Draw a day of so many statements; with `mass` all bookings of one exam are cancelled at noon."""
    sis = Sis(now)
    owners = {f"b{number}": chance.choice(PEOPLE) for number in range(BOOKINGS)}
    events: list[Json] = []
    known: set[str] = set()
    booked: dict[str, str] = {}
    for number in range(length):
        if mass and number == length // 2:
            events += [sis.cancelled(key, EXAMS[0], owners[key]) for key, exam in booked.items() if exam == EXAMS[0]]
        exam, key = chance.choice(EXAMS), chance.choice(sorted(owners))
        who = owners[key]
        match chance.choice(["exam", "exam", "off", "book", "book", "book", "book", "cancel", "leave", "return"]):
            case "exam":
                minutes = chance.choice([90, 120])
                kind = "exam.updated" if exam in known else "exam.scheduled"
                events.append(sis.scheduled(exam, EXAM_AFTER, minutes=minutes, kind=kind))
                known.add(exam)
            case "off" if exam in known:
                events.append(sis.exam_cancelled(exam))
            case "book":
                events.append(sis.booked(key, exam, who))
                booked[key] = exam
            case "cancel":
                events.append(sis.cancelled(key, exam, who))
                booked.pop(key, None)
            case "leave" if who != SPOILT:
                events.append(sis.withdrawn(who, ended=now))
            case "return" if who != SPOILT:
                events.append(sis.enrolled(who))
            case _:
                pass
    return Day(tuple(events))


def arrivals(chance: Random, day: Day, *, repeats: int, poison: int, in_order: bool = False) -> list[Arrival]:
    """Return the day, some of it twice, with some messages that nobody can read; in any order unless `in_order`."""
    said = [Arrival(event["id"], orjson.dumps(event)) for event in day.events]
    again = [chance.choice(said) for _ in range(repeats)] if said else []
    bad = [Arrival(f"poison-{number}", b'{"specversion": ' + str(number).encode()) for number in range(poison)]
    mixed = [*said, *again, *bad]
    if not in_order:
        chance.shuffle(mixed)
    return mixed


def exchange_of(event: str) -> str:
    """Return by which exchange an event comes: one in five by the urgent one, whatever it says."""
    return "sis.events" if crc32(event.encode()) % 5 else "sis.urgent"
