"""Dry run: events go through intake and converge as they are, into a throw-away ledger and an assumed Cirrus."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from adapter.broker import Delivery
from adapter.cirrus.bodies import Dialect
from adapter.cirrus.wire import Reading
from adapter.cli.assumed import AssumedCirrus, PlannedCall
from adapter.cli.borrowed import Borrowed
from adapter.cli.matches import Found, compare
from adapter.cli.survey import Survey
from adapter.domain.envelope import Envelope
from adapter.domain.pace import Limits
from adapter.domain.records import CANDIDATE, SITTING, Record, Ref
from adapter.domain.version import fingerprint, utc_text
from adapter.errors import InvalidMessage
from adapter.flow.gate import Gate
from adapter.flow.leases import LEASE
from adapter.flow.one_pass import Passes, Tenancy
from adapter.flow.pacing import Pacer
from adapter.flow.reader import Reader
from adapter.flow.retries import Budget, Retries
from adapter.ledger import migrate as migrations
from adapter.ledger.database import Database
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from adapter.ledger.results import Placed
from adapter.ledger.rows import find_records
from adapter.ledger.schema import outbox, work
from adapter.ledger.sealing import Seal
from adapter.observe.metrics import Metrics
from adapter.settings import Settings, TenantSettings
from handlers import ALL
from handlers.sittings.translate import restoring

RECONCILED = "cirrus.reconcile.asked"
"""What the journal calls an operator's wish."""

SCRATCH = "sqlite:///file::memory:?uri=true"
"""In memory, and in this form with the pool of a database in a file."""

MOST_PASSES, PASSES_EACH = 10_000, 10
"""One event can wake every exam that its student sits, and many events a few; more than this is a mistake."""


