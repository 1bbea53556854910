"""Runs a day's events through real worker processes that may be killed, and tells what came of it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event
from typing import Any
from uuid import uuid5

import kombu
import requests
import sqlalchemy as sa

from adapter.broker import Consumer, Message, Publisher, Topology, declare
from adapter.cirrus.sandbox import SandboxOptions, SandboxServer
from adapter.domain.outcomes import NAMESPACE

PATIENCE = 90.0
"""Seconds until everything must have come to rest; a killed worker's leases alone last fifteen."""

SETTINGS = """
[broker]
url = "{amqp}"
outcomes_queue = "outcomes"
[intake]
future_tolerance_s = 7200
[ledger]
url = "{ledger}"
[observe]
port = 0
log_level = "warning"
log_format = "json"
[tenants.uni]
name = "uni.example"
base_url = "{cirrus}"
token = "token"
calls_per_second = 0
read_timeout_s = 5
mapping.default_hierarchy = {{ id = "EXAMS", name = "All exams" }}
[tenants.uni.guard]
delay_s = 0
share_percent = 100
[tenants.uni.policy]
modes = {{ "ECON*" = "before_start" }}
linger_s = {linger}
urgent_within_min = 0
pending_after_min = 600
relink = "add_candidates"
retry_first_s = 0.5
retry_longest_s = 2
"""


@dataclass(frozen=True)
class Rest:
    """What is left when everything has come to rest."""

    cirrus: Any
    outcomes: frozenset[tuple[str, str, str]]
    """Type, subject and id of everything that was told."""
    repeated: int
    read_backs: int
    dead: frozenset[bytes]
    unsettled: int


class World:
    """One broker vhost, one database, one sandbox, and a worker process that can be killed."""

    def __init__(self, folder: Path, amqp: str, ledger: str, cirrus: SandboxServer, linger: float) -> None:
        self.amqp = amqp
        self.cirrus = cirrus
        self.topology = Topology(outcomes_queue="outcomes")
        self.engine = sa.create_engine(ledger)
        with self.engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        self.config = folder / "adapter.toml"
        self.log = folder / "worker.log"
        self.config.write_text(SETTINGS.format(amqp=amqp, ledger=ledger, cirrus=cirrus.url, linger=linger))
        self.worker: subprocess.Popen[bytes] | None = None
        declare(amqp, self.topology)
        self._make_hierarchy()
        self.command("ledger", "migrate")

    def _make_hierarchy(self) -> None:
        """Do what an administrator has done before: drafts go into a hierarchy that exists."""
        answer = requests.post(
            f"{self.cirrus.api_url}/groups",
            json={"ExternalId": "EXAMS", "Title": "All exams"},
            headers={"Authorization": "EAPI token"},
            timeout=5,
        )
        answer.raise_for_status()

    def command(self, *arguments: str) -> None:
        """Run one command of the adapter to its end."""
        subprocess.run([*CLI, *arguments, "--config", str(self.config)], check=True, env=plain_environment())

    def publish(self, bodies: Sequence[bytes]) -> None:
        """Publish the events in this order."""
        publisher = Publisher(self.amqp)
        messages = [
            Message(
                id=str(uuid5(NAMESPACE, f"{number}")),
                exchange=self.topology.events_exchange,
                routing_key="uni.example.event",
                body=body,
                headers={},
                content_type="application/cloudevents+json",
            )
            for number, body in enumerate(bodies)
        ]
        receipts = publisher.publish(messages)
        publisher.close()
        assert {type(receipt).__name__ for receipt in receipts} == {"Published"}

    def start(self) -> None:
        """Start the worker process."""
        with self.log.open("ab") as log:
            self.worker = subprocess.Popen(
                [*CLI, "run", "--config", str(self.config)], stdout=log, stderr=log, env=plain_environment()
            )

    def kill(self) -> None:
        """Kill the worker as the kernel would: at once, with nothing finished."""
        assert self.worker is not None
        assert self.worker.poll() is None, self.log.read_text()[-4000:]
        self.worker.send_signal(signal.SIGKILL)
        self.worker.wait()

    def stop(self) -> None:
        """Ask the worker to stop and expect that it finishes."""
        assert self.worker is not None
        self.worker.terminate()
        assert self.worker.wait(60) == 0, self.log.read_text()[-4000:]

    def unsettled(self) -> int:
        """Count what is still due in the ledger or to be told."""
        with self.engine.connect() as connection:
            due = connection.execute(
                sa.text("SELECT count(*) FROM records WHERE status IN ('due', 'waiting')")
            ).scalar_one()
            told = connection.execute(sa.text("SELECT count(*) FROM outbox WHERE published_at IS NULL")).scalar_one()
            leased = connection.execute(sa.text("SELECT count(*) FROM work WHERE lease_by IS NOT NULL")).scalar_one()
            kept = connection.execute(
                sa.text("SELECT count(*) FROM removals WHERE state IN ('pending', 'approved')")
            ).scalar_one()
        return int(due) + int(told) + int(leased) + int(kept)

    def unread(self) -> int:
        """Count the messages that no worker has acknowledged."""
        with kombu.Connection(self.amqp) as connection:
            ready = connection.default_channel.queue_declare(self.topology.intake_queue, passive=True)
        return int(ready.message_count)

    def wait_for_rest(self) -> None:
        """Wait until every message is read and nothing is due, several times in a row."""
        until = time.monotonic() + PATIENCE
        calm = 0
        while calm < 4:
            assert time.monotonic() < until, f"{self.unsettled()} unsettled\n{self.log.read_text()[-4000:]}"
            calm = calm + 1 if self.unread() == 0 and self.unsettled() == 0 else 0
            Event().wait(0.5)

    def drained(self, queue: str) -> list[bytes]:
        """Take everything out of a queue."""
        consumer = Consumer(self.amqp, queue, jitter=lambda: 0.0, on_state=lambda _: None, stop=Event())
        bodies: list[bytes] = []
        while batch := consumer.receive(500, 1.0, 0.2):
            bodies += [delivery.body for delivery in batch]
            consumer.settle(batch)
        consumer.close()
        return bodies

    def close(self) -> None:
        """End what is still running."""
        if self.worker is not None and self.worker.poll() is None:
            self.worker.kill()
            self.worker.wait()
        self.engine.dispose()


