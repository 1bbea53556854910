"""One run: real processes' worth of loops on the model of the world, from the first event until everything rests."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import structlog
from structlog.testing import CapturingLogger

from adapter.app.builder import Builder
from adapter.app.host import Host
from adapter.broker import Message
from adapter.ledger.holds import Selection
from adapter.ledger.ledger import Ledger
from adapter.ledger.sealing import Seal
from adapter.settings import Settings
from handlers import ALL
from tests.scenarios.sis import candidate
from tests.simulation.broker import Broker, BrokerTrouble, ConsumerEnd, PublisherEnd
from tests.simulation.choices import TROUBLED, Choices
from tests.simulation.cirrus import Cirrus, CirrusTrouble, PlatformEnd
from tests.simulation.day import SPOILT, Day, arrivals, draw_day, exchange_of
from tests.simulation.fate import Fate
from tests.simulation.ledger import CutDatabase, LedgerTrouble, Store, fresh_store
from tests.simulation.ports import Points, Port
from tests.simulation.scheduler import NEVER, Process, Scheduler, SimulatedEvent, SimulatedPlaces, SimulatedPool
from tests.unit.pure_cirrus import PureCirrus, PureSchedule
from tests.values import replace

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TENANT = "uni.example"
CONCURRENCY = 3
CALM = 120.0
"""Seconds for which nothing may be due, for rest."""

PATIENCE = 3600.0
"""Seconds of the simulation within which everything must have come to rest."""

RESTART = 0.5
GUEST = "Sguest"
"""A candidate whom only the exam office knows."""

MISTAKES = frozenset({"loop_failed", "converge_failed", "not_converging", "handler_failed"})
"""What a log line of these names admits: a mistake of ours."""


@dataclass
class Worker:
    """One process with all its loops."""

    process: Process
    points: Points
    end: CutDatabase
    ledger: Any


@dataclass
class World:
    """The SIS, the broker, Cirrus and the ledger, and the workers between them."""

    choices: Choices
    store: Store
    clock: Callable[[], datetime]
    scheduler: Scheduler
    day: Day
    workers: list[Worker] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    said: set[str] = field(default_factory=set)
    guests: dict[str, PureSchedule] = field(default_factory=dict)
    edits: Counter[str] = field(default_factory=Counter)  # edits by hand of each schedule
    unsaid: int = 0
    unheard: set[str] = field(default_factory=set)
    """Notices of Cirrus that nobody has taken yet."""

    refused: set[str] = field(default_factory=set)
    """Events of the removals that somebody has decided against."""

    early_acks: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    started: int = 0
    healed_at: float = 0.0
    fatal: int = 0
    """The point at which the first process stops dead; 0 for none."""

    stopped_at: str = ""

    def __post_init__(self) -> None:
        """Prepare what all workers share."""
        self._chance = Random(f"world {self.choices.seed}")
        self._settings = settings_of(self.choices)
        self.broker = Broker(
            self.scheduler,
            Fate(Random(f"broker {self.choices.seed}"), self.faults),
            self._settings.broker.topology(),
            self._check_ack,
            self.choices.broker,
        )
        spoilt = PureCirrus(spoiled={candidate(SPOILT)}, named=True)
        fate = Fate(Random(f"cirrus {self.choices.seed}"), self.faults)
        self.cirrus = Cirrus(self.scheduler, fate, self.choices.cirrus, spoilt)
        self.scheduler.soonest = self.soonest
        self._looked_at, self._soonest = -1, NEVER

    # The workers.

    def start(self) -> None:
        """Start one more process."""
        self.started += 1
        process = Process(f"w{self.started}")
        chance = Random(f"{process.name} {self.choices.seed}")
        points = Points(process, self.scheduler, lambda: chance.choice((0.0, 0.0, 0.0, 0.002)), self.fatal)
        self.fatal = 0
        end = CutDatabase(self.store.database, self.scheduler, Fate(chance, self.faults))
        end.trouble = self.choices.ledger if self.scheduler.now < self.healed_at else LedgerTrouble()
        ledger = Port("ledger", Ledger(end, source="urn:test", seal=Seal(), worker=process.name), points)
        host = self._host(process, points, chance, ledger)

        def begin() -> None:
            for _, loops in Builder(self._settings, ALL, host).wiring().loops:
                for loop in loops:
                    self.scheduler.spawn(process, loop.run)

        self.scheduler.spawn(process, begin)
        self.workers.append(Worker(process, points, end, ledger))

    def _host(self, process: Process, points: Points, chance: Random, ledger: Any) -> Host:
        scheduler = self.scheduler

        def consumer(_url: str, queue: str, *, prefetch: int, on_state: Callable[[bool], None], **_rest: Any) -> Any:
            return Port("broker", ConsumerEnd(self.broker, process, queue, prefetch, on_state), points)

        def publisher(_url: str, *, on_state: Callable[[bool], None], **_rest: Any) -> Any:
            return Port("broker", PublisherEnd(self.broker, on_state), points)

        def platform(*_given: Any, **_named: Any) -> Any:
            return Port("cirrus", PlatformEnd(self.cirrus, process), points)

        return Host(
            clock=Port("clock", self.clock, points, quick=True),
            monotonic=lambda: scheduler.now,
            chance=chance.random,
            event=lambda: SimulatedEvent(scheduler),
            places=lambda value: SimulatedPlaces(scheduler, value),
            pool=lambda _most, _name: SimulatedPool(scheduler, process),
            consumer=consumer,
            publisher=publisher,
            platform=platform,
            ledger=lambda _settings, _observe: ledger,
        )

    def kill(self, worker: Worker) -> None:
        """Kill a process; it is started anew a moment later."""
        if not worker.process.dead:
            self.faults["kill"] += 1
            self.scheduler.kill(worker.process)
        self.bury(worker)

    def bury(self, worker: Worker) -> None:
        """Give back what a dead process held at the broker, and have it started anew."""
        self.workers.remove(worker)
        self.stopped_at = worker.points.last or self.stopped_at
        for epoch in worker.process.sessions:
            self.broker.give_back(epoch)
        self.scheduler.at(self.scheduler.now + RESTART, self.start)

    def _check_ack(self, message: Message) -> None:
        """Note a message that is forgotten by the broker before anything durable holds it."""
        name = str(message.correlation_id)
        if name not in self.stored() and name not in {str(dead.correlation_id) for dead in self.broker.dead}:
            self.early_acks.append(name)

    # The run.

    def run(self) -> bool:
        """Let the day happen, with its troubles, and return whether everything came to rest afterwards."""
        self._publish()
        for _ in range(self.choices.workers):
            self.start()
        for moment in self.choices.kills:
            self.scheduler.at(moment, self._kill_one)
        for moment in self.choices.stalls:
            self.scheduler.at(moment, self._stall_one)
        for moment in self.choices.hand_edits:
            self.scheduler.at(moment, self._edit_by_hand)
        self.trouble_until(TROUBLED)
        return self.rest()

    def trouble_until(self, moment: float) -> None:
        """Let things go wrong until then."""
        self.healed_at = moment
        self.broker.trouble, self.cirrus.trouble = self.choices.broker, self.choices.cirrus
        for worker in self.workers:
            worker.end.trouble = self.choices.ledger
        self.scheduler.at(moment, self.heal)

    def rest(self) -> bool:
        """Run until nothing is under way, unpublished, or due soon."""
        return self.scheduler.run(self._buried_and(self.resting), self.scheduler.now + PATIENCE)

    def _buried_and(self, condition: Callable[[], bool]) -> Callable[[], bool]:
        def check() -> bool:
            for worker in [worker for worker in self.workers if worker.process.dead]:
                self.bury(worker)
            return condition()

        return check

    def heal(self) -> None:
        """End all troubles."""
        self.healed_at = 0.0
        self.broker.trouble, self.cirrus.trouble = BrokerTrouble(), CirrusTrouble()
        for worker in self.workers:
            worker.end.trouble = LedgerTrouble()

    def _publish(self) -> None:
        chance = Random(f"arrivals {self.choices.seed}")
        # Of a mass change only what comes after the bookings takes anything away.
        in_order = self.choices.guard is not None
        said = arrivals(chance, self.day, repeats=self.choices.repeats, poison=self.choices.poison, in_order=in_order)
        moments = [chance.uniform(0, self.choices.spread) for _ in said]
        for arrival, moment in zip(said, sorted(moments) if in_order else moments, strict=True):
            self.said.add(arrival.id)
            self.unsaid += 1
            message = Message(
                id=arrival.id,
                exchange="sis.events" if in_order else exchange_of(f"{self.choices.seed} {arrival.id}"),
                routing_key="uni.example.event",
                body=arrival.body,
                headers={},
                content_type="application/cloudevents+json",
                correlation_id=arrival.id,
            )
            self.scheduler.at(moment, lambda message=message: self._send(message))

    def _send(self, message: Message) -> None:
        self.unsaid -= 1
        self.broker.send(message)

    def _kill_one(self) -> None:
        alive = [worker for worker in self.workers if not worker.process.dead]
        if alive:
            self.kill(self._chance.choice(alive))

    def _stall_one(self) -> None:
        """Freeze a process for longer than its leases: what it holds goes to another, and then it thaws."""
        alive = [worker for worker in self.workers if not worker.process.dead]
        if alive:
            self.faults["stall"] += 1
            self.scheduler.freeze(self._chance.choice(alive).process, self._chance.uniform(10, 25))

    def _edit_by_hand(self) -> None:
        """Have somebody in the exam office put a guest on a schedule, and give it another title."""
        schedules = self.cirrus.rules.schedules
        if schedules:
            name = self._chance.choice(sorted(schedules))
            held = schedules[name]
            held.seats.add(GUEST)
            held.schedule = replace(held.schedule, title=f"{held.schedule.title}!")
            self.faults["hand edit"] += 1
            self.guests[name] = held
            self.edits[name] += 1

    def decide(self) -> bool:
        """Decide about everything that is held, and return whether there was anything."""
        guard, ledger = self.choices.guard, self.ledger()
        open_holds = ledger.holds()
        if guard is None or not open_holds:
            return False
        if guard.decision == "discarded":
            self.refused |= {kept.statement.version.event_id for hold in open_holds for kept in hold.held}
        ledger.decide(Selection(), guard.decision, by="somebody", why="so it is")
        self.faults[f"removals {guard.decision}"] += sum(len(hold.held) for hold in open_holds)
        return True

    # What there is to know.

    def wanted(self, exam: str) -> set[str] | None:
        """Return who should be on a schedule by all that was said and not refused; see `Day.wanted`."""
        return self.day.without(self.refused).wanted(exam)

    def soonest(self) -> float:
        """Return when the workers will next find something by looking."""
        if self.broker.ready or self.broker.unacked:
            return self.scheduler.now
        if (version := self.store.version()) != self._looked_at:
            self._looked_at, self._soonest = version, self._look()
        return max(self.scheduler.now, self._soonest)

    def _look(self) -> float:
        """Return when something in the ledger is due next."""
        (row,) = self.rows(
            "SELECT (SELECT min(max(due_at, coalesce(lease_until, due_at))) FROM work WHERE due_at IS NOT NULL),"
            " (SELECT min(coalesce(lease_until, created_at)) FROM outbox WHERE published_at IS NULL),"
            " (SELECT min(received_at) FROM notices WHERE state = 'new'),"
            " (SELECT min(release_at) FROM removals WHERE state IN ('pending', 'approved'))"
        )
        moments = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in row if text is not None]
        return min(((moment - BEGIN).total_seconds() for moment in moments), default=NEVER)

    def resting(self) -> bool:
        """Whether nothing is under way, and nothing becomes due for a while."""
        broker = self.broker
        if self.unsaid or self.unheard or broker.ready or broker.unacked or len(self.workers) < self.choices.workers:
            return False
        if self.choices.troubled and self.scheduler.now < self.healed_at:
            return False
        return self.soonest() > self.scheduler.now + CALM

    def ledger(self) -> Ledger:
        """Return the ledger without any trouble on the way, to look at it."""
        return Ledger(self.store.database, source="urn:test", seal=Seal(), worker="nobody")

    def stored(self) -> set[str]:
        """Return the ids of the events that are in the ledger."""
        return {row[0] for row in self.rows("SELECT id FROM messages WHERE source = 'urn:sis'")}

    def rows(self, query: str) -> list[Any]:
        """Read what no method of the ledger shows."""
        return self.store.rows(query)


def settings_of(choices: Choices) -> Settings:
    """Return the settings of every worker of a run."""
    return Settings.model_validate(
        {
            "broker": {"url": "memory://", "prefetch": choices.prefetch, "batch_size": 20, "gather_ms": 20},
            "ledger": {"url": "sqlite:///never-opened.db"},
            "observe": {"port": 0},
            "tenants": {
                "uni": {
                    "name": TENANT,
                    "base_url": "http://127.0.0.1:1",
                    "token": "token",
                    "calls_per_second": choices.rate,
                    "calls_at_once": choices.at_once,
                    "concurrency": CONCURRENCY,
                    "mapping": {"default_hierarchy": {"id": "ROOT", "name": "All"}},
                    "guard": choices.guard.settings() if choices.guard else {"delay_s": 0},
                    "policy": {
                        "modes": {"*": choices.mode},
                        "batch_size": choices.batch,
                        "linger_s": choices.linger,
                        "retry_first_s": 0.5,
                        "retry_longest_s": 5,
                        "halt_probe_s": 3,
                        "launch_links": False,
                    },
                }
            },
        }
    )


@contextmanager
def world_of(choices: Choices) -> Iterator[World]:
    """Lend the world of one run, before it has begun."""
    scheduler = Scheduler(Random(f"turns {choices.seed}"))

    def clock() -> datetime:
        return BEGIN + timedelta(seconds=scheduler.now)

    day = draw_day(Random(f"day {choices.seed}"), BEGIN, choices.length, mass=choices.guard is not None)
    with fresh_store(clock) as store:
        world = World(choices, store, clock, scheduler, day)
        with _listening(world):
            try:
                yield world
            finally:
                for worker in list(world.workers):
                    scheduler.kill(worker.process)


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """Note every line of the log that admits a mistake."""

    def listen(_logger: object, _method: str, line: dict[str, Any]) -> Any:
        if line["event"] in MISTAKES:
            world.mistakes.append(
                f"{line['event']}: {traceback.format_exc(limit=-4) if line.get('exc_info') else line}"
            )
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[listen], logger_factory=lambda *_: CapturingLogger())
    try:
        yield
    finally:
        structlog.configure(**before)
