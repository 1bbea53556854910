"""The one signature of every handler: events in, what should be, the calls that make it so, what is said.

A handler is a value, not a subclass: three pure functions and the event types they understand. It does
no I/O, reads no clock and logs nothing. `handlers.ALL` is the table of contents.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel

from adapter.domain.answers import Receipt
from adapter.domain.envelope import Envelope
from adapter.domain.findings import Finding, Plan
from adapter.domain.mapping import IdMapping
from adapter.domain.notices import Notice
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Change

Translate = Callable[[Envelope, BaseModel, IdMapping], tuple[Change, ...]]
Planner = Callable[[Aggregate, datetime, Policy], Plan]
Report = Callable[[Aggregate, Receipt, Policy], tuple[Finding, ...]]
Hear = Callable[[Notice], Change]
Private = Callable[[Aggregate], frozenset[str]]


def nothing(_aggregate: Aggregate) -> frozenset[str]:
    """Know nothing private."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Handler:
    """All that the domain knows about one kind of object and what belongs to it.

    `kind` is the kind of the aggregate's root, `events` the event types with the shape of their data,
    `outcomes` the types it may say. `hear` is for the one kind that Cirrus itself tells of. `private` returns
    the texts of an aggregate that are masked where Cirrus quotes them: names, addresses, codes.
    """

    kind: str
    events: Mapping[str, type[BaseModel]]
    outcomes: tuple[str, ...]
    translate: Translate
    plan: Planner
    report: Report
    hear: Hear | None = None
    private: Private = nothing
