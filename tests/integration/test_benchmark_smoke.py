"""The benchmark itself: a tiny season runs through both contestants and the report is complete."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO

import orjson
import pytest
from rich.console import Console

from adapter.ledger.sealing import new_key
from tests.benchmarks.bench import run_benchmark
from tests.benchmarks.contestants import CONFIRMED, Choices
from tests.benchmarks.stage import Place
from tests.services.processes import Leash

NOW = datetime.now(UTC)  # noqa: TID251 - the worker under test runs by the host's clock, and exams lie ahead of it
TINY = Choices(latency_ms=5, linger_s=1, concurrency=4, batch_size=100, threads=8, patience=40)


@pytest.mark.timeout(90)
def test_a_tiny_season_gives_a_complete_report_without_problems(amqp_url: str, postgres_url: str) -> None:
    """Both contestants seat all of 200 bookings, each is told once, and every figure and target is in the report."""
    key = new_key()

    @contextmanager
    def place() -> Iterator[Place]:
        leash = Leash()
        try:
            yield Place(amqp_url, postgres_url, leash, key)
        finally:
            leash.close()

    report = run_benchmark(
        place, TINY, bookings=200, sittings=4, seed=7, repeat=1, notices=300, now=NOW, say=lambda _: None
    )

    told = json.loads(orjson.dumps(report.as_json()))
    assert told["problems"] == []
    assert told["season"] == {"bookings": 200, "sittings": 4, "least_calls": 4, "seed": 7}
    assert [run["name"] for run in told["runs"]] == ["adapter", "plain"]
    assert told["runs"][0]["outcomes"][CONFIRMED] == 200
    assert 4 <= told["runs"][0]["calls"] < 204 <= told["runs"][1]["calls"]  # a slow answer is asked for once more
    assert all(value > 0 for run in told["medians"].values() for value in run.values())
    assert told["sandbox"]["calls_per_second"] > 0
    assert told["notices"]["per_second"] > 0
    assert {"processor", "cores", "RabbitMQ", "PostgreSQL"} <= told["machine"].keys()
    shown = StringIO()
    report.show(Console(file=shown, width=200))
    assert all(target["name"] in shown.getvalue() for target in told["targets"])
