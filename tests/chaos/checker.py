"""The checker, in the manner of Jepsen: classes every event as settled, lost, duplicated or unexpected; pure."""

import enum
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from handlers import said
from handlers.sittings.tasks import LOST_LINK, REMOVE_CANDIDATE
from tests.chaos.expectation import (
    ExamGone,
    ExamWanted,
    Expectation,
    PersonKnown,
    SeatGone,
    SeatWanted,
    Wish,
)
from tests.chaos.facts import Facts
from tests.chaos.office import AT_ONCE
from tests.scenarios.sis import candidate, told_twice

LAST_WORDS = {
    "booking": (said.BOOKING_CONFIRMED, said.BOOKING_CANCELLED, said.BOOKING_REJECTED),
    "exam": (said.EXAM_CONFIRMED, said.EXAM_CANCELLED, said.EXAM_REJECTED),
    "candidate": (said.CANDIDATE_CONFIRMED, said.CANDIDATE_REJECTED),
}
"""Outcomes of which the newest about something says how it stands."""

CANDIDATE = candidate("")
"""What every candidate's id begins with."""

LEFT = "@"
"""Stands between a booking and the exam that it has left, where a seat is spoken of that is to be given up."""


class Class(enum.Enum):
    """What became of an event, the worst first."""

    LOST = "lost"
    DUPLICATED = "duplicated"
    UNEXPECTED = "unexpected"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be; `event` is None where it is nobody's."""

    what: Class
    why: str
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """How many events there are of each class, why, and what is a repeat and no duplicate."""

    classes: Counter[Class]
    findings: tuple[Finding, ...]
    repeats: int
    links_lost: int

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def judge(expected: Expectation, facts: Facts) -> Judgement:
    """Class every event by the worst that is found about it; what is found of no event counts for itself."""
    checker = _Checker(expected, facts)
    found = [*checker.of_events(), *checker.of_nobody()]
    order = list(Class)
    worst: dict[str, Class] = dict.fromkeys([*expected.kept, *expected.buried], Class.SETTLED)
    for finding in found:
        if finding.event is not None:
            worst[finding.event] = min(worst[finding.event], finding.what, key=order.index)
    classes = Counter(worst.values())
    classes.update(finding.what for finding in found if finding.event is None)
    return Judgement(
        classes=classes,
        findings=tuple(found),
        repeats=len(facts.told) - len({told.id for told in facts.told}),
        links_lost=sum(task.name == LOST_LINK for task in facts.ledger.tasks),
    )