@dataclass(frozen=True, slots=True)
class Reception:
    """What would become of one event: what the ledger makes of it, or why it would be dead-lettered."""

    type: str | None
    subject: str | None
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One outcome event that would be published."""

    type: str
    subject: str
    data: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Later:
    """An aggregate that would be looked at again."""

    ref: Ref
    at: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """Everything that would happen; `records` are those that the events speak of, as they would stand then."""

    events: tuple[Reception, ...]
    calls: tuple[PlannedCall, ...]
    told: tuple[Told, ...]
    records: tuple[Record, ...]
    later: tuple[Later, ...]
    found: tuple[Found, ...] = ()


class DryRun:
    """One dry run at one moment, on top of what `real` holds when it is given; `real` is only read.

    Where there is a survey of a tenant, its Cirrus is read as it is; else it is taken to be as the ledger knows it.
    """

    def __init__(self, settings: Settings, now: datetime, real: Database | None) -> None:
        self._now = now
        self._surveys: Mapping[str, Survey] = {}
        self._tenants = {tenant.name: tenant for tenant in settings.tenants.values()}
        self._ahead = timedelta(seconds=settings.intake.future_tolerance_s)
        self._calls: list[PlannedCall] = []
        self._scratch = Database(SCRATCH, lambda: now, lambda: 0.0, observe=_unobserved)
        self._ledger = Ledger(self._scratch, source=settings.broker.source, seal=Seal(), worker="plan")
        self._borrowed = None if real is None else Borrowed(real, Seal(settings.ledger.read_seal_keys()), self._scratch)
        # In a dry run nothing lingers or is kept back: what is touched is due, and so the clock can stand still.
        self._policies = {
            name: replace(tenant.to_policy(), linger=timedelta(0), guard=None) for name, tenant in self._tenants.items()
        }

    def read(self, bodies: Sequence[bytes]) -> list[Incoming | Reception]:
        """Return what these messages say, or why they would be dead-lettered."""
        return [self._read(body) for body in bodies]

    def run(self, read: Sequence[Incoming | Reception], surveys: Mapping[str, Survey]) -> Planned:
        """Return what messages that were read, arriving in this order, would lead to."""
        self._surveys = surveys
        migrations.migrate(self._scratch)
        understood = [item for item in read if isinstance(item, Incoming)]
        by_tenant = {name: [i for i in understood if i.envelope.tenant == name] for name in self._tenants}
        for name, incoming in by_tenant.items():
            if self._borrowed is not None and incoming:
                self._borrowed.for_events(name, incoming)
        handled = iter(self._ledger.store_batch(understood, self._policies))
        events = tuple(item if isinstance(item, Reception) else _received(item, next(handled)) for item in read)
        for name, incoming in by_tenant.items():
            if incoming:
                self._converge(self._tenants[name], max(MOST_PASSES, PASSES_EACH * len(incoming)))
        changed = list({(i.envelope.tenant, change.ref): None for i in understood for change in i.changes})
        return Planned(events, tuple(self._calls), *self._read_back(changed), tuple(self._found(changed)))

    def reconcile(self, sittings: Sequence[Placed], surveys: Mapping[str, Survey]) -> Planned:
        """Return what would be done if Cirrus were to be as the SIS says, whatever was changed by hand."""
        self._surveys = surveys
        migrations.migrate(self._scratch)
        for placed in sittings:
            if self._borrowed is not None:
                self._borrowed.around(placed.tenant, [placed.ref])
            self._ledger.store_batch([wish(placed, self._now, "plan")], self._policies)
            self._converge(self._tenants[placed.tenant])
        changed = [(placed.tenant, placed.ref) for placed in sittings]
        return Planned((), tuple(self._calls), *self._read_back(changed), tuple(self._found(changed)))

    def close(self) -> None:
        """Throw the throw-away ledger away."""
        self._ledger.close()

    def _read(self, body: bytes) -> Incoming | Reception:
        mappings = {name: tenant.id_mapping() for name, tenant in self._tenants.items()}
        delivery = Delivery(0, None, body, {}, None, None, {}, "", "", redelivered=False)
        try:
            return Reader(ALL, mappings, self._ahead).read(delivery, self._now)
        except InvalidMessage as error:
            return Reception(None, None, "dead-lettered", str(error))

    def _converge(self, tenant: TenantSettings, most: int = MOST_PASSES) -> None:
        platform = AssumedCirrus(
            tenant.name,
            tenant.api_paths(),
            Dialect(tenant.policy.external_attempts, tenant.upsert),
            Reading(ZoneInfo(tenant.zone), None),
            self._calls.append,
            self._surveys.get(tenant.name),
        )
        passes = self._passes(tenant.name, platform)
        for _ in range(most):
            claims = self._ledger.claim(tenant.name, 1, LEASE)
            if not claims:
                return
            if self._borrowed is not None:
                self._borrowed.around(tenant.name, [claims[0].ref])
            platform.aggregate, _at = self._ledger.load(claims[0], whole=True)
            passes.run(claims[0])

    def _passes(self, name: str, platform: AssumedCirrus) -> Passes:
        return Passes(
            tenancy=Tenancy(
                name=name,
                policy=self._policies[name],
                platform=platform,
                gate=Gate(lambda: 0.0, lambda _: None),
                pacer=Pacer(name, Limits(), self._ledger, lambda: 0.0),
                retries=Budget(Retries(), lambda: 0.0),
            ),
            ledger=self._ledger,
            handlers={handler.kind: handler for handler in ALL},
            metrics=Metrics(CollectorRegistry()),
            monotonic=lambda: 0.0,
            jitter=lambda: 0.0,
            told=lambda: None,
            stop=threading.Event(),
        )

    def _found(self, changed: Sequence[tuple[str, Ref]]) -> Iterator[Found]:
        """Compare what the events speak of with what Cirrus really holds."""
        for tenant, ref in changed:
            if (survey := self._surveys.get(tenant)) is not None and ref.kind in (SITTING, CANDIDATE):
                yield from compare(self._ledger.look(tenant, ref), survey, self._policies[tenant], self._now)

    def _read_back(
        self, changed: Sequence[tuple[str, Ref]]
    ) -> tuple[tuple[Told, ...], tuple[Record, ...], tuple[Later, ...]]:
        new = sa.select(outbox).where(outbox.c.published_at.is_(None)).order_by(outbox.c.seq)
        with self._scratch.transaction("plan") as tx:
            told = [Told(row.type, row.subject, orjson.loads(row.body)["data"]) for row in tx.connection.execute(new)]
            found = [record for tenant, ref in changed for record in find_records(tx, tenant, [ref])]
            waiting = sa.select(work).where(work.c.due_at > self._now).order_by(work.c.due_at, work.c.key)
            later = [Later(Ref(row.kind, row.key), row.due_at) for row in tx.connection.execute(waiting)]
        return tuple(told), tuple(found), tuple(later)


def spoken_of(read: Sequence[Incoming | Reception]) -> int:
    """Count the exams and candidates that messages speak of: each is read once."""
    changes = (change for item in read if isinstance(item, Incoming) for change in item.changes)
    return len({change.ref for change in changes if change.ref.kind in (SITTING, CANDIDATE)})


def wish(placed: Placed, now: datetime, who: str) -> Incoming:
    """Return an operator's wish that one sitting be in Cirrus as the SIS says."""
    name = f"reconcile-{who}-{utc_text(now)}-{placed.ref.key}"
    change = restoring(placed.ref.key, now, name)
    envelope = Envelope(
        id=name, source="operator", type=RECONCILED, subject=placed.ref.key, time=now, tenant=placed.tenant
    )
    return Incoming(envelope, (change,), fingerprint(name), who="operator")


def _unobserved(_operation: str, _seconds: float, _failed: bool) -> None:  # noqa: FBT001 - an observer's shape
    """Count nothing: a dry run is none of the metrics' business."""


def _received(item: Incoming, outcome: str) -> Reception:
    return Reception(item.envelope.type, item.envelope.subject, outcome)
