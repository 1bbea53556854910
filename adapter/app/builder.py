"""The builder: makes the parts of one process from its settings and puts them together."""

import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from prometheus_client import CollectorRegistry

from adapter import __version__
from adapter.app.host import Host
from adapter.app.ledger import retention
from adapter.app.observers import Observers
from adapter.app.webhook import webhook_server
from adapter.broker import Consumer, Publisher, can_weed, weed
from adapter.cirrus.client import CirrusClient
from adapter.domain.handler import Handler
from adapter.domain.policy import Policy
from adapter.domain.records import KINDS
from adapter.errors import AdapterError, ConfigurationError
from adapter.flow.brake import BrakeRules
from adapter.flow.burst import Burst
from adapter.flow.converge import Converger
from adapter.flow.erasures import Erasures
from adapter.flow.gate import Circuit, Gate
from adapter.flow.gauges import Gauges
from adapter.flow.guard import Guard
from adapter.flow.intake import Batching, Intake
from adapter.flow.leases import Leases
from adapter.flow.loop import Loop
from adapter.flow.notices import Notices
from adapter.flow.one_pass import Passes, Tenancy
from adapter.flow.pacing import Pacer
from adapter.flow.process import Wiring
from adapter.flow.publish import Relay
from adapter.flow.reader import REASONS, Reader
from adapter.flow.retries import Budget, Retries
from adapter.observe.catalogue import INTAKES, LOOPS
from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics
from adapter.observe.ops_server import OpsServer
from adapter.settings import Settings, TenantSettings
from adapter.webhook import WebhookServer
from adapter.webhook.process import WebhookWiring

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Stops:
    """What tells each part of the flow to stop, in the order in which they are told."""

    intake: threading.Event
    converge: threading.Event
    publish: threading.Event
    last: threading.Event


