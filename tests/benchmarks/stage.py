"""The stage of a benchmark: where broker and ledger are, and the programs that are started for it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, LiteralString

import kombu
import psutil
import psycopg
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url

from adapter.cirrus.sandbox import SandboxControl
from adapter.cirrus.sandbox.options import API_BASE
from adapter.ledger.sealing import new_key
from tests.benchmarks.season import TENANT
from tests.services import postgres, rabbit
from tests.services.processes import Leash, ServerProcess, free_port, wait_until

TOKEN = "benchmark"
PROGRAM = Path(sys.executable).parent / "cirrus-adapter"
PATIENCE = 60.0
SEATING = ("POST /schedule", "POST /schedule/add-candidates")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Place:
    """An empty virtual host, an empty database, and a leash for the programs of one contestant."""

    amqp_url: str
    postgres_url: str
    leash: Leash
    seal_key: str = field(default_factory=new_key, repr=False)

    def start(self, name: str, *command: str | Path) -> ServerProcess:
        """Start a program with a clean environment; its output goes to a log of its name."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        return ServerProcess(
            [str(word) for word in command],
            leash=self.leash,
            log=self.leash.folder / f"{name}.log",
            environment=environment,
        )

    def finish(self, name: str, *command: str | Path) -> None:
        """Run a program that does one thing, and see that it did."""
        process = self.start(name, *command)
        wait_until(lambda: not process.alive(), patience=PATIENCE, what=name)
        assert process.code == 0, f"{name} ended with {process.code}"

    def query(self, sql: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Ask the ledger's database."""
        plain = make_url(self.postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain) as connection:
            return connection.execute(sql, values).fetchall()


OpenPlace = Callable[[], AbstractContextManager[Place]]
"""Lends an empty place for one run."""


@contextmanager
def private_place(broker: rabbit.RabbitServer, database: postgres.PostgresServer) -> Iterator[Place]:
    """Lend a fresh virtual host and database in servers of our own, and a folder that is gone afterwards."""
    amqp_url = rabbit.create_vhost(broker.admin_url, broker.url)
    postgres_url = postgres.create_database(database.url)
    leash = Leash()
    try:
        yield Place(amqp_url, postgres_url, leash)
    finally:
        leash.close()
        rabbit.delete_vhost(broker.admin_url, amqp_url)
        postgres.drop_database(database.url, postgres_url)


class Sandbox:
    """The simulated Cirrus in a process of its own."""

    def __init__(self, place: Place, latency_ms: float) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.api_url = self.url + API_BASE
        self.control = SandboxControl(self.url)
        options = ("--port", str(self.port), "--token", f"{TOKEN}={TENANT}", "--latency-ms", str(latency_ms))
        self._process = place.start("sandbox", PROGRAM, "sandbox", "--auto-assessments", *options)
        self._process.wait_ready(lambda: answers(self.port, "/_sandbox/counts"), patience=PATIENCE)

    def seated(self) -> int:
        """Return how many seats were given, each as often as it was asked for: a second call for one shows."""
        tally = self.control.tally()
        asked: int = sum(tally["items"].get(operation, 0) for operation in SEATING)
        return asked - int(tally["statuses"].get("400", 0))  # a booking before its exam is there was given none

    def seats(self) -> set[tuple[str, str]]:
        """Return everybody who is on a schedule: external ids of schedule and candidate."""
        schedules = self.control.final_state()[TENANT]["schedules"]
        return {(name, candidate) for name, schedule in schedules.items() for candidate in schedule["seats"]}

    def close(self) -> None:
        """End the process."""
        self._process.kill()


class Broker:
    """A driver's view of the broker: it declares queues, counts what is in them, and empties them."""

    def __init__(self, amqp_url: str) -> None:
        self._connection = kombu.Connection(amqp_url)
        self._connection.connect()
        self._channel = self._connection.channel()

    @property
    def version(self) -> str:
        """The broker's version."""
        return str(self._connection.connection.server_properties["version"])

    def declare(self, exchange: str, queue: str, keys: list[str]) -> None:
        """Declare a topic exchange and a quorum queue, as the adapter declares its own."""
        self._channel.exchange_declare(exchange=exchange, type="topic", durable=True, auto_delete=False)
        self._channel.queue_declare(queue=queue, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
        for key in keys:
            self._channel.queue_bind(queue=queue, exchange=exchange, routing_key=key)

    def ready(self, queue: str) -> int:
        """Return how many messages wait in a queue."""
        return int(self._channel.queue_declare(queue=queue, passive=True).message_count)

    def has_consumer(self, queue: str) -> bool:
        """Tell whether anybody reads a queue."""
        return int(self._channel.queue_declare(queue=queue, passive=True).consumer_count) > 0

    def close(self) -> None:
        """Say goodbye."""
        self._connection.release()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: CPU seconds (user and system), and the most memory it held, in bytes."""

    cpu: float
    peak: int


def usage(pid: int) -> Usage:
    """Look at a process; where the kernel does not keep its peak, its memory of this moment is taken."""
    process = psutil.Process(pid)
    times = process.cpu_times()
    peak = process.memory_info().rss
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        peak = max(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return Usage(times.user + times.system, peak)


def answers(port: int, path: str) -> bool:
    """Tell whether a local HTTP server answers this path with 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def read_metrics(port: int) -> dict[tuple[str, tuple[str, ...]], float]:
    """Read what a program exports: each sample by its name and the values of its labels."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}
