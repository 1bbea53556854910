"""The contestants: the adapter as it is shipped, and the plain consumer; each runs a season and is checked."""

import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import ModuleType

import orjson

import handlers
from adapter.broker import Consumer
from tests.benchmarks import plain
from tests.benchmarks.race import Look, Race, race
from tests.benchmarks.season import TENANT, Season
from tests.benchmarks.stage import PATIENCE, PROGRAM, TOKEN, Broker, Place, Sandbox, answers, usage, wait_for_end
from tests.services.processes import free_port

CONFIRMED = "cirrus.booking.confirmed.v1"
CONFIRMED_QUEUE = "benchmark.confirmed"
OTHER_QUEUE = "benchmark.other"
PLAIN_EXCHANGE = PLAIN_QUEUE = "benchmark.plain"


@dataclass(frozen=True, slots=True)
class Choices:
    """The settings of one benchmark; all of them are printed."""

    latency_ms: float
    linger_s: float
    concurrency: int
    batch_size: int
    threads: int
    patience: float


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant's run: its times, what Cirrus was asked, and what is wrong with the result (nothing, that is)."""

    name: str
    race: Race
    calls: int
    most_at_once: int
    start_in: float
    outcomes: dict[str, int]
    problems: tuple[str, ...]


def run_adapter(place: Place, season: Season, choices: Choices) -> Run:
    """Run `cirrus-adapter run` on RabbitMQ and PostgreSQL against the sandbox."""
    sandbox = Sandbox(place, choices.latency_ms)
    broker = Broker(place.amqp_url)
    told = {kind for handler in handlers.ALL for kind in handler.outcomes}
    broker.declare("cirrus.events", CONFIRMED_QUEUE, [f"{TENANT}.{CONFIRMED}"])
    broker.declare("cirrus.events", OTHER_QUEUE, [f"{TENANT}.{kind}" for kind in sorted(told - {CONFIRMED})])
    port = free_port()
    config = _configure(place, sandbox, choices, port)
    wait_for_end(place.start("migrate", PROGRAM, "ledger", "migrate", "--config", config))
    started = time.monotonic()
    worker = place.start("worker", PROGRAM, "run", "--config", config)
    worker.wait_ready(lambda: answers(port, "/readyz"), patience=PATIENCE)
    start_in = time.monotonic() - started

    expected = len(season.bookings) + len(season.exams)  # a launch link for each booking, a word for each exam

    def look() -> Look:
        seated = _seated(sandbox)
        confirmed = broker.ready(CONFIRMED_QUEUE)
        finished = confirmed >= len(season.bookings) and broker.ready(OTHER_QUEUE) >= expected
        return Look(seated, confirmed, finished)

    try:
        times = race(
            season,
            place.amqp_url,
            "sis.events",
            look=look,
            use=lambda: usage(worker.pid),
            patience=choices.patience,
        )
        tally = sandbox.control.tally()
        outcomes = _drain(place.amqp_url, CONFIRMED_QUEUE) + _drain(place.amqp_url, OTHER_QUEUE)
        problems = (
            *_seat_problems(sandbox, season),
            *_outcome_problems(outcomes, season),
            *_dead_letter_problems(broker),
        )
    finally:
        worker.kill()
        sandbox.close()
        broker.close()
    kinds = Counter(kind for kind, _, _ in outcomes)
    return Run("adapter", times, tally["calls"], tally["most_at_once"], start_in, dict(kinds), problems)


def run_plain(place: Place, season: Season, choices: Choices) -> Run:
    """Run the plain consumer on the same broker against the same sandbox."""
    sandbox = Sandbox(place, choices.latency_ms)
    broker = Broker(place.amqp_url)
    broker.declare(PLAIN_EXCHANGE, PLAIN_QUEUE, ["#"])
    started = time.monotonic()
    arguments = (place.amqp_url, PLAIN_QUEUE, sandbox.api_url, TOKEN, str(choices.threads))
    worker = place.start("plain", sys.executable, _file(plain), *arguments)
    worker.wait_ready(lambda: broker.has_consumer(PLAIN_QUEUE), patience=PATIENCE)
    start_in = time.monotonic() - started

    def look() -> Look:
        seated = _seated(sandbox)
        return Look(seated, seated, finished=seated >= len(season.bookings))

    try:
        times = race(
            season,
            place.amqp_url,
            PLAIN_EXCHANGE,
            look=look,
            use=lambda: usage(worker.pid),
            patience=choices.patience,
        )
        tally = sandbox.control.tally()
        problems = tuple(_seat_problems(sandbox, season))
    finally:
        worker.kill()
        sandbox.close()
        broker.close()
    return Run("plain", times, tally["calls"], tally["most_at_once"], start_in, {}, problems)


def _file(module: ModuleType) -> Path:
    assert module.__file__ is not None
    return Path(module.__file__)


def _configure(place: Place, sandbox: Sandbox, choices: Choices, port: int) -> Path:
    file = place.leash.folder / "adapter.toml"
    file.write_text(f"""
[broker]
url = "{place.amqp_url}"

[ledger]
url = "{place.postgres_url}"
seal_key = "{place.seal_key}"

[observe]
port = {port}

[tenants.benchmark]
name = "{TENANT}"
base_url = "{sandbox.url}"
token = "{TOKEN}"
calls_per_second = 0
concurrency = {choices.concurrency}

[tenants.benchmark.mapping]
default_hierarchy = {{ id = "EXAMS", name = "All exams" }}

[tenants.benchmark.policy]
linger_s = {choices.linger_s}
batch_size = {choices.batch_size}
""")
    return file


def _seated(sandbox: Sandbox) -> int:
    return sum(sandbox.control.tally()["items"].values())


def _drain(amqp_url: str, queue: str) -> list[tuple[str, str, str]]:
    """Take everything out of a queue; return type, subject and id of each event."""
    consumer = Consumer(amqp_url, queue, jitter=lambda: 0.0, on_state=lambda _: None, stop=Event())
    found: list[tuple[str, str, str]] = []
    while deliveries := consumer.receive(1000, 1.0, 0.05):
        for delivery in deliveries:
            event = orjson.loads(delivery.body)
            found.append((event["type"], event["subject"], event["id"]))
        consumer.settle(deliveries)
    consumer.close()
    return found


def _seat_problems(sandbox: Sandbox, season: Season) -> list[str]:
    seats = sandbox.seats()
    problems = []
    if missing := season.seats - seats:
        problems.append(f"{len(missing)} seats are missing, such as {min(missing)}")
    if surplus := seats - season.seats:
        problems.append(f"{len(surplus)} seats were never booked, such as {min(surplus)}")
    return problems


def _outcome_problems(outcomes: list[tuple[str, str, str]], season: Season) -> list[str]:
    ids: dict[str, set[str]] = {}
    for kind, subject, event_id in outcomes:
        if kind == CONFIRMED:
            ids.setdefault(subject, set()).add(event_id)
    problems = []
    if missing := season.associations - ids.keys():
        problems.append(f"{len(missing)} bookings were not told confirmed, such as {min(missing)}")
    if surplus := ids.keys() - season.associations:
        problems.append(f"{len(surplus)} bookings were told that nobody made, such as {min(surplus)}")
    if several := [subject for subject, found in ids.items() if len(found) > 1]:
        problems.append(f"{len(several)} bookings were told confirmed under more than one id, such as {min(several)}")
    return problems


def _dead_letter_problems(broker: Broker) -> list[str]:
    dead = broker.ready("cirrus-adapter.dead")
    return [f"{dead} events were dead-lettered"] if dead else []
