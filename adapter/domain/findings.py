"""Findings: what a plan or a report established about one record; and plans made of steps and findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from adapter.domain.outcomes import Outcome, derived_id
from adapter.domain.records import Record, Ref
from adapter.domain.steps import Step
from adapter.domain.verdict import Reason
from adapter.value import Value


@dataclass(frozen=True, slots=True)
class Settled:
    """The record is as it should be; nothing is due."""


@dataclass(frozen=True, slots=True)
class Dismissed:
    """Cirrus or a rule of ours says no for good; a newer event may change that."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Waits:
    """The record waits for another one, or for a moment.

    With `demand`, the other record is asked to be brought into Cirrus on its own account.
    """

    ref: Ref | None
    reason: str
    demand: bool = False


@dataclass(frozen=True, slots=True)
class Handed:
    """A person has to act; the record is settled when a read-back sees it done."""


@dataclass(frozen=True, slots=True)
class Continues:
    """Something was learnt; the record stands as it stood, and one that waits is looked at in that light."""


@dataclass(frozen=True, slots=True)
class Erases:
    """Cirrus no longer has the person; all that is known of the person is to be erased, and then `proof` to be told.

    `names` are the texts by which a message may name the person, in ids and mail addresses. `task` is what is left for
    a person to do; it is kept without the person's record.
    """

    proof: Outcome
    names: tuple[str, ...] = field(repr=False)
    task: "Task | None" = None


State = Settled | Dismissed | Waits | Handed | Continues | Erases


@dataclass(frozen=True, slots=True)
class Task:
    """Something only a person can do in Cirrus, with exact steps.

    `name` is the kind of task; a record has at most one open task of a kind. `answers` tells two tasks of
    the same kind apart over time (the version that asked for it); `named_after` are the other records whose
    versions that names.
    """

    ref: Ref
    name: str
    answers: str
    text: str
    steps: tuple[str, ...]
    deadline: datetime | None = None
    named_after: tuple[Ref, ...] = ()

    def id(self, tenant: str) -> str:
        """Return the id of the task: the same as long as the same version asks for it."""
        return str(derived_id(tenant, "task", str(self.ref), self.name, self.answers))


@dataclass(frozen=True, slots=True)
class Document:
    """Something personal to be kept for people to look at, sealed: version `version` of what `part` of a record was."""

    part: str
    version: int
    event_id: str | None
    content: Mapping[str, Any] = field(repr=False)


class Finding(Value, frozen=True):
    """What is known of one record now.

    `confirmed` replaces what was known of it in Cirrus, None leaves it. `note` goes to the journal: short,
    without personal data. Outcomes that were already said are dropped by their id; `named_after` are the other
    records by whose version they are named. `first` is the record as it is to be made where nobody has spoken
    of it before.
    """

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"confirmed"})

    ref: Ref
    state: State
    confirmed: Mapping[str, Any] | None = None
    outcomes: tuple[Outcome, ...] = ()
    named_after: tuple[Ref, ...] = ()
    tasks: tuple[Task, ...] = ()
    closes: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    first: Record | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The fewest calls that bring Cirrus closer, what needs no call, and when to look again.

    Steps run in order until one is not confirmed; then the plan is made anew from what is known. A plan that is
    `whole` is only good for a complete aggregate: of any other, it is made anew with all members.
    """

    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    look_again: datetime | None = None
    whole: bool = False
