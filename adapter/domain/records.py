"""Records: what should be and what is known to be, for one external thing; and aggregates of them.

A record is named by its `Ref` (kind and the SIS's object id) inside a tenant and carries the external
id by which Cirrus knows it. Every record has a `home`: the root of the aggregate it is converged with
(a booking's home is its sitting), and may be `about` another one (a booking is about a candidate). One that is about
another of its own kind is an alias of it.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from msgspec import field
from msgspec.structs import replace

from adapter.domain.verdict import Reason
from adapter.domain.version import Statement
from adapter.value import Value

CANDIDATE = "candidate"
SITTING = "sitting"
BOOKING = "booking"
DEPARTURE = "departure"
"""A seat that a booking still holds in a sitting it has moved away from."""

RESULT_LIST = "result-list"
"""What comes of a sitting: who sat it, and the results of everybody in its schedule."""
RESULT = "result"
"""What one candidate has achieved in one schedule."""

ERASED = "erased"
"""Somebody who was erased: the kind of what is left to do, under a name that leads back to nobody."""

KINDS = (CANDIDATE, SITTING, BOOKING, DEPARTURE, RESULT_LIST, RESULT)


class Ref(NamedTuple):
    """The name of a record inside its tenant: its kind and the SIS's id of the object.

    A tuple, because names are compared, sorted and looked up all the time.
    """

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


def list_ref(schedule_id: str) -> Ref:
    """Name the list of everybody's results in one schedule, by its id in Cirrus."""
    return Ref(RESULT_LIST, schedule_id)


def result_ref(schedule_id: str, candidate_id: str) -> Ref:
    """Name the result of one candidate in one schedule, by their ids in Cirrus; no external id has a slash."""
    return Ref(RESULT, f"{schedule_id}/{candidate_id}")


class Status(enum.StrEnum):
    """Where a record stands between what should be and what is; KNOWN was only mentioned so far."""

    KNOWN = "known"
    DUE = "due"
    WAITING = "waiting"
    MANUAL = "manual"
    REJECTED = "rejected"
    SETTLED = "settled"


class Wanting(Value, frozen=True):
    """What a waiting record waits for, and since when (ledger time)."""

    ref: Ref | None
    reason: str
    since: datetime


class Change(Value, frozen=True):
    """One statement about one record, as a handler read it from an event.

    `facet` names the part of the record it speaks of; each facet has a version guard of its own.
    A `mention` tells of something in passing (a booking carries its person): it creates or updates the
    record but is no reason of its own to call Cirrus. `ripples` asks that the homes of all records
    about this one look again.
    """

    ref: Ref
    facet: str
    statement: Statement
    external_id: str | None = None
    home: Ref | None = None
    about: Ref | None = None
    deadline: datetime | None = None
    mention: bool = False
    ripples: bool = False

    @property
    def said(self) -> Statement:
        """The statement as the record will have it."""
        return replace(self.statement, external_id=self.external_id)


class Record(Value, frozen=True):
    """One thing: what the SIS says it should be (`facets`) and what Cirrus is known to hold (`confirmed`)."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"confirmed"})

    ref: Ref
    home: Ref
    about: Ref | None = None
    external_id: str | None = None
    facets: Mapping[str, Statement] = field(default_factory=dict[str, Statement])
    confirmed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    revision: int = 0
    status: Status = Status.DUE
    wanting: Wanting | None = None
    cause: str | None = None
    deadline: datetime | None = None
    reason: Reason | None = None
    rival: str | None = None
    """Key of another record of this kind that holds the same external id and came first."""

    @property
    def open(self) -> bool:
        """Whether something is still to be done or decided."""
        return self.status in (Status.DUE, Status.WAITING)

    def data(self, facet: str) -> Mapping[str, Any] | None:
        """Return what was said of one facet, None when nobody has said anything."""
        statement = self.facets.get(facet)
        return None if statement is None else statement.data


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A manual task that has been raised and not yet been closed."""

    id: str
    ref: Ref
    name: str


class Aggregate(Value, frozen=True):
    """Everything a plan for one root may look at, as of one moment.

    `members` have their home here: all of them when `complete`, else those that are open and those about
    the same candidates. `related` holds what the members are about; for a candidate, its bookings and
    their sittings; for a list of results, whose members are all here, who was booked, when `complete`.
    """

    tenant: str
    ref: Ref
    root: Record | None
    members: tuple[Record, ...] = ()
    related: Mapping[Ref, Record] = field(default_factory=dict[Ref, Record])
    tasks: tuple[OpenTask, ...] = ()
    unsure: bool = False
    """An earlier attempt ended without an answer: nothing is sent before Cirrus has been read."""
    complete: bool = True
    attempt: int = 0
