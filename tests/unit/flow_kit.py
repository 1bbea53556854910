"""What the tests of the loops share: a handler small enough to be seen through, a ledger, and doubles of the ports."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from adapter.broker import Delivery, Failed, Message, Published, Receipt, Topology
from adapter.broker.confirms import Reason
from adapter.domain.answers import Accepted, Answer, Done
from adapter.domain.answers import Receipt as StepReceipt
from adapter.domain.envelope import Envelope
from adapter.domain.findings import Continues, Finding, Plan
from adapter.domain.handler import Handler
from adapter.domain.mapping import IdMapping
from adapter.domain.policy import Policy
from adapter.domain.records import SITTING, Aggregate, Change, Ref
from adapter.domain.steps import Hierarchy, ReadSchedule, Step
from adapter.domain.version import Rank, Statement
from adapter.flow.gate import Gate
from adapter.flow.leases import LEASE
from adapter.flow.one_pass import Passes, Tenancy
from adapter.flow.pacing import Pacer
from adapter.flow.retries import Budget, Retries
from adapter.ledger.database import Database
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from adapter.ledger.migrate import migrate
from adapter.ledger.sealing import Seal
from adapter.ledger.work import Claim
from adapter.observe.metrics import Metrics
from tests.contract.ledger_kit import MovedClock
from tests.values import replace

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TENANT = "uni.example"
TYPE = "sis.note.v1"
ROOT = Ref(SITTING, "a")
MAPPINGS = {TENANT: IdMapping(Hierarchy("UNI", "University"))}
POLICY = Policy(linger=timedelta(0))
TOPOLOGY = Topology()
PATIENCE = 10.0


class Note(BaseModel):
    """The data of the only event type: what a sitting is to be called."""

    title: str
    mood: str = "fine"
    start: datetime | None = None


def translate(envelope: Envelope, data: BaseModel, mapping: IdMapping) -> tuple[Change, ...]:
    """Return the title of the sitting; `mood` makes the handler or the database fail."""
    assert isinstance(data, Note)
    if data.mood == "broken":
        raise RuntimeError("a mistake in the handler")
    said: dict[str, Any] = {"title": data.title}
    if data.mood == "unstorable":
        said["never"] = object()
    statement = Statement.first(envelope.version(Rank.UPDATE), said)
    return (Change(Ref(SITTING, envelope.subject), "title", statement, deadline=data.start),)


def nothing_to_do(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
    """Plan nothing."""
    return Plan()


def nothing_learnt(aggregate: Aggregate, receipt: StepReceipt, policy: Policy) -> tuple[Finding, ...]:
    """Report nothing."""
    return ()


HANDLER = Handler(SITTING, {TYPE: Note}, (), translate, nothing_to_do, nothing_learnt)


def event(number: int = 1, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """Return an event as the SIS writes it."""
    written: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "urn:sis",
        "type": TYPE,
        "subject": f"s{number}",
        "time": "2026-03-01T08:59:00Z",
        "tenant": TENANT,
        "data": {"title": f"Exam {number}"},
    }
    return {name: value for name, value in {**written, **changes}.items() if value is not None}


def delivery(body: object, **changes: Any) -> Delivery:  # noqa: ANN401 - handed on to Delivery
    """Return a message with this body, JSON unless it is bytes."""
    given = Delivery(
        epoch=1,
        tag=1,
        body=body if isinstance(body, bytes) else orjson.dumps(body),
        headers={},
        content_type="application/cloudevents+json",
        content_encoding=None,
        properties={},
        exchange="sis.events",
        routing_key="uni.note",
        redelivered=False,
    )
    return replace(given, **changes)


@dataclass
class Deliverer:
    """The intake's end of a broker that hands out what it is given, once."""

    waiting: list[Delivery] = field(default_factory=list)
    settled: list[Delivery] = field(default_factory=list)
    ticks: int = 0
    closed: bool = False
    narrowed: list[int | None] = field(default_factory=list)

    def receive(self, max_messages: int, _wait: float, _gather: float) -> list[Delivery]:
        """Hand out up to so many."""
        taken, self.waiting = self.waiting[:max_messages], self.waiting[max_messages:]
        return taken

    def settle(self, deliveries: Sequence[Delivery]) -> int:
        """Take the acknowledgements."""
        self.settled += deliveries
        return 0

    def narrow(self, prefetch: int | None) -> None:
        """Note it."""
        self.narrowed.append(prefetch)

    def tick(self) -> None:
        """Count."""
        self.ticks += 1

    def close(self) -> None:
        """Note it."""
        self.closed = True


@dataclass
class Printer:
    """The outbox's end of a broker: takes everything, or fails as told by `failing` for each message."""

    failing: Callable[[Sequence[Message], Message], Reason | None] = lambda _batch, _message: None
    batches: list[list[Message]] = field(default_factory=list)
    printed: list[Message] = field(default_factory=list)
    ticks: int = 0
    closed: bool = False

    def publish(self, messages: Sequence[Message], meanwhile: Callable[[], None] = lambda: None) -> list[Receipt]:
        """Take or refuse."""
        self.batches.append(list(messages))
        meanwhile()
        return [self._one(messages, message) for message in messages]

    def _one(self, batch: Sequence[Message], message: Message) -> Receipt:
        reason = self.failing(batch, message)
        if reason is not None:
            return Failed(message.id, reason, "as told")
        self.printed.append(message)
        return Published(message.id)

    def tick(self) -> None:
        """Count."""
        self.ticks += 1

    def close(self) -> None:
        """Note it."""
        self.closed = True