@dataclass(frozen=True)
class _Checker:
    expected: Expectation
    facts: Facts

    def of_events(self) -> Iterator[Finding]:
        """Look at each event, and at what it wanted."""
        yield from self._kept()
        yield from self._buried()
        for event, wish in self.expected.wishes.items():
            for why in self._unfulfilled(wish):
                yield Finding(Class.LOST, f"{wish}: {why}", event)

    def _kept(self) -> Iterator[Finding]:
        for event, allowed in self.expected.kept.items():
            became = self.facts.ledger.kept.get(event)
            if became is None:
                yield Finding(Class.LOST, "it is not in the ledger", event)
            elif became not in allowed:
                yield Finding(Class.UNEXPECTED, f"it is {became} in the ledger", event)

    def _buried(self) -> Iterator[Finding]:
        for event, (body, reason) in self.expected.buried.items():
            reasons = {letter.reason for letter in self.facts.letters if letter.body == body}
            if not reasons:
                yield Finding(Class.LOST, "it is no dead letter", event)
            elif reasons != {reason}:
                yield Finding(Class.UNEXPECTED, f"it is a dead letter because of {reasons}", event)
        for event, bodies in self.expected.clashes.items():
            buried = {letter.body for letter in self.facts.letters} & set(bodies)
            if len(buried) != 1:
                yield Finding(Class.LOST, f"{len(buried)} of its two contents are dead letters", event)

    def _unfulfilled(self, wish: Wish) -> Iterator[str]:
        match wish:
            case SeatWanted():
                yield from self._seat_missing(wish)
            case SeatGone(booking=booking):
                asked = (REMOVE_CANDIDATE, booking) in self._tasks
                if self._last_word("booking", booking) != said.BOOKING_CANCELLED and not asked:
                    yield "the SIS was not told that the seat is gone, nor was anybody asked to take it away"
            case ExamWanted():
                yield from self._exam_missing(wish)
            case ExamGone(exam=exam):
                if exam in self.facts.schedules:
                    yield "its schedule is still there"
                yield from self._untold("exam", exam, said.EXAM_CANCELLED)
            case PersonKnown():
                known = self.facts.users.get(wish.candidate)
                if known != wish.surname:
                    yield f"Cirrus knows '{known}'"
                yield from self._untold("candidate", wish.who, said.CANDIDATE_CONFIRMED)
            case _ as never:
                assert_never(never)

    def _untold(self, family: str, subject: str, word: str) -> Iterator[str]:
        if self._last_word(family, subject) != word:
            yield f"the SIS was not told {word}"

    def _exam_missing(self, wish: ExamWanted) -> Iterator[str]:
        schedule = self.facts.schedules.get(wish.exam)
        if schedule is None:
            return  # nobody is booked on it: else their seats are missing
        if schedule.title != wish.title:
            yield f"its schedule is called '{schedule.title}'"
        yield from self._untold("exam", wish.exam, said.EXAM_CONFIRMED)

    def _seat_missing(self, wish: SeatWanted) -> Iterator[str]:
        schedule = self.facts.schedules.get(wish.exam)
        if schedule is None or wish.candidate not in schedule.seats:
            yield "there is no seat"
        yield from self._untold("booking", wish.booking, said.BOOKING_CONFIRMED)
        linked = (wish.exam, wish.candidate) in self._links or (LOST_LINK, wish.booking) in self._tasks
        if self.expected.courses[wish.exam] == AT_ONCE and not linked:
            yield "there is neither a launch link nor a task that says that it is lost"

    def of_nobody(self) -> Iterator[Finding]:
        """Look for what nobody has asked for, and for what was done twice."""
        yield from self._twice()
        yield from map(_unexpected, self._strays())

    def _twice(self) -> Iterator[Finding]:
        for exam, schedule in self.facts.schedules.items():
            for who, links in schedule.seats.items():
                if links > 1:
                    yield Finding(Class.DUPLICATED, f"{who} was added to {exam} {links} times")
        for what in told_twice(self.facts.told):
            yield Finding(Class.DUPLICATED, f"told under two ids: {what}")

    def _strays(self) -> Iterator[str]:
        expected, facts = self.expected, self.facts
        yield from (f"nobody sent event {name}" for name in facts.ledger.kept.keys() - expected.kept.keys())
        wanted_bodies = {body for body, _ in expected.buried.values()}
        wanted_bodies |= {body for bodies in expected.clashes.values() for body in bodies}
        for letter in facts.letters:
            if letter.body not in wanted_bodies:
                yield f"{letter.name} is a dead letter because of {letter.reason}"
        yield from self._stray_seats()
        yield from (f"nobody knows user {name}" for name in facts.users.keys() - expected.people)
        subjects = self._subjects
        for told in facts.told:
            if told.subject.partition(LEFT)[0] not in subjects:
                yield f"{told.type} is about {told.subject}"
        yield from facts.ledger.restless
        yield from facts.endings

    def _stray_seats(self) -> Iterator[str]:
        standing = self.expected.standing()
        for exam, schedule in self.facts.schedules.items():
            if exam not in self.expected.courses:
                yield f"nobody has scheduled {exam}"
            for who in schedule.seats:
                asked = schedule.activated and (exam, who) in self._to_be_removed
                if (exam, who) not in standing and not asked:
                    yield f"{who} has a seat in {exam} that nobody wants"

    def _last_word(self, family: str, subject: str) -> str | None:
        return self._said_last.get((family, subject))

    @cached_property
    def _said_last(self) -> dict[tuple[str, str], str]:
        """The newest word about each thing, for a reader who drops what has come before under the same id."""
        families = {kind: family for family, kinds in LAST_WORDS.items() for kind in kinds}
        heard: set[str] = set()
        last: dict[tuple[str, str], str] = {}
        for told in self.facts.told:
            if told.id not in heard and told.type in families:
                last[families[told.type], told.subject] = told.type
            heard.add(told.id)
        return last

    @cached_property
    def _tasks(self) -> frozenset[tuple[str, str]]:
        return frozenset((task.name, task.about) for task in self.facts.ledger.tasks)

    @cached_property
    def _links(self) -> frozenset[tuple[str, str]]:
        links = [told.data for told in self.facts.told if told.type == said.LAUNCH_LINK_ISSUED]
        return frozenset((data["offeringId"], candidate(data["personId"])) for data in links)

    @cached_property
    def _to_be_removed(self) -> frozenset[tuple[str, str]]:
        """Exam and candidate of every seat that a person was asked to take away."""
        texts = [(task.exam, task.text) for task in self.facts.ledger.tasks if task.name == REMOVE_CANDIDATE]
        return frozenset((exam, text.split()[2]) for exam, text in texts)

    @cached_property
    def _subjects(self) -> frozenset[str]:
        """Whatever an outcome may be about."""
        wishes = self.expected.wishes.values()
        bookings = {wish.booking for wish in wishes if isinstance(wish, SeatWanted | SeatGone)}
        people = {name.removeprefix(CANDIDATE) for name in self.expected.people}
        return frozenset(bookings | people | self.expected.courses.keys())


def _unexpected(why: str) -> Finding:
    return Finding(Class.UNEXPECTED, why)


def describe(findings: Iterable[Finding], most: int = 40) -> str:
    """Return the first findings, one a line."""
    lines = [f"{finding.what.value}: {finding.event or '-'}: {finding.why}" for finding in findings]
    return "\n".join([*lines[:most], *([f"... and {len(lines) - most} more"] if len(lines) > most else [])])
