"""The season that every contestant gets: sittings of an exam and bookings of them, the same for the same seed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from random import Random

import orjson

TENANT = "uni.example"
SCHEDULED = "sis.exam.scheduled.v1"
BOOKED = "sis.exam.booked.v1"
BOOKINGS_PER_STUDENT = 4
URGENT = 900_000
"""The number of the first urgent exam, and of the first student who is late: beyond every season's."""
URGENT_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Season:
    """The events in the order of their publication, and the seats that have to come of them.

    `exams` come first, as they do in life; `bookings` are interleaved at random over all sittings. `seats` holds
    the external ids of schedule and candidate; `associations` the ids of the bookings.
    """

    exams: tuple[bytes, ...]
    bookings: tuple[bytes, ...]
    seats: frozenset[tuple[str, str]]
    associations: frozenset[str]

    @property
    def events(self) -> tuple[bytes, ...]:
        """All events in the order of their publication."""
        return (*self.exams, *self.bookings)

    def least_calls(self, batch: int) -> int:
        """Return the fewest calls that can seat everybody, `batch` candidates in each."""
        sizes: dict[str, int] = {}
        for sitting, _ in self.seats:
            sizes[sitting] = sizes.get(sitting, 0) + 1
        return sum(-(-size // batch) for size in sizes.values())


@dataclass(frozen=True, slots=True)
class Urgent:
    """An exam that starts in minutes, and the one booking of it."""

    exam: bytes
    booking: bytes
    booking_id: str
    event_id: str


def make_urgent(number: int, *, now: datetime) -> Urgent:
    """Return an exam that no season has, which starts in ten minutes, and a booking of it."""
    sitting, student = URGENT + number, URGENT + number
    start = now + timedelta(minutes=URGENT_MINUTES)
    booking = _association(student, sitting)
    return Urgent(
        exam=_scheduled(sitting, now, start),
        booking=_booked(student, sitting, now),
        booking_id=booking,
        event_id=_event_id(BOOKED, booking),
    )


def make_season(bookings: int, sittings: int, *, seed: int, now: datetime) -> Season:
    """Return a season with `bookings` spread evenly over `sittings`; a student has a few, each in another sitting."""
    chance = Random(seed)
    each = min(BOOKINGS_PER_STUDENT, sittings)
    pairs = [
        (number // each, sitting) for number, sitting in zip(range(bookings), cycle(range(sittings)), strict=False)
    ]
    exams = [_scheduled(sitting, now, _some_morning(now, chance)) for sitting in range(sittings)]
    booked = [
        _booked(student, sitting, now - timedelta(seconds=chance.randint(60, 3600))) for student, sitting in pairs
    ]
    chance.shuffle(exams)
    chance.shuffle(booked)
    return Season(
        exams=tuple(exams),
        bookings=tuple(booked),
        seats=frozenset((_offering(sitting), _code(student)) for student, sitting in pairs),
        associations=frozenset(_association(student, sitting) for student, sitting in pairs),
    )


def _some_morning(now: datetime, chance: Random) -> datetime:
    return (now + timedelta(days=chance.randint(7, 28))).replace(hour=9, minute=0, second=0, microsecond=0)


def _scheduled(sitting: int, now: datetime, start: datetime) -> bytes:
    code = f"COURSE{sitting:04}"
    return _event(
        SCHEDULED,
        _offering(sitting),
        now - timedelta(days=1),
        {
            "offeringId": _offering(sitting),
            "primaryCode": {"codeType": "offeringCode", "code": f"{code}-1"},
            "name": f"Written exam of course {sitting}",
            "component": {
                "componentId": f"component-{sitting}",
                "primaryCode": {"codeType": "component", "code": code},
            },
            "startDateTime": start.isoformat(),
            "endDateTime": (start + timedelta(hours=4)).isoformat(),
            "duration": 120,
        },
    )


def _booked(student: int, sitting: int, time: datetime) -> bytes:
    return _event(
        BOOKED,
        _association(student, sitting),
        time,
        {
            "associationId": _association(student, sitting),
            "offeringId": _offering(sitting),
            "person": _person(student),
            "state": "associated",
            "attempt": 1,
        },
    )


def _person(student: int) -> dict[str, object]:
    return {
        "personId": f"person-{student:06}",
        "primaryCode": {"codeType": "studentNumber", "code": _code(student)},
        "givenName": f"Given{student}",
        "surnamePrefix": "van der",
        "surname": f"Surname{student}",
        "mail": f"{_code(student).lower()}@student.uni.example",
        "languageOfChoice": ["nl-NL"],
        "otherCodes": [{"codeType": "eduID", "code": f"edu{student:08}"}],
    }


def _event(kind: str, subject: str, time: datetime, data: dict[str, object]) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": _event_id(kind, subject),
            "source": "https://sis.uni.example/events",
            "type": kind,
            "subject": subject,
            "time": time.astimezone(UTC).isoformat(),
            "tenant": TENANT,
            "sequence": 1,
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def _event_id(kind: str, subject: str) -> str:
    return f"event-{kind}-{subject}"


def _offering(sitting: int) -> str:
    return f"sitting-{sitting:04}"


def _code(student: int) -> str:
    return f"S{student:07}"


def _association(student: int, sitting: int) -> str:
    return f"booking-{student:06}-{sitting:04}"
