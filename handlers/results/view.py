"""A list of results as the plan sees it: who was booked, who sat, what has been told and what is still to be read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, SITTING, Aggregate, Record, result_ref
from adapter.domain.version import Statement, utc_time
from adapter.value import Value
from handlers.people import person_id
from handlers.results.hear import EXAM, NOTICE
from handlers.sittings.seats import stands
from handlers.sittings.translate import SEAT
from handlers.sittings.view import SittingView, holds_seat

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Booked:
    """One booking of the sitting; `stands` unless the SIS has cancelled it, its exam, or its student has left."""

    record: Record
    candidate: Record | None
    stands: bool

    @property
    def candidate_id(self) -> str | None:
        """CandidateExtId."""
        return self.candidate.external_id if self.candidate is not None else None

    @property
    def person_id(self) -> str | None:
        """The SIS's id of the person: of the survivor, where this one was merged into another."""
        about = self.record.about
        return person_id(self.candidate) or (about.key if about is not None else None)

    @property
    def attempt(self) -> int:
        """The number that the SIS gives this attempt of its student."""
        return int((self.record.data(SEAT) or NOTHING).get("attempt") or 1)

    @property
    def attempt_id(self) -> str | None:
        """AttemptExtId."""
        return (self.record.data(SEAT) or NOTHING).get("attempt_id")


class Reading(Value, frozen=True):
    """How far the reading of a result has come, for one notice: which it was, when, and how often in vain.

    `same` counts readings in a row that showed nothing new, `failed` those that got no answer.
    """

    notice: str
    at: datetime
    done: bool = False
    empty: int = 0
    same: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """A result that was said to be there and has not been read since; `facet` is where that was said."""

    member: Record
    facet: str
    said: Statement

    @property
    def attempt_id(self) -> str | None:
        """The attempt that was named."""
        return self.said.data.get("attempt")

    @property
    def reading(self) -> Reading | None:
        """How far the reading has come."""
        return reading_of(self.member, self.facet)


def reading_of(member: Record, facet: str) -> Reading | None:
    """Return what the record holds of earlier readings."""
    held: dict[str, Any] | None = member.confirmed.get("readings", NOTHING).get(facet)
    if held is None:
        return None
    return Reading(held["notice"], utc_time(held["at"]), held["done"], held["empty"], held["same"], held["failed"])


def was_announced(member: Record) -> bool:
    """Tell whether anybody has ever said that this result is there."""
    return any(facet.partition(":")[0] == NOTICE for facet in member.facets)


def wishes_of(member: Record) -> Iterator[Wish]:
    """Yield what of one result is still to be read."""
    for facet, said in member.facets.items():
        if facet.partition(":")[0] != NOTICE:
            continue
        reading = reading_of(member, facet)
        if reading is None or reading.notice != said.version.event_id or not reading.done:
            yield Wish(member, facet, said)


@dataclass(frozen=True, slots=True)
class ResultList:
    """Everything about the results of one schedule; `sitting` and `end` are None where the SIS has told of none."""

    schedule_id: str
    root: Record | None
    sitting: SittingView | None
    end: datetime | None
    bookings: Mapping[str, tuple[Booked, ...]]
    results: Mapping[str, Record]
    absent: frozenset[str] = field(default=frozenset())
    attended: bool = False

    @classmethod
    def of(cls, aggregate: Aggregate, policy: Policy) -> "ResultList":
        """Return the view of an aggregate."""
        root = aggregate.root
        sitting = SittingView.of(next((each for ref, each in aggregate.related.items() if ref.kind == SITTING), None))
        known = root.confirmed if root is not None else NOTHING
        return cls(
            schedule_id=aggregate.ref.key,
            root=root,
            sitting=sitting,
            end=end_of(root),
            bookings=_by_candidate(_bookings(aggregate, sitting, policy)),
            results={candidate_of(member): member for member in aggregate.members},
            absent=frozenset(known.get("absent", ())),
            attended="attendance_at" in known,
        )

    @property
    def heard_at(self) -> datetime | None:
        """When the newest first result was read that was announced: others that are missing may have been lost."""
        at = self.root.confirmed.get("heard_at") if self.root is not None else None
        return None if at is None else utc_time(at)

    @property
    def expected(self) -> tuple[Booked, ...]:
        """Who should have a result some day: booked, seated, and not known to have stayed away."""
        return tuple(
            booked
            for candidate_id, bookings in sorted(self.bookings.items())
            for booked in bookings
            if booked.stands and holds_seat(booked.record) and candidate_id not in self.absent
        )

    @property
    def missing(self) -> tuple[Booked, ...]:
        """Whose result has not been told."""
        return tuple(booked for booked in self.expected if not self._told(booked))

    def _told(self, booked: Booked) -> bool:
        member = self.results.get(booked.candidate_id or "")
        return member is not None and booked.record.ref.key in told_bookings(member)


def end_of(root: Record | None) -> datetime | None:
    """Return when the exam of a list is over, None where the SIS has told of none."""
    exam = root.data(EXAM) if root is not None else None
    return utc_time(exam["end"]) if exam is not None else None


def first_record(view: ResultList, candidate_id: str) -> Record:
    """Return the record of a result that nobody has announced and a sweep has looked for."""
    assert view.root is not None, "only a list that is known is swept"
    return Record(ref=result_ref(view.schedule_id, candidate_id), home=view.root.ref)


def candidate_of(member: Record) -> str:
    """Return the candidate's id in the name of a result."""
    return member.ref.key.rpartition("/")[2]


def told_bookings(member: Record) -> frozenset[str]:
    """Return the bookings whose result was told."""
    told: Mapping[str, Mapping[str, Any]] = member.confirmed.get("told", NOTHING)
    return frozenset(one["booking"] for one in told.values() if one["booking"] is not None)


def _bookings(aggregate: Aggregate, sitting: SittingView | None, policy: Policy) -> Iterator[Booked]:
    for ref, record in aggregate.related.items():
        if ref.kind == BOOKING:
            candidate = aggregate.related.get(record.about) if record.about is not None else None
            yield Booked(record, candidate, sitting is not None and stands(record, candidate, sitting, policy))


def _by_candidate(bookings: Iterable[Booked]) -> Mapping[str, tuple[Booked, ...]]:
    found: dict[str, list[Booked]] = {}
    for booked in sorted(bookings, key=lambda booked: (booked.attempt, booked.record.ref)):
        if booked.candidate_id is not None:
            found.setdefault(booked.candidate_id, []).append(booked)
    return {candidate_id: tuple(each) for candidate_id, each in found.items()}