class Builder:
    """Makes the parts of one process from its settings."""

    def __init__(
        self, settings: Settings, handlers: Sequence[Handler], host: Host, loops: Sequence[str] = LOOPS
    ) -> None:
        self._settings = settings
        self._host = host
        self._handlers = handlers
        self._registry = CollectorRegistry()
        self._metrics = Metrics(self._registry)
        self._observers = Observers(self._metrics)
        self._topology = settings.broker.topology()
        self._ledger = host.ledger(settings, self._observers.transaction)
        self._burst = Burst(host.monotonic, self._observers.burst)
        self._stops = _Stops(host.event(), host.event(), host.event(), host.event())
        self._queues = {"intake": self._topology.intake_queue} | (
            {"urgent": self._topology.urgent_queue} if self._topology.urgent_queue else {}
        )
        self._running = tuple(loop for loop in loops if loop not in INTAKES or loop in self._queues)
        self._heartbeats = Heartbeats(self._running, self._metrics, host.clock, host.monotonic)
        self._policies = {tenant.name: tenant.to_policy() for tenant in settings.tenants.values()}
        self._announce()

    def wiring(self) -> Wiring:
        """Put the parts together, along the flow."""
        stops = self._stops
        relay = self._relay()
        clients = {
            slug: self._host.platform(tenant, self._observers.call) for slug, tenant in self._settings.tenants.items()
        }
        convergers = tuple(
            self._converger(tenant, clients[slug], relay) for slug, tenant in self._settings.tenants.items()
        )
        nudge = _nudging(convergers)
        guard = self._guard(nudge, relay)
        nudge_all = _nudging((*convergers, guard))
        intakes = {name: self._intake(name, queue, nudge_all) for name, queue in self._queues.items()}
        taking = (
            *(self._loop(name, intake.turn, stops.intake) for name, intake in intakes.items()),
            self._notices(nudge),
            self._loop("guard", guard.turn, stops.intake),
        )
        converging = (*(self._loop("converge", c.turn, stops.converge) for c in convergers), self._erasures(relay))
        webhook = self._webhook()
        return Wiring(
            ledger=self._ledger,
            intakes=tuple(intakes.values()),
            convergers=convergers,
            relay=relay,
            platforms=tuple(clients.values()),
            webhook=webhook,
            ops=self._ops_of(intakes, webhook),
            loops=(
                (stops.intake, taking),
                (stops.converge, converging),
                (stops.publish, (self._loop("publish", relay.turn, stops.publish),)),
                (stops.last, self._last_loops()),
            ),
        )

    def webhook_wiring(self) -> WebhookWiring:
        """Put the parts together that receive notices."""
        webhook = self._webhook()
        if webhook is None:
            raise ConfigurationError(
                "tenants",
                "no tenant has a secret for its webhook",
                "say in [tenants.<slug>.webhook] how notices prove themselves",
            )
        checks = {"ledger": self._ledger_problem, "webhook": webhook.problem}
        return WebhookWiring(self._ledger, self._ops(checks), webhook)

    def _loop(self, name: str, turn: Callable[[], None], stop: threading.Event) -> Loop:
        return Loop(name, turn, self._heartbeats, stop)

    def _last_loops(self) -> tuple[Loop, ...]:
        stop = self._stops.last
        gauges = Gauges(
            self._ledger,
            {name: policy.results for name, policy in self._policies.items()},
            retention(self._settings),
            metrics=self._metrics,
            monotonic=self._host.monotonic,
            stop=stop,
        )
        return (
            self._loop("leases", Leases(self._ledger, stop).turn, stop),
            self._loop("gauges", gauges.turn, stop),
        )

    def _notices(self, nudge: Callable[[], None]) -> Loop:
        (hear,) = (handler.hear for handler in self._handlers if handler.hear is not None)
        readers = {tenant.name: tenant.results.to_fields().named for tenant in self._settings.tenants.values()}
        stop = self._stops.intake
        notices = Notices(self._ledger, readers, hear, self._policies, metrics=self._metrics, nudge=nudge, stop=stop)
        return self._loop("notices", notices.turn, stop)

    def _guard(self, nudge: Callable[[], None], relay: Relay) -> Guard:
        return Guard(
            self._ledger,
            self._policies,
            nudge=nudge,
            told=relay.nudge,
            stop=self._stops.intake,
            wake=self._host.event(),
        )

    def _erasures(self, relay: Relay) -> Loop:
        stop = self._stops.converge
        url = self._settings.broker.read_url()
        erasures = Erasures(
            self._ledger,
            partial(weed, url, self._topology.dead_letter_queue) if can_weed(url) else None,
            self._policies,
            told=relay.nudge,
            beat=lambda: self._heartbeats.beat("erasures"),
            stop=stop,
        )
        return self._loop("erasures", erasures.turn, stop)

    def _webhook(self) -> WebhookServer | None:
        """Return the receiver of notices, None where no tenant's Cirrus sends any."""
        if not any(tenant.webhook.wanted for tenant in self._settings.tenants.values()):
            return None
        return webhook_server(self._settings, self._ledger, self._metrics)

    def _intake(self, name: str, queue: str, nudge: Callable[[], None]) -> Intake:
        broker = self._settings.broker
        tenants = self._settings.tenants.values()
        rules = self._settings.intake
        return Intake(
            self._consumer(name, queue),
            self._publisher(_unobserved),
            self._ledger,
            Reader(
                self._handlers,
                {tenant.name: tenant.id_mapping() for tenant in tenants},
                timedelta(seconds=rules.future_tolerance_s),
            ),
            name=name,
            topology=self._topology,
            policies=self._policies,
            # What is urgent does not wait for company.
            batching=Batching(broker.batch_size, 0.0 if name == "urgent" else broker.gather_ms / 1000),
            metrics=self._metrics,
            heartbeats=self._heartbeats,
            clock=self._host.clock,
            nudge=nudge,
            stop=self._stops.intake,
            burst=None if name == "urgent" else self._burst,
            brake=BrakeRules(
                fewest=rules.brake_fewest,
                share=rules.brake_share,
                window=rules.brake_window_s,
                pause=rules.brake_pause_s,
                longest=rules.brake_longest_s,
            ),
        )

    def _consumer(self, name: str, queue: str) -> Consumer:
        broker = self._settings.broker
        return self._host.consumer(
            broker.read_url(),
            queue,
            prefetch=broker.prefetch,
            slow_start=True,
            heartbeat=broker.heartbeat_s,
            jitter=self._host.chance,
            on_state=self._observers.connection(name),
            stop=self._stops.intake,
            on_watchdog=self._metrics.consumer_watchdog.inc,
        )

    def _converger(self, tenant: TenantSettings, client: CirrusClient, relay: Relay) -> Converger:
        policy = self._policies[tenant.name]
        tenancy = Tenancy(
            name=tenant.name,
            policy=policy,
            platform=client,
            gate=self._gate(tenant.name, policy, client),
            pacer=Pacer(
                tenant.name, policy.limits, self._ledger, self._host.monotonic, self._observers.pace(tenant.name)
            ),
            retries=Budget(Retries(policy.retry_share, policy.retries_per_second), self._host.monotonic),
        )
        return Converger(
            Passes(
                tenancy=tenancy,
                ledger=self._ledger,
                handlers={handler.kind: handler for handler in self._handlers},
                metrics=self._metrics,
                monotonic=self._host.monotonic,
                jitter=self._host.chance,
                told=relay.nudge,
                stop=self._stops.converge,
            ),
            pool=self._host.pool(tenant.concurrency, f"converge-{tenant.name}"),
            free=self._host.places(tenant.concurrency),
            places=tenant.concurrency,
            wake=self._host.event(),
            burst=self._burst,
        )

    def _gate(self, tenant: str, policy: Policy, client: CirrusClient) -> Gate:
        on_circuit = self._observers.circuit(tenant)
        on_circuit(Circuit.CLOSED)
        return Gate(
            self._host.monotonic,
            self._observers.halt(tenant),
            on_circuit=on_circuit,
            longest=policy.halt_longest,
            jitter=self._host.chance,
            renewed=client.renewed,
        )

    def _relay(self) -> Relay:
        return Relay(
            self._publisher(self._observers.connection("publish")),
            self._ledger,
            exchange=self._topology.outcomes_exchange,
            metrics=self._metrics,
            stop=self._stops.publish,
            wake=self._host.event(),
        )

    def _publisher(self, on_state: Callable[[bool], None]) -> Publisher:
        broker = self._settings.broker
        return self._host.publisher(
            self._settings.broker.read_url(),
            window=broker.publish_window,
            deadline=broker.publish_deadline_s,
            heartbeat=broker.heartbeat_s,
            on_state=on_state,
        )

    def _ops(
        self,
        checks: Mapping[str, Callable[[], str | None]],
        notes: Mapping[str, Callable[[], str | None]] | None = None,
    ) -> OpsServer:
        observe = self._settings.observe
        return OpsServer(
            observe.host,
            observe.port,
            self._registry,
            self._heartbeats,
            checks,
            notes=notes,
            stall_after=observe.stall_after_s,
        )

    def _ops_of(self, intakes: Mapping[str, Intake], webhook: WebhookServer | None) -> OpsServer:
        checks: dict[str, Callable[[], str | None]] = {
            "ledger": self._ledger_problem,
            "broker": partial(self._broker_problem, intakes),
        }
        if webhook is not None:
            checks["webhook"] = webhook.problem
        return self._ops(checks, notes={name: partial(_paused, intake) for name, intake in intakes.items()})

    def _ledger_problem(self) -> str | None:
        try:
            self._ledger.check()
            self._ledger.check_keys()
        except AdapterError as error:
            return str(error)
        return None

    def _broker_problem(self, intakes: Mapping[str, Intake]) -> str | None:
        # The consumers' own state, not a connection of the probe's: that is what readiness is about. A paused intake
        # has no connection because it wants none; the receiver of notices must not suffer for it.
        away = [name for name, intake in intakes.items() if not (intake.paused or self._observers.connected(name))]
        return f"no connection to the broker: {', '.join(away)}" if away else None

    def _announce(self) -> None:
        outcomes = {kind for handler in self._handlers for kind in handler.outcomes}
        self._metrics.expect(
            tenants=[tenant.name for tenant in self._settings.tenants.values()],
            event_types=[kind for handler in self._handlers for kind in handler.events],
            kinds=KINDS,
            outcome_types=sorted(outcomes),
            dead_letter_reasons=REASONS,
            loops=self._running,
        )
        self._metrics.build_info.of(__version__, "", platform.python_version()).set(1)


def _nudging(nudged: Sequence[Converger | Guard]) -> Callable[[], None]:
    def nudge() -> None:
        for each in nudged:
            each.nudge()

    return nudge


def _paused(intake: Intake) -> str | None:
    return intake.paused


def _unobserved(connected: bool) -> None:  # noqa: FBT001 - an observer's shape
    # The dead letters' connection: the intake's state is that of its consumer.
    _ = connected
