"""A student information system that never rests: the next thing it says follows from a seed alone."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import orjson

from tests.scenarios.sis import DAY, HOUR, Json, Sis, person, text

TENANT = "uni.example"
AT_ONCE, DRAFT, SOON = "NOW", "DRAFT", "SOON"
COURSES = {AT_ONCE: 3 * DAY, DRAFT: 3 * DAY, SOON: 20 * HOUR}
"""Kinds of exams, by the code of their course, and how far ahead they are: published with its first candidates, kept
as a draft, and drafted but so near that it is activated as soon as it can be."""

OPEN_EXAMS = 8
"""Exams that are spoken of at one time: what is said of one meets in one aggregate."""

JUST_BEFORE = timedelta(microseconds=500)


class Nature(enum.Enum):
    """What is the matter with a message."""

    SOUND = "sound"
    REPEAT = "repeat"
    POISON = "poison"
    CLASH = "clash"
    """Its event id was used for something else: one of the two is kept, whichever comes first."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the SIS; `event` is None where nobody could read one, `reason` why it is to be buried."""

    name: str
    body: bytes = field(repr=False)
    nature: Nature
    event: Json | None = field(default=None, repr=False)
    reason: str | None = None


@dataclass(slots=True)
class _Booking:
    exam: str
    who: str
    live: bool


