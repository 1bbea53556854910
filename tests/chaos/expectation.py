"""What has to be true in the end, as it follows from what the SIS said and the broker confirmed; pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.chaos.office import Nature, Said
from tests.scenarios.sis import Json, candidate

APPLIED = frozenset({"applied", "unchanged", "held"})
"""What the newest event about something may come to; what takes away is kept back first, and then carried out."""

OVERTAKEN = APPLIED | {"superseded"}
"""What any other may: the order of arrival is nobody's."""


@dataclass(frozen=True, slots=True)
class SeatWanted:
    """The booking stands: its candidate has a seat, and the SIS was told."""

    booking: str
    exam: str
    candidate: str


@dataclass(frozen=True, slots=True)
class SeatGone:
    """The booking does not stand: no seat is kept for it, or a person was asked to see to it; the SIS was told."""

    booking: str
    exam: str
    candidate: str


@dataclass(frozen=True, slots=True)
class ExamWanted:
    """The exam takes place; `title` is what its schedule has to be called, if there is one."""

    exam: str
    title: str


@dataclass(frozen=True, slots=True)
class ExamGone:
    """The exam was called off: it has no schedule, and the SIS was told."""

    exam: str


@dataclass(frozen=True, slots=True)
class PersonKnown:
    """Cirrus knows the student by this name, and the SIS was told."""

    who: str
    candidate: str
    surname: str


Wish = SeatWanted | SeatGone | ExamWanted | ExamGone | PersonKnown


@dataclass(frozen=True, slots=True)
class Expectation:
    """What follows from a list of messages; events are named by their ids.

    `kept` are events that must be in the ledger, with what may have become of them there; `wishes` are what the
    newest event about something wants. `buried` are bodies that must be dead letters, by the name of their message,
    with the reason; of each pair in `clashes` one is kept and one is buried.
    """

    kept: Mapping[str, frozenset[str]]
    wishes: Mapping[str, Wish]
    buried: Mapping[str, tuple[bytes, str]] = field(repr=False)
    clashes: Mapping[str, tuple[bytes, ...]] = field(repr=False)
    courses: Mapping[str, str]
    """The kind of each exam."""
    people: frozenset[str]
    """Ids of everybody the SIS ever spoke of, as Cirrus knows them."""

    def standing(self) -> frozenset[tuple[str, str]]:
        """Return every seat that has to be there: exam and candidate."""
        return frozenset((wish.exam, wish.candidate) for wish in self.wishes.values() if isinstance(wish, SeatWanted))


def expect(said: Iterable[Said]) -> Expectation:
    """Return what has to come of these messages, whatever their order and however often each arrives."""
    messages = list(said)
    sound = {message.name: message.event for message in messages if message.nature is Nature.SOUND}
    events = [event for event in sound.values() if event is not None]
    clashing = [message for message in messages if message.nature is Nature.CLASH]
    unique = {message.name: message.event for message in clashing if message.event is not None}
    newest = _newest([*events, *unique.values()])
    wishes = dict(_wishes(newest, events))
    return Expectation(
        kept={event["id"]: APPLIED if event["id"] in wishes else OVERTAKEN for event in (*events, *unique.values())},
        wishes=wishes,
        buried={m.name: (m.body, m.reason or "") for m in messages if m.nature is Nature.POISON},
        clashes={name: tuple(m.body for m in clashing if m.name == name) for name in unique},
        courses={subject: _course(event) for (kind, subject), event in newest.items() if kind == "timetable"},
        people=frozenset(_candidate_of(event) for event in (*events, *unique.values()) if "person" in event["data"]),
    )


def _newest(events: Iterable[Json]) -> dict[tuple[str, str], Json]:
    """Return the newest event about each thing: what decides is when it happened, not when it came."""
    newest: dict[tuple[str, str], Json] = {}
    for event in events:
        for subject in _subjects(event):
            held = newest.get(subject)
            if held is None or _time(event) > _time(held):
                newest[subject] = event
    return newest


def _subjects(event: Json) -> Iterator[tuple[str, str]]:
    match event["type"].removeprefix("sis.").removesuffix(".v1"):
        case "exam.scheduled" | "exam.updated":
            yield ("timetable", event["subject"])
            yield ("life", event["subject"])
        case "exam.cancelled":
            yield ("life", event["subject"])
        case "exam.booked" | "exam.rebooked" | "exam.booking-cancelled":
            yield ("booking", event["subject"])
        case "student.enrolled" | "student.updated":
            yield ("student", event["subject"])
    if "person" in event["data"]:
        yield ("person", event["data"]["person"]["personId"])


def _wishes(newest: Mapping[tuple[str, str], Json], events: Iterable[Json]) -> Iterator[tuple[str, Wish]]:
    called_off = {
        subject for (kind, subject), event in newest.items() if kind == "life" and "cancelled" in event["type"]
    }
    people = {event["data"]["person"]["personId"] for event in events if "person" in event["data"]}
    for (kind, subject), event in newest.items():
        match kind:
            case "booking":
                yield event["id"], _booking_wish(event, called_off)
            case "life" if subject in called_off:
                yield event["id"], ExamGone(subject)
            case "timetable" if subject not in called_off:
                yield event["id"], ExamWanted(subject, event["data"]["name"])
            case "student" if subject in people:
                surname = newest["person", subject]["data"]["person"]["surname"]
                yield event["id"], PersonKnown(subject, candidate(subject), surname)
            case _:
                pass


def _booking_wish(event: Json, called_off: set[str]) -> Wish:
    data = event["data"]
    who = data["personId"] if "personId" in data else data["person"]["personId"]
    stands = data["state"] == "associated" and data["offeringId"] not in called_off
    return (SeatWanted if stands else SeatGone)(event["subject"], data["offeringId"], candidate(who))


def _candidate_of(event: Json) -> str:
    return candidate(event["data"]["person"]["personId"])


def _course(event: Json) -> str:
    return str(event["data"]["component"]["primaryCode"]["code"])


def _time(event: Json) -> datetime:
    return datetime.fromisoformat(event["time"])
