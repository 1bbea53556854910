"""A whole world for one scenario: RabbitMQ, PostgreSQL, the sandbox and the adapter between them, at short timings."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Self, TypeVar

import orjson
import requests
import sqlalchemy as sa
from kombu import Connection
from prometheus_client.parser import text_string_to_metric_families

import handlers
from adapter.app import build, open_ledger
from adapter.broker import Consumer, Delivery, Message, Published, Publisher
from adapter.cirrus.sandbox import SandboxControl, SandboxServer
from adapter.flow.process import App
from adapter.ledger.history import History, TaskRow
from adapter.ledger.ledger import Ledger
from adapter.ledger.schema import messages, metadata, outbox, removals, work
from adapter.settings import Settings
from tests.scenarios.sis import Json, Sis

PATIENCE = 20.0
POLL = 0.02
OUTCOMES = "sis.outcomes"
DEAD = "cirrus-adapter.dead"
INTAKE = "cirrus-adapter.intake"
URGENT = "cirrus-adapter.urgent"
HIERARCHY = "ROOT"
PATH_SECRET = "0123456789-path-secret"
QUIET = 0.6
"""Seconds in which nothing may become due, for calm: longer than the linger."""

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """One event as the SIS receives it."""

    id: str
    type: str
    subject: str
    tenant: str
    cause: str | None
    data: Mapping[str, Any]
    routing_key: str


@dataclass(frozen=True)
class Raw:
    """A message that no `Sis` would send."""

    body: bytes
    routing_key: str = "uni.example.raw"
    headers: Mapping[str, object] = field(default_factory=dict)
    content_encoding: str | None = None
    id: str = "raw"


class World:
    """One running installation; used as a context manager, everything in it ends with the block."""

    def __init__(self, settings: Settings, sandbox: SandboxServer, engine: sa.Engine, sis: Sis) -> None:
        """Prepare; the adapter runs from `start` on."""
        self.settings = settings
        self.sis = sis
        self.server = sandbox
        self.cirrus: SandboxControl = sandbox.control
        self.app: App | None = None
        self._engine = engine
        self._url = settings.broker.read_url()
        self._said: set[str] = set()
        self._outcomes: list[Outcome] = []
        self._dead: list[Delivery] = []
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._publisher = Publisher(self._url)
        self._closing.callback(self._publisher.close)
        self.ledger: Ledger = open_ledger(self.settings)
        self._closing.callback(self.ledger.close)
        self._closing.callback(self._engine.dispose)
        self._inbox = self._consumer(OUTCOMES)
        self._morgue = self._consumer(DEAD)
        self._closing.callback(self.stop)
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.close()

    def _consumer(self, queue: str) -> Consumer:
        consumer = Consumer(
            self._url, queue, heartbeat=60, jitter=lambda: 0.0, on_state=lambda _connected: None, stop=Event()
        )
        self._closing.callback(consumer.close)
        return consumer

    def start(self) -> Self:
        """Start the adapter: in this process, but through the real composition root."""
        assert self.app is None
        self.app = build(self.settings, handlers.ALL)
        self.app.start()
        return self

    def stop(self) -> bool:
        """Stop the adapter in order; tell whether it finished what was under way."""
        app, self.app = self.app, None
        return app.stop() if app is not None else True

    def webhook_url(self, tenant: str = "uni") -> str:
        """Return the Payload URL that an administrator of Cirrus enters."""
        return f"http://127.0.0.1:{self.settings.webhook.port}/webhook/{tenant}/{PATH_SECRET}"

    def connect_webhook(self, tenant: str = "uni", **options: Any) -> None:  # noqa: ANN401 - JSON
        """Have the tenant's Cirrus announce results to the adapter; retries come a hundred times as fast."""
        self.cirrus.webhook(self.webhook_url(tenant), tenant=tenant, **{"time_scale": 0.01, **options})

    def readings(self, tenant: str = "uni") -> list[Json]:
        """Return the calls that read results."""
        return self.calls("GET /results", tenant)

    # What the SIS says

    def say(self, *events: Json | Raw, exchange: str = "sis.events") -> None:
        """Publish events and return when the broker has them all."""
        waiting = [_message(event, exchange) for event in events]
        self._said |= {event["id"] for event in events if isinstance(event, dict)}
        deadline = time.monotonic() + PATIENCE
        while waiting:
            receipts = self._publisher.publish(waiting)
            waiting = [m for m, receipt in zip(waiting, receipts, strict=True) if not isinstance(receipt, Published)]
            assert time.monotonic() < deadline, f"the broker does not take events: {receipts[:3]}"

    # What the SIS hears

    def outcomes(self, kind: str | None = None, subject: str | None = None) -> list[Outcome]:
        """Return what was published so far, oldest first; `kind` is the type without `cirrus.` and `.v1`."""
        for delivery in self._receive(self._inbox):
            event = orjson.loads(delivery.body)
            self._outcomes.append(
                Outcome(
                    event["id"],
                    event["type"].removeprefix("cirrus.").removesuffix(".v1"),
                    event["subject"],
                    event["tenant"],
                    event.get("causationid"),
                    event["data"],
                    delivery.routing_key,
                )
            )
        return [
            outcome for outcome in self._outcomes if kind in (None, outcome.type) and subject in (None, outcome.subject)
        ]

    def heard(self, kind: str, subject: str, *, patience: float = PATIENCE, count: int = 1) -> Outcome:
        """Wait for an outcome and return it; with `count`, wait for as many of them and return the last."""
        self.until(lambda: len(self.outcomes(kind, subject)) >= count, f"{kind} of {subject}", patience=patience)
        return self.outcomes(kind, subject)[-1]

    def types(self) -> Counter[str]:
        """Count what the SIS heard, each event once."""
        return Counter({outcome.id: outcome.type for outcome in self.outcomes()}.values())

    def dead_letters(self, count: int) -> list[Delivery]:
        """Wait for so many dead letters and return all there are."""

        def enough() -> bool:
            self._dead += self._receive(self._morgue)
            return len(self._dead) >= count

        self.until(enough, f"{count} dead letters")
        return self._dead

    @staticmethod
    def _receive(consumer: Consumer) -> list[Delivery]:
        received: list[Delivery] = []
        while batch := consumer.receive(500, POLL, 0.0):
            consumer.settle(batch)
            received += batch
        return received

    # What Cirrus holds and was asked

    def schedules(self, tenant: str = "uni") -> dict[str, Json]:
        """Return the schedules in Cirrus by external id."""
        return self.cirrus.state()["tenants"][tenant]["schedules"]

    def seats(self, schedule: str, tenant: str = "uni") -> set[str]:
        """Return whom Cirrus has on a schedule."""
        held = self.schedules(tenant).get(schedule)
        return set(held["seats"]) if held is not None else set()

    def profile(self, candidate: str, tenant: str = "uni") -> Json:
        """Return the profile of a candidate in Cirrus."""
        return self.cirrus.state()["tenants"][tenant]["users"][candidate]["profile"]

    def make_hierarchy(self) -> None:
        """Make the tenants' default hierarchy, which a draft needs: an administrator of Cirrus has done so long ago."""
        for token in self.server.options.tokens:
            headers = {"Authorization": f"EAPI {token}"}
            body = {"ExternalId": HIERARCHY, "Title": HIERARCHY}
            requests.post(f"{self.server.api_url}/groups", json=body, headers=headers, timeout=5).raise_for_status()

    def calls(self, operation: str = "", tenant: str = "uni") -> list[Json]:
        """Return the calls that a tenant's Cirrus received, oldest first, with `sent`: the JSON body."""
        found = [call for call in self.cirrus.calls(bodies=True) if call["tenant"] == tenant]
        return [
            call | {"sent": orjson.loads(call["body"]) if call["body"] else None}
            for call in found
            if call["operation"].startswith(operation)
        ]

    # What the ledger knows

    def tasks(self, name: str | None = None) -> list[TaskRow]:
        """Return the tasks that are open."""
        return [task for task in self.ledger.tasks() if name in (None, task.name)]

    def explain(self, external_id: str) -> History:
        """Return all that is known of an id that only one object has."""
        (history,) = self.ledger.explain(external_id)
        return history

    def stored(self) -> set[str]:
        """Return the ids of the events that are in the ledger."""
        return set(self._column(sa.select(messages.c.id)))

    def rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """Return what the ledger's tables hold."""
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    # What operators see

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        assert self.app is not None
        page = requests.get(f"http://127.0.0.1:{self.app.ops_port}/metrics", timeout=5).text
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        return sum(
            sample.value
            for sample in samples
            if sample.name == f"cirrus_adapter_{name}" and labels.items() <= sample.labels.items()
        )

    # Waiting

    def until(self, condition: Callable[[], object], what: str, *, patience: float = PATIENCE) -> None:
        """Return when `condition` holds; fail with what there is to know after `patience` seconds."""
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {patience:g} s; {self._summary()}"
            time.sleep(POLL)

    def settle(self, *, patience: float = PATIENCE, quiet: float = QUIET) -> None:
        """Wait until all that was said is stored, and nothing is under way, unpublished, or due within `quiet`."""
        self.until(lambda: self._is_calm(quiet), "calm", patience=patience)

    def _is_calm(self, quiet: float) -> bool:
        if not self._said - self._buried() <= self.stored():
            return False
        soon = sa.func.clock_timestamp() + sa.text(f"interval '{quiet} seconds'")
        busy = sa.select(work.c.key).where(sa.or_(work.c.due_at <= soon, work.c.lease_by.is_not(None))).limit(1)
        kept = sa.select(removals.c.key).where(removals.c.state.in_(("pending", "approved"))).limit(1)
        told = set(self._column(sa.select(outbox.c.id)))
        heard = {outcome.id for outcome in self.outcomes()}
        unread = self.unread(INTAKE) + self.unread(URGENT)
        return not self._column(kept) and not self._column(busy) and told <= heard and unread == 0

    def _buried(self) -> set[str]:
        self._dead += self._receive(self._morgue)
        return {str(delivery.properties.get("correlation_id")) for delivery in self._dead}

    def unread(self, queue: str) -> int:
        """Return how many messages a queue holds that were handed to nobody."""
        with Connection(self._url) as broker, broker.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)

    def letters(self) -> list[bytes]:
        """Return the bodies of all dead letters, and leave them where they are."""
        with Connection(self._url) as broker, broker.channel() as channel:
            found: list[bytes] = []
            while (letter := channel.basic_get(DEAD)) is not None:
                found.append(letter.body if isinstance(letter.body, bytes) else letter.body.encode())
            return found

    def tables(self) -> dict[str, str]:
        """Return all that stands in each table of the ledger, as text."""
        with self._engine.connect() as connection:
            return {
                name: "\n".join(_shown(value) for row in connection.execute(sa.select(table)) for value in row)
                for name, table in metadata.tables.items()
            }

    def _column(self, query: sa.Select[Any]) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query).scalars().all()

    def _summary(self) -> str:
        open_tasks = [(task.name, str(task.about)) for task in self.tasks()]
        counts = self.cirrus.tally()
        return f"heard {dict(self.types())}, called {counts['operations']} {counts['statuses']}, tasks {open_tasks}"


def _shown(value: object) -> str:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def _message(event: Json | Raw, exchange: str) -> Message:
    if isinstance(event, Raw):
        return Message(
            id=event.id,
            exchange=exchange,
            routing_key=event.routing_key,
            body=event.body,
            headers=event.headers,
            content_type="application/cloudevents+json",
            content_encoding=event.content_encoding,
            correlation_id=event.id,
        )
    return Message(
        id=event["id"],
        exchange=exchange,
        routing_key=f"{event['tenant']}.{event['type']}",
        body=orjson.dumps(event),
        headers={},
        content_type="application/cloudevents+json",
        correlation_id=event["id"],
    )


def ids(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the ids of outcomes, sorted, repeats kept."""
    return sorted(outcome.id for outcome in outcomes)
