"""A day of a student information system: what it says, in which order it arrives, and where it leaves each object.

What should be in the end follows from the newest statement about each object alone; none of the code under test works
it out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

import orjson

from tests.scenarios.sis import Json, Sis, candidate

EXAMS = ("x1", "x2", "x3")
PEOPLE = ("a", "b", "c", "d", "e")
BOOKINGS = 7
EXAM_AFTER = timedelta(days=3)
SPOILT = "d"
"""Whom Cirrus refuses, whatever is tried."""


@dataclass(frozen=True)
class Arrival:
    """One message as it is published: an id for the accounts, and its bytes."""

    id: str
    body: bytes


@dataclass(frozen=True)
class Day:
    """Everything that is said, oldest first, and what holds in the end."""

    events: tuple[Json, ...]
    exams: dict[str, bool]
    bookings: dict[str, tuple[str, str] | None]
    away: frozenset[str]

    def wanted(self, exam: str) -> set[str] | None:
        """Return who should be on a schedule in the end, None where there should be no schedule."""
        if not self.exams.get(exam, False):
            return None
        seats = {booked[0] for booked in self.bookings.values() if booked is not None and booked[1] == exam}
        return {candidate(who) for who in seats - self.away - {SPOILT}}


def draw_day(chance: Random, now: datetime, length: int) -> Day:
    """Draw a day of so many statements."""
    sis = Sis(now)
    owners = {f"b{number}": chance.choice(PEOPLE) for number in range(BOOKINGS)}
    events: list[Json] = []
    exams: dict[str, bool] = {}
    bookings: dict[str, tuple[str, str] | None] = {}
    away: set[str] = set()
    for _ in range(length):
        exam, key = chance.choice(EXAMS), chance.choice(sorted(owners))
        who = owners[key]
        match chance.choice(["exam", "exam", "off", "book", "book", "book", "book", "cancel", "leave", "return"]):
            case "exam":
                minutes = chance.choice([90, 120])
                known = exam in exams
                kind = "exam.updated" if known else "exam.scheduled"
                events.append(sis.scheduled(exam, EXAM_AFTER, minutes=minutes, kind=kind))
                exams[exam] = True
            case "off" if exam in exams:
                events.append(sis.exam_cancelled(exam))
                exams[exam] = False
            case "book":
                events.append(sis.booked(key, exam, who))
                bookings[key] = (who, exam)
            case "cancel":
                events.append(sis.cancelled(key, exam, who))
                bookings[key] = None
            case "leave" if who != SPOILT:
                events.append(sis.withdrawn(who, ended=now))
                away.add(who)
            case "return" if who != SPOILT:
                events.append(sis.enrolled(who))
                away.discard(who)
            case _:
                pass
    return Day(tuple(events), exams, bookings, frozenset(away))


def arrivals(chance: Random, day: Day, *, repeats: int, poison: int) -> list[Arrival]:
    """Return the day in an order of its own, some of it twice, with some messages that nobody can read."""
    said = [Arrival(event["id"], orjson.dumps(event)) for event in day.events]
    again = [chance.choice(said) for _ in range(repeats)] if said else []
    bad = [Arrival(f"poison-{number}", b'{"specversion": ' + str(number).encode()) for number in range(poison)]
    mixed = [*said, *again, *bad]
    chance.shuffle(mixed)
    return mixed