CLI = (str(Path(sys.executable).with_name("cirrus-adapter")),)


def plain_environment() -> dict[str, str]:
    """Return the environment without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CIRRUS_ADAPTER_")}


@contextmanager
def opened(folder: Path, amqp: str, ledger: str, *, linger: float) -> Iterator[World]:
    """Open a world whose Cirrus answers a repeated add with the link, as the settings say."""
    options = SandboxOptions(
        tokens={"token": "uni"}, auto_assessments=True, latency_ms=300, repeat_add="ignored_with_link"
    )
    with SandboxServer(options) as cirrus:
        world = World(folder, amqp, ledger, cirrus, linger)
        try:
            yield world
        finally:
            world.close()


def run_day(world: World, bodies: Sequence[bytes], *, kills: int, chance: Random) -> Rest:
    """Publish, work, kill so many times, and wait for rest."""
    world.publish(bodies)
    world.start()
    for _ in range(kills):
        Event().wait(chance.uniform(0.9, 3.0))
        world.kill()
        world.start()
    world.wait_for_rest()
    unsettled = world.unsettled()
    world.stop()
    outcomes = [json.loads(body) for body in world.drained("outcomes")]
    told = [(outcome["type"], outcome["subject"], outcome["id"]) for outcome in outcomes]
    return Rest(
        cirrus=world.cirrus.control.final_state(),
        outcomes=frozenset(told),
        repeated=len(told) - len(set(told)),
        read_backs=world.cirrus.control.counts().get("GET /external/schedule/{id}", 0),
        dead=frozenset(world.drained(world.topology.dead_letter_queue)),
        unsettled=unsettled,
    )
