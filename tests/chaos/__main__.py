"""`python -m tests.chaos`: break everything for a while, and class every event of it."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adapter.observe.logging import configure
from tests.chaos.lanes import EVERYTHING, LANES, Lane, Outcome, run_lane
from tests.chaos.report import show
from tests.services import clock, postgres, rabbit
from tests.services.postgres import PostgresServer
from tests.services.processes import Leash
from tests.services.rabbit import RabbitServer

FOLDER = Path(__file__).parents[2] / "var" / "chaos"
WIDTH = 120
"""Columns of the report where it does not go to a terminal."""

NAMES = ", ".join(lane.name for lane in (*LANES, EVERYTHING))


def main(
    *,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long faults strike.")] = 10.0,
    least: Annotated[int, typer.Option(min=1, help="How often each kind strikes, within three times that.")] = 100,
    seed: Annotated[int, typer.Option(help="Decides what the SIS says, and what breaks when.")] = 1,
    lanes: Annotated[str, typer.Option(help=f"Some of: {NAMES}.")] = ",".join(lane.name for lane in LANES),
) -> None:
    """Break every part of real installations, then count what is settled, lost, duplicated or unexpected.

    Exits with 1 unless everything is settled; logs and facts are in var/chaos then.
    """
    configure("critical")
    chosen = [lane for lane in (*LANES, EVERYTHING) if lane.name in lanes.split(",")]
    if not chosen:
        raise typer.BadParameter(f"name some of: {NAMES}")
    now = datetime.now(UTC)  # noqa: TID251 - the SIS of this run begins now
    folder = FOLDER / f"{now:%Y%m%d-%H%M%S}"
    notes = Console(stderr=True)
    outcomes = run_lanes(
        chosen,
        folder,
        seconds=minutes * 60,
        least=least,
        seed=seed,
        now=now,
        say=lambda text: notes.print(f"... {text}", style="dim", highlight=False),
    )
    terminal = Console()
    show(outcomes, terminal if terminal.is_terminal else Console(width=WIDTH))
    if len(outcomes) == len(chosen) and all(outcome.judgement.good for outcome in outcomes):
        shutil.rmtree(folder)
        return
    notes.print(f"logs and facts are in {folder}", highlight=False)
    raise typer.Exit(1)


def run_lanes(
    lanes: Sequence[Lane],
    folder: Path,
    *,
    seconds: float,
    least: int,
    seed: int,
    now: datetime,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Run the lanes side by side, on private servers; return what came of those that could be run to the end."""
    for kit in (rabbit, postgres, clock):
        kit.ensure_installed()
    with _servers(lanes) as servers, ThreadPoolExecutor(len(lanes)) as pool, _leash() as leash:
        say(f"servers are up for {', '.join(lane.name for lane in lanes)}")
        running = [
            pool.submit(
                run_lane, lane, place, folder, leash, seconds=seconds, least=least, seed=f"{seed}", now=now, say=say
            )
            for lane, place in zip(lanes, servers, strict=True)
        ]
        outcomes: list[Outcome] = []
        for lane, each in zip(lanes, running, strict=True):
            if (error := each.exception()) is None:
                outcomes.append(each.result())
            else:
                say(f"{lane.name} was given up: {error!r}")
        return outcomes


@contextmanager
def _servers(lanes: Sequence[Lane]) -> Iterator[list[tuple[RabbitServer, PostgresServer]]]:
    """Lend each lane its servers, most of them shared."""
    with ExitStack() as stack:
        leash = stack.enter_context(_leash())
        brokers = {name: RabbitServer(leash) for name in {_broker_of(lane) for lane in lanes}}
        databases = {name: PostgresServer(leash) for name in {_database_of(lane) for lane in lanes}}
        for server in (*brokers.values(), *databases.values()):
            stack.callback(server.kill)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(), (*brokers.values(), *databases.values())))
        yield [(brokers[_broker_of(lane)], databases[_database_of(lane)]) for lane in lanes]


def _broker_of(lane: Lane) -> str:
    return lane.name if lane.own_broker else ""


def _database_of(lane: Lane) -> str:
    return lane.name if lane.own_database else ""


@contextmanager
def _leash() -> Iterator[Leash]:
    leash = Leash()
    try:
        yield leash
    finally:
        leash.close()


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
