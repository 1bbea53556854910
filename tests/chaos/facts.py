"""What is found when everything has come to rest: in the ledger, in the queues, in Cirrus and of the workers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from adapter.broker import Delivery
from adapter.broker.dead_letters import ORIGINAL_MESSAGE_ID, REASON
from adapter.ledger.schema import messages, outbox, records, tasks, work
from tests.scenarios.sis import Heard

AT_REST_ALL_THE_SAME = "its first booking"
"""What an exam waits for that nobody has booked; it may wait for that as long as it likes."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in the dead-letter queue: the name it had, and why it is there; a broker's own has no reason."""

    name: str
    reason: str | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Task:
    """One task that is open: of which kind, about what, in which exam."""

    name: str
    about: str
    exam: str
    text: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule in Cirrus; `seats` says for each candidate how often a launch link was made."""

    title: str
    activated: bool
    seats: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What the ledger holds: `kept` says what became of each event, `restless` what is not decided yet."""

    kept: Mapping[str, str]
    tasks: tuple[Task, ...]
    restless: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is judged."""

    ledger: LedgerFacts
    letters: tuple[Letter, ...]
    told: tuple[Heard, ...]
    schedules: Mapping[str, Schedule]
    users: Mapping[str, str | None]
    """Surname by external id."""
    endings: tuple[str, ...]
    """How workers ended that nobody had ended."""

    def as_json(self) -> str:
        """Return all of it, to be looked at; bodies are shortened."""
        return json.dumps(asdict(self), indent=1, default=lambda value: repr(value)[:200])


def read_ledger(engine: sa.Engine) -> LedgerFacts:
    """Read what the ledger holds, as of one moment."""
    with engine.connect() as connection:
        return LedgerFacts(
            kept={row.id: row.outcome for row in connection.execute(sa.select(messages.c.id, messages.c.outcome))},
            tasks=tuple(
                Task(row.name, row.key, row.home_key, row.text)
                for row in connection.execute(sa.select(tasks).where(tasks.c.closed_at.is_(None)))
            ),
            restless=tuple(_restless(connection)),
        )


def _restless(connection: sa.Connection) -> Iterable[str]:
    open_records = sa.select(records.c.kind, records.c.key, records.c.status, records.c.wanting_reason)
    for row in connection.execute(open_records.where(records.c.status.in_(("due", "waiting")))):
        if row.status == "due" or row.wanting_reason != AT_REST_ALL_THE_SAME:
            yield f"{row.kind} {row.key} is {row.status}: {row.wanting_reason}"
    for row in connection.execute(sa.select(outbox.c.type, outbox.c.subject).where(outbox.c.published_at.is_(None))):
        yield f"{row.type} about {row.subject} is not published"
    for row in connection.execute(sa.select(work.c.kind, work.c.key).where(work.c.lease_by.is_not(None))):
        yield f"{row.kind} {row.key} is leased"


def read_letters(deliveries: Iterable[Delivery]) -> tuple[Letter, ...]:
    """Read the dead-letter queue."""
    return tuple(
        Letter(
            str(delivery.headers.get(ORIGINAL_MESSAGE_ID, delivery.properties.get("message_id"))),
            str(delivery.headers[REASON]) if REASON in delivery.headers else None,
            delivery.body,
        )
        for delivery in deliveries
    )


def read_told(deliveries: Iterable[Delivery]) -> tuple[Heard, ...]:
    """Read the queue of the outcomes."""
    events = [json.loads(delivery.body) for delivery in deliveries]
    return tuple(Heard(e["id"], e["type"], e["subject"], e.get("causationid"), e["data"]) for e in events)


def read_cirrus(tenant: Mapping[str, Any]) -> tuple[dict[str, Schedule], dict[str, str | None]]:
    """Read one tenant of the sandbox's state: its schedules, and its users' surnames."""
    schedules = {
        name: Schedule(
            shown["title"],
            shown["is_activated"],
            {candidate: len(seat["links"]) for candidate, seat in shown["seats"].items()},
        )
        for name, shown in tenant["schedules"].items()
    }
    users = {name: shown["profile"].get("LastName") for name, shown in tenant["users"].items()}
    return schedules, users