class Office:
    """The SIS's own books; every call of `speak` changes them and returns what has to be published."""

    def __init__(self, now: datetime, chance: Random) -> None:
        """Open with a first exam in the making; nothing it says lies in the future of `now`."""
        self._sis = Sis(now + HOUR, TENANT)
        self._chance = chance
        self._names: dict[str, str] = {}
        self._exams: dict[str, str] = {}
        self._open: list[str] = []
        self._bookings: dict[str, _Booking] = {}
        self._newest: dict[str, Json] = {}
        self._said = 0
        self._deeds: dict[Callable[[], list[Said]], int] = {
            self._schedule: 6,
            self._book: 40,
            self._cancel: 9,
            self._book_again: 4,
            self._move: 5,
            self._rename_exam: 4,
            self._call_off: 1,
            self._enrol: 4,
            self._rename_person: 9,
            self._repeat: 7,
            self._old_news: 6,
            self._poison: 4,
            self._clash: 1,
        }

    def speak(self) -> list[Said]:
        """Do one thing, and return what is said of it; nothing where there is nobody to do it to."""
        (deed,) = self._chance.choices(list(self._deeds), weights=list(self._deeds.values()))
        return deed()

    def _schedule(self) -> list[Said]:
        exam = self._new_exam()
        return [self._sound(self._timetable(exam))]

    def _new_exam(self) -> str:
        exam = f"x{len(self._exams)}"
        self._exams[exam] = self._chance.choice(list(COURSES))
        self._open = [*self._open, exam][-OPEN_EXAMS:]
        return exam

    def _timetable(self, exam: str, **fields: object) -> Json:
        course = self._exams[exam]
        return self._sis.scheduled(exam, COURSES[course], course=course, **fields)

    def _book(self) -> list[Said]:
        """Book somebody who was never booked on this exam; now and then before the exam itself is told."""
        early = not self._open or self._chance.random() < 0.06
        exam = self._new_exam() if early else self._chance.choice(self._open)
        booked = [
            self._sound(self._booked(f"b{len(self._bookings)}", exam, who))
            for who in self._somebody(exam, self._chance.randint(1, 4))
        ]
        return [*booked, self._sound(self._timetable(exam))] if early else booked

    def _somebody(self, exam: str, count: int) -> list[str]:
        met = {booking.who for booking in self._bookings.values() if booking.exam == exam}
        known = [who for who in self._names if who not in met]
        chosen = self._chance.sample(known, min(len(known), count // 2))
        return chosen + [self._new_person() for _ in range(count - len(chosen))]

    def _new_person(self) -> str:
        who = f"p{len(self._names)}"
        self._names[who] = "Born"
        return who

    def _person(self, who: str) -> Json:
        return person(who, surname=self._names[who])

    def _booked(self, booking: str, exam: str, who: str) -> Json:
        self._bookings[booking] = _Booking(exam, who, live=True)
        return self._sis.booked(booking, exam, who, person=self._person(who))

    def _cancel(self) -> list[Said]:
        booking = self._some_booking(live=True)
        if booking is None:
            return []
        held = self._bookings[booking]
        held.live = False
        return [self._sound(self._sis.cancelled(booking, held.exam, held.who))]

    def _book_again(self) -> list[Said]:
        """Let a cancelled booking stand again under its own id."""
        booking = self._some_booking(live=False)
        if booking is None:
            return []
        held = self._bookings[booking]
        return [self._sound(self._booked(booking, held.exam, held.who))]

    def _move(self) -> list[Said]:
        booking = self._some_booking(live=True)
        if booking is None:
            return []
        held = self._bookings[booking]
        met = {other.exam for other in self._bookings.values() if other.who == held.who}
        free = [exam for exam in self._open if exam not in met]
        if not free:
            return []
        previous, held.exam = held.exam, self._chance.choice(free)
        moved = self._sis.rebooked(booking, held.exam, held.who, previous=previous)
        moved["data"]["person"] = self._person(held.who)
        return [self._sound(moved)]

    def _some_booking(self, *, live: bool) -> str | None:
        """Choose among the bookings of exams that still take place."""
        found = [name for name, held in self._bookings.items() if held.live is live and held.exam in self._open]
        return self._chance.choice(found) if found else None

    def _rename_exam(self) -> list[Said]:
        """Change what only a draft can change: the title."""
        drafts = [exam for exam in self._open if self._exams[exam] == DRAFT]
        if not drafts:
            return []
        changed = self._timetable(self._chance.choice(drafts), kind="exam.updated", name=f"Title {self._said}")
        return [self._sound(changed)]

    def _call_off(self) -> list[Said]:
        if len(self._open) < OPEN_EXAMS:
            return []
        exam = self._chance.choice(self._open)
        self._open.remove(exam)
        return [self._sound(self._sis.exam_cancelled(exam))]

    def _enrol(self) -> list[Said]:
        who = self._new_person()
        return [self._sound(self._sis.enrolled(who, surname=self._names[who]))]

    def _rename_person(self) -> list[Said]:
        if not self._names:
            return []
        who = self._chance.choice(list(self._names))
        self._names[who] = f"Name {self._said}"
        return [self._sound(self._sis.updated(who, surname=self._names[who]))]

    def _repeat(self) -> list[Said]:
        """Say the newest of something once more: the same event, or the same news as a new event."""
        if not self._newest:
            return []
        event = self._newest[self._chance.choice(list(self._newest))]
        if self._chance.random() < 0.7:
            return [self._message(event["id"], orjson.dumps(event), Nature.REPEAT, event)]
        again = self._sis.again(event)
        if "person" in event["data"]:
            again["data"]["person"] = self._person(event["data"]["person"]["personId"])
        return [self._sound(again)]

    def _old_news(self) -> list[Said]:
        """Say something that was overtaken: an event of its own, older than the newest and no repetition of it."""
        names = [name for name, event in self._newest.items() if event["type"] == "sis.student.updated.v1"]
        bookings = [name for name, event in self._newest.items() if event["type"] == "sis.exam.booked.v1"]
        if not names or not bookings:
            return []
        if self._chance.random() < 0.5:
            newest = self._newest[self._chance.choice(names)]
            old = self._sis.updated(newest["subject"], surname=f"Old {self._said}")
        else:
            newest = self._newest[self._chance.choice(bookings)]
            data = newest["data"]
            old = self._sis.cancelled(newest["subject"], data["offeringId"], data["person"]["personId"])
        before = datetime.fromisoformat(newest["time"]) - JUST_BEFORE
        return [self._sound(old | {"time": text(before)}, newest=False)]

    def _poison(self) -> list[Said]:
        name = f"poison-{self._said}"
        unknown = self._sis.event("exam.dreamt-of", name, {})
        incomplete = self._sis.event("exam.scheduled", name, {"offeringId": name})
        body, reason = self._chance.choice(
            [
                (f"no JSON: {name}".encode(), "not-json"),
                (orjson.dumps(unknown), "unknown-type"),
                (orjson.dumps(incomplete), "bad-data"),
            ]
        )
        return [self._message(name, body, Nature.POISON, None, reason)]

    def _clash(self) -> list[Said]:
        """Use one event id for two things that nobody else speaks of."""
        one = self._sis.updated(f"clash-{self._said}", surname="One")
        other = one | {"time": text(datetime.fromisoformat(one["time"]) - JUST_BEFORE)}
        return [self._message(one["id"], orjson.dumps(each), Nature.CLASH, each) for each in (one, other)]

    def _sound(self, event: Json, *, newest: bool = True) -> Said:
        if newest:
            self._newest[f"{event['type'].split('.')[1]} {event['subject']}"] = event
        return self._message(event["id"], orjson.dumps(event), Nature.SOUND, event)

    def _message(
        self, name: str, body: bytes, nature: Nature, event: Json | None = None, reason: str | None = None
    ) -> Said:
        self._said += 1
        return Said(name, body, nature, event, reason)
