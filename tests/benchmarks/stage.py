"""The stage of a benchmark: where broker and ledger are, and the programs that are started for it."""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import kombu
import psutil

from adapter.cirrus.sandbox import SandboxControl
from adapter.cirrus.sandbox.options import API_BASE
from adapter.ledger.sealing import new_key
from tests.benchmarks.season import TENANT
from tests.services.processes import Leash, ServerProcess, free_port, wait_until

TOKEN = "benchmark"
PROGRAM = Path(sys.executable).parent / "cirrus-adapter"
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """An empty virtual host, an empty database, and a leash for the programs of one contestant."""

    amqp_url: str
    postgres_url: str
    leash: Leash
    seal_key: str = field(default_factory=new_key, repr=False)

    def start(self, name: str, *command: str | Path) -> ServerProcess:
        """Start a program with a clean environment; its output goes to a log of its name."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        return ServerProcess(
            [str(word) for word in command],
            leash=self.leash,
            log=self.leash.folder / f"{name}.log",
            environment=environment,
        )


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


def wait_for_end(process: ServerProcess) -> None:
    """Wait until a program that was started to do one thing has ended."""
    wait_until(lambda: not process.alive(), patience=PATIENCE, what="a command")
