"""The benchmark itself: each part of it runs at a tiny size, its results are right, and the report is complete."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from tests.benchmarks.adapters import CONFIRMED
from tests.benchmarks.bench import Bench
from tests.benchmarks.choices import Choices
from tests.benchmarks.parts import PARTS
from tests.benchmarks.plot import draw
from tests.benchmarks.report import Report
from tests.benchmarks.stage import Place, private_place
from tests.services.postgres import PostgresServer
from tests.services.rabbit import RabbitServer

TINY = Choices(
    bookings=200,
    sittings=4,
    latency_ms=5,
    linger_s=1,
    concurrency=4,
    threads=8,
    at_once=8,
    due=200,
    unread=400,
    probes=2,
    probe_every_s=0.1,
    split=8,
    starts=1,
    history=(400, 800),
    notices=300,
)


@pytest.fixture
def open_place(rabbit: RabbitServer, postgres: PostgresServer) -> Callable[[], AbstractContextManager[Place]]:
    """Lend what opens a place for each run."""
    rabbit.ensure_running()
    postgres.ensure_running()
    return lambda: private_place(rabbit, postgres)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", [name for name in PARTS if name != "season"])
def test_each_part_gives_its_rows_and_finds_nothing_wrong(
    part: str, open_place: Callable[[], AbstractContextManager[Place]]
) -> None:
    """At a tiny size the figures say nothing, but every result is checked as at full size."""
    measured = PARTS[part](Bench(open_place, TINY, _now, lambda _: None))

    assert measured.problems == ()
    assert measured.rows
    assert all(row.value >= 0 for row in measured.rows)


@pytest.mark.timeout(300)
def test_a_tiny_season_gives_a_complete_report(
    open_place: Callable[[], AbstractContextManager[Place]], tmp_path: Path
) -> None:
    """All four seat 200 bookings, the adapter in fewer calls, and rows, runs and plot are there."""
    bench = Bench(open_place, TINY, _now, lambda _: None)

    report = Report({"cores": "2"}, TINY, {"season": PARTS["season"](bench)})

    told = json.loads(orjson.dumps(report.as_json()))
    runs = {run["name"]: run for run in told["runs"]["season"]}
    assert told["problems"] == []
    assert list(runs) == ["adapter", "plain", "faststream", "celery"]
    assert runs["adapter"]["outcomes"][CONFIRMED] == 200
    assert 4 <= runs["adapter"]["calls"] < 204  # a slow answer is asked for once more
    assert all(runs[name]["calls"] >= 204 for name in ("plain", "faststream", "celery"))
    assert told["details"]["season"]["sandbox"]["calls_per_second"] > 0
    shown = StringIO()
    report.show(Console(file=shown, width=250))
    assert all(row["name"] in shown.getvalue() for row in told["rows"])
    draw(report.runs, tmp_path / "season.png")
    assert (tmp_path / "season.png").read_bytes().startswith(b"\x89PNG")


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the worker under test runs by the host's clock, and exams lie ahead of it
