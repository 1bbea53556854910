"""The adapter as it is shipped, on a stage of its own: `cirrus-adapter run`, in as many processes as a row asks for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import orjson

import handlers
from adapter.broker import Consumer
from tests.benchmarks.choices import Choices
from tests.benchmarks.season import TENANT
from tests.benchmarks.stage import (
    PATIENCE,
    PROGRAM,
    TOKEN,
    Broker,
    Place,
    Sandbox,
    Usage,
    answers,
    read_metrics,
    usage,
)
from tests.services.processes import ServerProcess, free_port, wait_until

CONFIRMED = "cirrus.booking.confirmed.v1"
CONFIRMED_QUEUE = "benchmark.confirmed"
OTHER_QUEUE = "benchmark.other"
INTAKE_EXCHANGE = "sis.events"
INTAKE_QUEUE = "cirrus-adapter.intake"
DEAD_QUEUE = "cirrus-adapter.dead"


class Adapter:
    """A sandbox, a migrated ledger and the declared topology; workers come when they are started."""

    def __init__(self, place: Place, choices: Choices) -> None:
        self.place = place
        self.sandbox = Sandbox(place, choices.latency_ms)
        self.broker = Broker(place.amqp_url)
        self._choices = choices
        self._workers: list[tuple[ServerProcess, int]] = []
        told = {kind for handler in handlers.ALL for kind in handler.outcomes}
        self.broker.declare("cirrus.events", CONFIRMED_QUEUE, [f"{TENANT}.{CONFIRMED}"])
        self.broker.declare("cirrus.events", OTHER_QUEUE, [f"{TENANT}.{kind}" for kind in sorted(told - {CONFIRMED})])
        config = self._configure(free_port())
        place.finish("migrate", PROGRAM, "ledger", "migrate", "--config", config)
        place.finish("topology", PROGRAM, "topology", "apply", "--config", config)

    def start(self) -> float:
        """Start one more worker; return the seconds until it was ready."""
        port = free_port()
        config = self._configure(port)
        started = time.monotonic()
        worker = self.place.start("worker", PROGRAM, "run", "--config", config)
        worker.wait_ready(lambda: answers(port, "/readyz"), patience=PATIENCE)
        self._workers.append((worker, port))
        return time.monotonic() - started

    def use(self) -> Usage:
        """Return the CPU of all workers together, and the memory of the largest."""
        used = [usage(worker.pid) for worker, _ in self._workers]
        return Usage(sum(one.cpu for one in used), max(one.peak for one in used))

    def metric(self, name: str, *labels: str) -> float:
        """Return the sum of a metric over the workers and over all labels that are not named."""
        return sum(
            value
            for _, port in self._workers
            for (sample, values), value in read_metrics(port).items()
            if sample == f"cirrus_adapter_{name}" and set(labels) <= set(values)
        )

    def handled(self) -> float:
        """Return how many messages are in the ledger."""
        return self.metric("messages_handled_total")

    def wait_handled(self, messages: int) -> None:
        """Wait until so many messages are in the ledger."""
        wait_until(
            lambda: self.broker.ready(INTAKE_QUEUE) == 0 and self.handled() >= messages,
            patience=PATIENCE + messages / 100,
            what=f"{messages} messages in the ledger",
            every=0.05,
        )

    def confirmed(self) -> int:
        """Return how many bookings were told confirmed."""
        return self.broker.ready(CONFIRMED_QUEUE)

    def outcomes(self) -> list[tuple[str, str, str]]:
        """Take all outcomes out of their queues; return type, subject and id of each."""
        return [
            outcome
            for queue in (CONFIRMED_QUEUE, OTHER_QUEUE)
            for outcome in _drain(self.place.amqp_url, queue, self.broker.ready(queue))
        ]

    def stop(self) -> None:
        """End the workers."""
        while self._workers:
            self._workers.pop()[0].kill()

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.sandbox.close()
        self.broker.close()

    def _configure(self, port: int) -> Path:
        file = self.place.leash.folder / f"adapter-{port}.toml"
        file.write_text(f"""
[broker]
url = "{self.place.amqp_url}"

[ledger]
url = "{self.place.postgres_url}"
seal_key = "{self.place.seal_key}"

[observe]
port = {port}

[tenants.benchmark]
name = "{TENANT}"
base_url = "{self.sandbox.url}"
token = "{TOKEN}"
calls_per_second = {self._choices.calls_per_second}
concurrency = {self._choices.concurrency}

[tenants.benchmark.mapping]
default_hierarchy = {{ id = "EXAMS", name = "All exams" }}

[tenants.benchmark.policy]
linger_s = {self._choices.linger_s}
batch_size = {self._choices.batch_size}
""")
        return file


@contextmanager
def adapter(place: Place, choices: Choices, *, workers: int = 0) -> Iterator[Adapter]:
    """Lend an adapter with so many workers that are ready."""
    stage = Adapter(place, choices)
    try:
        for _ in range(workers):
            stage.start()
        yield stage
    finally:
        stage.close()


def _drain(amqp_url: str, queue: str, least: int) -> list[tuple[str, str, str]]:
    """Take what is there, of which `least` was counted, and what still comes within a second."""
    consumer = Consumer(amqp_url, queue, jitter=lambda: 0.0, on_state=lambda _: None, stop=Event())
    found: list[tuple[str, str, str]] = []
    while (deliveries := consumer.receive(1000, 1.0, 0.05)) or len(found) < least:
        for delivery in deliveries:
            event = orjson.loads(delivery.body)
            found.append((event["type"], event["subject"], event["id"]))
        consumer.settle(deliveries)
    consumer.close()
    return found
