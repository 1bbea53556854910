"""The contestants: the adapter as it is shipped, and the baselines; each runs a season and is checked."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from adapter.broker import Message
from tests.benchmarks.adapters import INTAKE_EXCHANGE, OTHER_QUEUE, Adapter
from tests.benchmarks.adapters import adapter as lend_adapter
from tests.benchmarks.baselines.bodies import TASK
from tests.benchmarks.checks import adapter_problems, seat_problems
from tests.benchmarks.choices import Choices
from tests.benchmarks.race import Look, Race, as_event, race
from tests.benchmarks.season import Season
from tests.benchmarks.stage import PATIENCE, TOKEN, Broker, Place, Sandbox, usage

EXCHANGE = QUEUE = "benchmark.baseline"
PROGRAMS = "tests.benchmarks.baselines"

Say = Callable[[int, bytes, str], Message]
"""Writes the nth event as a message to an exchange."""


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


Contestant = Callable[[Place, Season, Choices], Run]


def run_adapter(place: Place, season: Season, choices: Choices) -> Run:
    """Run `cirrus-adapter run` on RabbitMQ and PostgreSQL against the sandbox."""
    with lend_adapter(place, choices) as stage:
        start_in = stage.start()
        times = race_adapter(stage, season, choices)
        tally = stage.sandbox.control.tally()
        outcomes = stage.outcomes()
        problems = adapter_problems(stage, season, outcomes)
    kinds = Counter(kind for kind, _, _ in outcomes)
    return Run("adapter", times, tally["calls"], tally["most_at_once"], start_in, dict(kinds), problems)


def race_adapter(stage: Adapter, season: Season, choices: Choices) -> Race:
    """Publish a season to running workers and wait until all is told."""
    expected = len(season.bookings) + len(season.exams)  # a launch link for each booking, a word for each exam

    def look() -> Look:
        seated, confirmed = stage.sandbox.seated(), stage.confirmed()
        finished = confirmed >= len(season.bookings) and stage.broker.ready(OTHER_QUEUE) >= expected
        return Look(seated, confirmed, finished)

    messages = [as_event(number, event, INTAKE_EXCHANGE) for number, event in enumerate(season.events)]
    return race(
        messages,
        stage.place.amqp_url,
        wanted=len(season.bookings),
        look=look,
        use=stage.use,
        patience=choices.patience,
    )


@dataclass(frozen=True, slots=True)
class Baseline:
    """A program that reads one queue and calls Cirrus, without a ledger and without outcomes."""

    name: str
    module: str
    at_once: Callable[[Choices], int]
    say: Say = as_event

    def run(self, place: Place, season: Season, choices: Choices) -> Run:
        """Run it on a broker and against a sandbox like the adapter's."""
        sandbox = Sandbox(place, choices.latency_ms)
        broker = Broker(place.amqp_url)
        broker.declare(EXCHANGE, QUEUE, ["#"])
        started = time.monotonic()
        arguments = (place.amqp_url, QUEUE, sandbox.api_url, TOKEN, str(self.at_once(choices)))
        worker = place.start(self.name, sys.executable, "-m", f"{PROGRAMS}.{self.module}", *arguments)
        worker.wait_ready(lambda: broker.has_consumer(QUEUE), patience=PATIENCE)
        start_in = time.monotonic() - started

        def look() -> Look:
            seated = sandbox.seated()
            return Look(seated, seated, finished=seated >= len(season.bookings))

        try:
            times = race(
                [self.say(number, event, EXCHANGE) for number, event in enumerate(season.events)],
                place.amqp_url,
                wanted=len(season.bookings),
                look=look,
                use=lambda: usage(worker.pid),
                patience=choices.patience,
            )
            tally = sandbox.control.tally()
            problems = tuple(seat_problems(sandbox, season))
        finally:
            worker.kill()
            sandbox.close()
            broker.close()
        return Run(self.name, times, tally["calls"], tally["most_at_once"], start_in, {}, problems)


def as_task(number: int, event: bytes, exchange: str) -> Message:
    """Return an event as a task message of Celery's (protocol 2), as `tell.delay(event)` publishes it."""
    name = str(number)
    return Message(
        id=name,
        exchange=exchange,
        routing_key="uni.example.sis",
        body=b'[[%s], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]' % event,
        headers={"lang": "py", "task": TASK, "id": name, "root_id": name, "retries": 0, "ignore_result": True},
        content_type="application/json",
        content_encoding="utf-8",
        correlation_id=name,
    )


BASELINES = (
    Baseline("plain", "plain", lambda choices: choices.threads),
    Baseline("faststream", "faststream_httpx", lambda choices: choices.at_once),
    Baseline("celery", "celery_threads", lambda choices: choices.threads, as_task),
)
CONTESTANTS: dict[str, Contestant] = {"adapter": run_adapter, **{one.name: one.run for one in BASELINES}}
