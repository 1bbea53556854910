"""`python -m tests.benchmarks`: the adapter beside a plain consumer, and its webhook, on private servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from adapter.observe.logging import configure
from tests.benchmarks.bench import run_benchmark
from tests.benchmarks.contestants import Choices
from tests.benchmarks.notices import NOTICES
from tests.benchmarks.report import Report
from tests.benchmarks.stage import Place
from tests.services import postgres, rabbit
from tests.services.fixtures import PrivateServers
from tests.services.processes import Leash

FOLDER = Path(__file__).parents[2] / "var" / "bench"
WIDTH = 120
"""Columns of the report where it does not go to a terminal."""


def main(
    *,
    bookings: Annotated[int | None, typer.Option(min=1, help="Bookings; 10,000, or 1,000 with --quick.")] = None,
    sittings: Annotated[int | None, typer.Option(min=1, help="Sittings; 100, or 20 with --quick.")] = None,
    latency_ms: Annotated[float, typer.Option(min=0, help="What every Cirrus call takes longer.")] = 100.0,
    linger_s: Annotated[float, typer.Option(min=0, help="How long the adapter lets a burst gather.")] = 5.0,
    concurrency: Annotated[int, typer.Option(min=1, help="Calls at once by the adapter.")] = 8,
    threads: Annotated[int, typer.Option(min=1, help="Threads, and so calls at once, of the baseline.")] = 32,
    batch: Annotated[int, typer.Option(min=1, help="Candidates in one call by the adapter, at most.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides the order of the events.")] = 1,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each contestant; medians are shown.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A small season, to see that it works.")] = False,
    out: Annotated[Path | None, typer.Option(help="File for the JSON report; else one in var/bench.")] = None,
) -> None:
    """Measure bookings per second, Cirrus calls, CPU and memory, beside a plain kombu + requests consumer."""
    configure("warning")
    bookings = bookings or (1_000 if quick else 10_000)
    sittings = sittings or (20 if quick else 100)
    now = datetime.now(UTC)  # noqa: TID251 - the benchmark is its own composition root
    choices = Choices(latency_ms, linger_s, concurrency, batch, threads, patience=60 + bookings / 20)
    notes = Console(stderr=True)
    servers = PrivateServers()
    try:
        report = run_benchmark(
            lambda: _private_place(servers),
            choices,
            bookings=bookings,
            sittings=sittings,
            seed=seed,
            repeat=repeat,
            notices=1_000 if quick else NOTICES,
            now=now,
            say=lambda text: notes.print(f"... {text}", style="dim", highlight=False),
        )
    finally:
        servers.close()
    file = out or FOLDER / f"{now:%Y%m%d-%H%M%S}.json"
    _write(report, file)
    terminal = Console()
    report.show(terminal if terminal.is_terminal else Console(width=WIDTH))
    notes.print(f"written to {file}", highlight=False)
    raise typer.Exit(1 if report.problems else 0)


@contextmanager
def _private_place(servers: PrivateServers) -> Iterator[Place]:
    """Lend a fresh virtual host and database in servers of our own, and a folder that is gone afterwards."""
    broker, database = servers.rabbit(), servers.postgres()
    admin_url = broker.result().admin_url
    amqp_url = rabbit.create_vhost(admin_url, broker.result().url)
    postgres_url = postgres.create_database(database.result().url)
    leash = Leash()
    try:
        yield Place(amqp_url, postgres_url, leash)
    finally:
        leash.close()
        rabbit.delete_vhost(admin_url, amqp_url)
        postgres.drop_database(database.result().url, postgres_url)


def _write(report: Report, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    typer.run(main)