@dataclass
class Exam:
    """The exam platform: answers as it is told, in turn, and says yes when it was told nothing."""

    answers: list[Answer] = field(default_factory=list)
    performed: list[Step] = field(default_factory=list)
    meanwhile: Callable[[Step], None] = lambda _step: None

    def perform(self, step: Step) -> Answer:
        """Answer."""
        self.performed.append(step)
        self.meanwhile(step)
        return self.answers.pop(0) if self.answers else Accepted(Done())

    def close(self) -> None:
        """Nothing is open."""


class Watch:
    """Seconds that pass only while somebody waits."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1000.0
        self.waited: list[float] = []

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let them pass."""
        self.waited.append(round(seconds, 6))
        self.now += seconds


class Unhurried(threading.Event):
    """A stop event on which nobody waits for real; the seconds that were asked for are kept."""

    def __init__(self, limit: int = 1000) -> None:
        """Stop by itself after `limit` waits."""
        super().__init__()
        self.waited: list[float] = []
        self._limit = limit

    def wait(self, timeout: float | None = None) -> bool:
        """Return at once."""
        self.waited.append(timeout or 0.0)
        if len(self.waited) >= self._limit:
            self.set()
        return self.is_set()


@dataclass
class Desk:
    """A ledger on SQLite, with one sitting that is due."""

    path: Path
    patience: float = 5.0
    clock: MovedClock = field(default_factory=lambda: MovedClock(NOW))
    metrics: Metrics = field(default_factory=lambda: announced(Metrics(CollectorRegistry())))

    def __post_init__(self) -> None:
        """Migrate."""
        self.database = Database(
            f"sqlite:///{self.path}",
            self.clock,
            monotonic,
            observe=lambda *_: None,
            timeout=self.patience,
            virtual=True,
        )
        migrate(self.database)
        self.ledger = self.worker("w1")

    def worker(self, name: str, *keys: str) -> Ledger:
        """Open the ledger as another worker."""
        return Ledger(self.database, source="urn:test", seal=Seal(keys), worker=name)

    def say(self, number: int = 1, *, subject: str = ROOT.key, start: datetime | None = None) -> None:
        """Store an event about a sitting."""
        envelope = Envelope(f"e{number}", "urn:sis", TYPE, subject, NOW + timedelta(minutes=number), TENANT)
        changes = translate(envelope, Note(title=str(number), start=start), MAPPINGS[TENANT])
        self.ledger.store_batch([Incoming(envelope, changes, str(number))], {TENANT: POLICY})


@contextmanager
def desk_at(folder: Path, *, patience: float = 5.0) -> Iterator[Desk]:
    """Lend a desk; a file that somebody else holds is waited for so many seconds."""
    desk = Desk(folder / "ledger.db", patience)
    try:
        yield desk
    finally:
        desk.database.close()


def announced(metrics: Metrics) -> Metrics:
    """Announce the labels of the tests."""
    metrics.expect(tenants=(TENANT,), event_types=(TYPE,), kinds=(SITTING,), outcome_types=("cirrus.note.v1",))
    return metrics


@dataclass
class Office:
    """One tenant's passes, with everything around them that a test may want to look at."""

    desk: Desk
    exam: Exam
    stop: threading.Event
    gate: Gate
    passes: Passes
    halts: list[str | None]
    told: list[None]


def office(
    desk: Desk,
    handler: Handler,
    *,
    policy: Policy = POLICY,
    handlers: Mapping[str, Handler] | None = None,
) -> Office:
    """Wire the passes of one tenant; jitter is nothing, time is what passes for real."""
    exam, stop = Exam(), threading.Event()
    halts: list[str | None] = []
    told: list[None] = []
    gate = Gate(monotonic, halts.append)
    pacer = Pacer(TENANT, policy.limits, desk.ledger, monotonic)
    tenancy = Tenancy(TENANT, policy, exam, gate, pacer, Budget(Retries(), monotonic))
    passes = Passes(
        tenancy=tenancy,
        ledger=desk.ledger,
        handlers=handlers or {handler.kind: handler},
        metrics=desk.metrics,
        monotonic=monotonic,
        jitter=lambda: 0.0,
        told=lambda: told.append(None),
        stop=stop,
    )
    return Office(desk, exam, stop, gate, passes, halts, told)


def scripted(*plans: Plan, report: Callable[[StepReceipt], tuple[Finding, ...]] = lambda _receipt: ()) -> Handler:
    """Return a handler that plans these in turn, and the last one for ever."""
    left = list(plans)

    def plan(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
        return left.pop(0) if len(left) > 1 else left[0]

    def reporting(aggregate: Aggregate, receipt: StepReceipt, policy: Policy) -> tuple[Finding, ...]:
        return report(receipt)

    return replace(HANDLER, plan=plan, report=reporting)


def claimed(desk: Desk) -> Claim:
    """Claim the sitting."""
    [claim] = desk.ledger.claim(TENANT, 10, LEASE)
    return claim


def run_pass(running: Office, *, probe: bool = False) -> None:
    """Make one pass over what is due."""
    claim = claimed(running.desk)
    running.passes.run(claim, probe=probe)
    running.desk.ledger.let_go(claim)


def learnt(**confirmed: object) -> Finding:
    """Return a finding that something is known of the root."""
    return Finding(ROOT, Continues(), confirmed=confirmed)


def read(name: str = "a") -> ReadSchedule:
    """Return a step that reads."""
    return ReadSchedule(name)


def due_in(desk: Desk) -> float | None:
    """Return in how many seconds the sitting is due, None for not at all."""
    assert desk.ledger.renew_leases(LEASE) == 0
    with desk.database.transaction("test") as tx:
        assert tx.connection.execute(sa.text("SELECT lease_by FROM work")).scalar_one() is None
        moment = tx.connection.execute(sa.text("SELECT due_at FROM work")).scalar_one()
    return None if moment is None else (datetime.fromisoformat(f"{moment}+00:00") - desk.clock()).total_seconds()
