"""A whole installation to be broken: broker, ledger, Cirrus, workers, and the SIS that goes on publishing."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from urllib.parse import urlsplit, urlunsplit

import kombu
import requests
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from adapter.broker import Consumer, Delivery, Message, Published, Publisher, Topology, declare
from adapter.cirrus.sandbox import SandboxOptions, SandboxServer
from tests.chaos.expectation import Expectation
from tests.chaos.facts import Facts, read_cirrus, read_ledger, read_letters, read_told
from tests.chaos.office import TENANT, Nature, Office, Said
from tests.chaos.worker import Address, Links, Worker
from tests.services import postgres, rabbit
from tests.services.disk import SmallDisk
from tests.services.disk import opened as small_disk
from tests.services.postgres import PostgresServer
from tests.services.processes import Leash, wait_until
from tests.services.rabbit import RabbitServer

SETTINGS = """
[broker]
url = "{amqp}"
outcomes_queue = "outcomes"
[ledger]
url = "{ledger}"
[observe]
port = 0
log_format = "json"
[tenants.uni]
name = "{tenant}"
base_url = "{cirrus}"
token = "token"
calls_per_second = 0
connect_timeout_s = 2
read_timeout_s = 2
mapping.default_hierarchy = {{ id = "EXAMS", name = "All exams" }}
[tenants.uni.guard]
delay_s = 0
share_percent = 100
per_hour = 1000000
[tenants.uni.policy]
modes = {{ "DRAFT*" = "before_start", "SOON*" = "before_start" }}
linger_s = 0.3
urgent_within_min = 0
retry_first_s = 0.3
retry_longest_s = 2
halt_probe_s = 1
halt_longest_s = 2
"""
"""Those of an institution, but in more of a hurry."""

PUBLISH_PATIENCE = 3.0
PAUSE = 0.2
MOST_OPEN = 120
"""Events and records that may be undecided at one time."""

TEND_EVERY = 0.1
DISK_MEGABYTES = 24


@dataclass(frozen=True, slots=True)
class Cast:
    """What a stage consists of: how many workers, whether each has links that break, what of Cirrus and the ledger."""

    workers: int
    links: bool = False
    latency_ms: float = 150.0
    small_disk: bool = False


@dataclass
class Sis:
    """Publishes what the office says until the broker has confirmed it, and keeps a record of that."""

    office: Office
    amqp: str
    topology: Topology
    pace: float
    """Seconds between two deeds of the office."""

    ledger: sa.Engine
    said: list[Said] = field(default_factory=list[Said])
    refused: int = 0
    """Messages that had to be published again."""

    def work(self, stop: threading.Event) -> None:
        """Go on until told to stop; what was begun to be published is confirmed before this returns.

        It falls silent while the adapter is far behind: what is to be seen is what breaks, not what piles up.
        """
        publisher = Publisher(self.amqp, deadline=PUBLISH_PATIENCE)
        try:
            while not stop.wait(self.pace):
                if self._adapter_is_behind():
                    continue
                said = self.office.speak()
                self._publish(publisher, said)
                self.said += said
        finally:
            publisher.close()

    def _adapter_is_behind(self) -> bool:
        sound = sum(said.nature is Nature.SOUND for said in self.said)
        try:
            facts = read_ledger(self.ledger)
            return sound - len(facts.kept) + len(facts.restless) > MOST_OPEN
        except SQLAlchemyError:
            return True  # the ledger is somebody's victim just now

    def _publish(self, publisher: Publisher, said: Sequence[Said]) -> None:
        waiting = [self._message(each) for each in said]
        while waiting:
            receipts = publisher.publish(waiting)
            waiting = [m for m, receipt in zip(waiting, receipts, strict=True) if not isinstance(receipt, Published)]
            if waiting:
                self.refused += len(waiting)
                threading.Event().wait(PAUSE)

    def _message(self, said: Said) -> Message:
        return Message(
            id=said.name,
            exchange=self.topology.events_exchange,
            routing_key=f"{TENANT}.event",
            body=said.body,
            headers={},
            content_type="application/cloudevents+json",
        )


class Stage:
    """One installation; used through `opened`."""

    def __init__(self, cast: Cast, servers: tuple[RabbitServer, PostgresServer], folder: Path, leash: Leash) -> None:
        self.rabbit, self.postgres = servers
        self.folder = folder
        self._closing = ExitStack()
        self.topology = Topology(outcomes_queue="outcomes")
        self.disk: SmallDisk | None = None
        self.amqp = rabbit.create_vhost(self.rabbit.admin_url, self.rabbit.url)
        self._closing.callback(rabbit.delete_vhost, self.rabbit.admin_url, self.amqp)
        declare(self.amqp, self.topology)
        self.ledger_url = self._make_ledger(cast)
        self.engine = sa.create_engine(self.ledger_url, pool_pre_ping=True)
        self._closing.callback(self.engine.dispose)
        self.cirrus = self._closing.enter_context(SandboxServer(_cirrus(cast.latency_ms)))
        _make_hierarchy(self.cirrus)
        self.workers = [self._worker(f"worker-{n}", leash, links=cast.links) for n in range(cast.workers)]
        self._closing.callback(self._stop_workers)
        self.workers[0].command("ledger", "migrate")
        self._tending = threading.Event()
        self._caretaker = threading.Thread(target=self._tend, name="caretaker", daemon=True)

    def _make_ledger(self, cast: Cast) -> str:
        if cast.small_disk:
            self.disk = self._closing.enter_context(small_disk(self.folder / "disk", DISK_MEGABYTES))
            return f"sqlite:///{self.disk.folder / 'ledger.sqlite'}"
        url = postgres.create_database(self.postgres.url)
        self._closing.callback(postgres.drop_database, self.postgres.url, url)
        return url

    def _worker(self, name: str, leash: Leash, *, links: bool) -> Worker:
        amqp, ledger, cirrus = self.amqp, self.ledger_url, self.cirrus.url
        ways: Links | None = None
        if links:
            places = [Address("127.0.0.1", urlsplit(url).port or 0) for url in (amqp, ledger, cirrus)]
            ways = Links.opened(self._closing, *places)
            amqp, ledger = _moved(amqp, ways.broker.port), _moved(ledger, ways.ledger.port)
            cirrus = _moved(cirrus, ways.cirrus.port)
        settings = SETTINGS.format(amqp=amqp, ledger=ledger, cirrus=cirrus, tenant=TENANT)
        return Worker(name, self.folder, settings, leash, ways)

    def start(self) -> None:
        """Start the workers, and start again whichever ends."""
        self._caretaker.start()

    def _tend(self) -> None:
        while not self._tending.wait(TEND_EVERY):
            for worker in self.workers:
                worker.tend()

    def _stop_workers(self) -> None:
        self._tending.set()
        if self._caretaker.is_alive():
            self._caretaker.join()
        threads = [threading.Thread(target=worker.stop) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def close(self) -> None:
        """End everything that is this stage's own."""
        self._closing.close()

    def unrest(self, expected: Expectation) -> tuple[str, ...]:
        """Return what is still to come, as far as it can be seen."""
        facts = read_ledger(self.engine)
        unread = tuple(f"{name} is not in the ledger" for name in expected.kept.keys() - facts.kept.keys())
        missing = len(expected.buried) + len(expected.clashes) - self._waiting(self.topology.dead_letter_queue)
        return (*facts.restless, *unread, *((f"{missing} dead letters are missing",) if missing > 0 else ()))

    def _waiting(self, queue: str) -> int:
        with kombu.Connection(self.amqp) as connection:
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)

    def rest(self, expected: Expectation, patience: float) -> bool:
        """Wait until nothing is to come, three times in a row; tell whether it came to that."""
        calm = 0

        def still() -> bool:
            nonlocal calm
            calm = 0 if self.unrest(expected) else calm + 1
            return calm >= 3

        try:
            wait_until(still, patience=patience, what="rest", every=0.5)
        except TimeoutError:
            return False
        return True

    def facts(self) -> Facts:
        """Stop the workers and gather everything there is to know."""
        self._stop_workers()
        schedules, users = read_cirrus(self.cirrus.control.state()["tenants"]["uni"])
        return Facts(
            ledger=read_ledger(self.engine),
            letters=read_letters(self._drained(self.topology.dead_letter_queue)),
            told=read_told(self._drained("outcomes")),
            schedules=schedules,
            users=users,
            endings=tuple(ending for worker in self.workers for ending in worker.endings),
        )

    def _drained(self, queue: str) -> list[Delivery]:
        consumer = Consumer(self.amqp, queue, jitter=lambda: 0.0, on_state=lambda _: None, stop=threading.Event())
        taken: list[Delivery] = []
        while batch := consumer.receive(500, 2.0, 0.2):
            taken += batch
            consumer.settle(batch)
        consumer.close()
        return taken


def _cirrus(latency_ms: float) -> SandboxOptions:
    return SandboxOptions(
        tokens={"token": "uni"}, auto_assessments=True, latency_ms=latency_ms, delete_activated=True, calls_kept=200_000
    )


def _make_hierarchy(cirrus: SandboxServer) -> None:
    """Do what an administrator has done before: drafts go into a hierarchy that exists."""
    answer = requests.post(
        f"{cirrus.api_url}/groups",
        json={"ExternalId": "EXAMS", "Title": "All exams"},
        headers={"Authorization": "EAPI token"},
        timeout=5,
    )
    answer.raise_for_status()


def _moved(url: str, port: int) -> str:
    """Return the URL with another port of this machine."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{port}"))


@contextmanager
def opened(cast: Cast, servers: tuple[RabbitServer, PostgresServer], folder: Path, leash: Leash) -> Iterator[Stage]:
    """Open a stage whose workers do not run yet."""
    folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(cast, servers, folder, leash)
    try:
        yield stage
    finally:
        stage.close()


def new_sis(stage: Stage, now: datetime, chance: Random, pace: float) -> Sis:
    """Return a SIS for a stage."""
    return Sis(Office(now, chance), stage.amqp, stage.topology, pace, stage.engine)
