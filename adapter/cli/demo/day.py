"""The demo's day: read from data, and told as events whose ids and contents follow from one moment."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import orjson

from adapter.cli.demo.deeds import Deed, is_deed, read_deed
from adapter.cli.demo.phrases import ENDS_IN, SAYINGS, Campus, Saying
from adapter.domain.version import utc_text

BETWEEN = 0.02
"""Seconds between two events of one step."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the SIS: published so many seconds after the start.

    `running` where it is about the exam that is being sat: what comes of it depends on when it arrives.
    """

    at: float
    body: bytes
    type: str
    story: str | None = None
    """What a spectator is told as it is published."""
    running: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A part of the day; it begins at its second, when all that was said and done before has been worked off."""

    title: str
    begins: float
    said: tuple[Said, ...]
    deeds: tuple[Deed, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """All that is said and all that goes wrong, and what has to come of it.

    `faults` are orders for the sandbox, `mishaps` what a spectator is told when they strike. `webhook` is how Cirrus
    announces results, `found` what is told when a notice is missed, and `heard` maps types of outcomes to what is
    told with the first of them. `sittings` maps ids to names, `codes` ids of students to their ids in Cirrus.
    `bookings` are the ids of all bookings, `seats` the pairs of schedule and candidate, by their ids in Cirrus, that
    the SIS wants in the end.
    """

    acts: tuple[Act, ...]
    faults: tuple[Mapping[str, Any], ...]
    mishaps: tuple[str, ...]
    webhook: Mapping[str, Any]
    found: str
    heard: Mapping[str, str]
    sittings: Mapping[str, str]
    codes: Mapping[str, str]
    bookings: frozenset[str]
    seats: frozenset[tuple[str, str]]

    @property
    def said(self) -> tuple[Said, ...]:
        """Every message, in the order of the day."""
        return tuple(said for act in self.acts for said in act.said)

    @property
    def events(self) -> tuple[bytes, ...]:
        """The bodies that mean the same whenever they arrive, and in any order; without those of a running exam."""
        return tuple(said.body for said in self.said if not said.running)


@dataclass(frozen=True, slots=True)
class _Told:
    """A saying with when it is published, and when the SIS decided it, in seconds."""

    act: int
    at: float
    happened: float
    saying: Saying
    story: str | None


def load_day(now: datetime) -> Day:
    """Return the day as it goes when it begins `now`; equal moments give equal days."""
    data = tomllib.loads(files(__package__ or "adapter.cli.demo").joinpath("day.toml").read_text("utf-8"))
    campus = Campus.read(data, now)
    told = list(_told(data["acts"], campus))
    said = _written(told, data, now)
    acts = tuple(
        Act(
            title=act["title"],
            begins=float(act["begins"]),
            said=tuple(one for each, one in said if each.act == number),
            deeds=tuple(read_deed(campus, step, act["begins"]) for step in act["steps"] if is_deed(step)),
        )
        for number, act in enumerate(data["acts"])
    )
    bookings = {each.saying.subject: each for each in sorted(told, key=lambda each: each.happened) if _books(each)}
    left = {each.saying.subject for each in told if each.saying.type == "sis.student.withdrawn.v1"}
    return Day(
        acts=acts,
        faults=tuple({name: value for name, value in each.items() if name != "story"} for each in data["faults"]),
        mishaps=tuple(each["story"] for each in data["faults"]),
        webhook={name: value for name, value in data["webhook"].items() if name != "found"},
        found=data["webhook"]["found"],
        heard=data["heard"],
        sittings={sitting["id"]: sitting["name"] for sitting in data["sittings"]},
        codes={student["id"]: student["code"] for student in data["students"]},
        bookings=frozenset(bookings),
        seats=frozenset(_seats(bookings.values(), campus, left)),
    )


def _told(acts: Iterable[Mapping[str, Any]], campus: Campus) -> Iterator[_Told]:
    for number, act in enumerate(acts):
        for step in (step for step in act["steps"] if not is_deed(step)):
            at = act["begins"] + step["at"]
            happened = act["begins"] + step.get("happened", step["at"])
            for place, saying in enumerate(SAYINGS[step["does"]](campus, step)):
                later = place * BETWEEN
                yield _Told(number, at + later, happened + later, saying, step.get("story") if place == 0 else None)


def _written(told: list[_Told], data: Mapping[str, Any], now: datetime) -> list[tuple[_Told, Said]]:
    """Write the events, each with a sequence that counts what happened to its subject."""
    sequences: dict[int, int] = {}
    counted: Counter[str] = Counter()
    for index in sorted(range(len(told)), key=lambda index: (told[index].happened, index)):
        counted[told[index].saying.subject] += 1
        sequences[index] = counted[told[index].saying.subject]
    running = {sitting["id"] for sitting in data["sittings"] if ENDS_IN in sitting}
    envelopes: dict[str, dict[str, Any]] = {}
    written: list[tuple[_Told, Said]] = []
    for index, each in enumerate(told):
        saying = each.saying
        if saying.raw is not None:
            written.append((each, Said(each.at, saying.raw, "not readable", each.story)))
            continue
        if saying.repeats is not None:
            envelope = envelopes[saying.repeats] | ({"id": f"{saying.subject}/again"} if saying.as_new else {})
        else:
            envelope = {
                "specversion": "1.0",
                "id": f"{saying.subject}/{sequences[index]}",
                "source": data["source"],
                "type": saying.type,
                "subject": saying.subject,
                "time": utc_text(now + timedelta(seconds=each.happened)),
                "tenant": data["tenant"],
                "sequence": sequences[index],
                "datacontenttype": "application/json",
                "data": saying.data,
            }
            envelopes.setdefault(saying.subject, envelope)
        runs = saying.data.get("offeringId") in running
        written.append((each, Said(each.at, orjson.dumps(envelope), str(envelope["type"]), each.story, running=runs)))
    return written


def _books(each: _Told) -> bool:
    return "associationId" in each.saying.data


def _seats(last: Iterable[_Told], campus: Campus, left: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the seats that remain; what was last said of each booking counts."""
    for each in last:
        data = each.saying.data
        if data["state"] != "associated" or data["person"]["personId"] in left:
            continue
        student = campus.students[data["person"]["personId"]]
        if student.get("usable", True):
            yield data["offeringId"], student["code"]
