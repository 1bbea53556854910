"""`python -m tests.benchmarks`: the adapter beside three other consumers, and each target, on private servers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from adapter.observe.logging import configure
from tests.benchmarks.bench import Bench
from tests.benchmarks.choices import FULL, QUICK, USUAL, Choices
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.parts import PARTS
from tests.benchmarks.plot import draw
from tests.benchmarks.report import Report
from tests.benchmarks.row import Measured
from tests.benchmarks.stage import private_place
from tests.services.fixtures import PrivateServers
from tests.services.processes import ServerFailedError
from tests.values import replace

FOLDER = Path(__file__).parents[2] / "var" / "bench"
WIDTH = 160
"""Columns of the report where it does not go to a terminal."""


app = typer.Typer(add_completion=False)


@app.command()
def main(
    *,
    full: Annotated[bool, typer.Option("--full", help="The sizes that the targets are about; takes long.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, to see that it works.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="PART", help=f"Of {', '.join(PARTS)}; may be repeated. Else all.")
    ] = None,
    bookings: Annotated[int | None, typer.Option(min=1, help="Bookings of the season.")] = None,
    sittings: Annotated[int | None, typer.Option(min=1, help="Sittings of the season.")] = None,
    latency_ms: Annotated[float | None, typer.Option(min=0, help="What every Cirrus call takes longer.")] = None,
    linger_s: Annotated[float | None, typer.Option(min=0, help="How long the adapter lets a burst gather.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls at once by the adapter.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the baselines that have some.")] = None,
    at_once: Annotated[int | None, typer.Option(min=1, help="Calls at once by the asynchronous baseline.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides the order of the events.")] = None,
    repeat: Annotated[int | None, typer.Option(min=1, help="Runs of each contestant; medians are shown.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the JSON; else one in var/bench. The plot is beside.")
    ] = None,
) -> None:
    """Measure what a season takes of time, Cirrus calls, CPU and memory, and how soon an urgent booking is confirmed.

    Ends with 1 when a result is wrong; a missed target is only told.
    """
    if full and quick:
        raise typer.BadParameter("--full and --quick exclude each other")
    if unknown := set(only or ()) - PARTS.keys():
        raise typer.BadParameter(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    configure("warning")
    changed: dict[str, Any] = {
        "bookings": bookings,
        "sittings": sittings,
        "latency_ms": latency_ms,
        "linger_s": linger_s,
        "concurrency": concurrency,
        "threads": threads,
        "at_once": at_once,
        "seed": seed,
        "repeat": repeat,
    }
    size = FULL if full else QUICK if quick else USUAL
    choices = replace(size, **{name: value for name, value in changed.items() if value is not None})
    notes = Console(stderr=True)
    file = out or FOLDER / f"{_now():%Y%m%d-%H%M%S}.json"
    report = _run(choices, only or list(PARTS), notes)
    _write(report, file)
    terminal = Console()
    report.show(terminal if terminal.is_terminal else Console(width=WIDTH))
    notes.print(f"written to {file}", highlight=False)
    raise typer.Exit(1 if report.problems else 0)


def _run(choices: Choices, names: Sequence[str], notes: Console) -> Report:
    def say(text: str) -> None:
        notes.print(f"... {text}", style="dim", highlight=False)

    servers = PrivateServers()
    try:
        broker, database = servers.rabbit(), servers.postgres()
        bench = Bench(lambda: private_place(broker.result(), database.result()), choices, _now, say)
        with bench.open_place() as place:
            say("the machine")
            machine = describe_machine(place)
        return Report(machine, choices, {name: _measure(name, bench) for name in names})
    finally:
        servers.close()


def _measure(name: str, bench: Bench) -> Measured:
    """Measure one part; where it does not come to an end, that is wrong, and the others are measured all the same."""
    try:
        return PARTS[name](bench)
    except (TimeoutError, ServerFailedError) as error:
        return Measured((), (str(error),))


def _write(report: Report, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2))
    if report.runs:
        draw(report.runs, file.with_suffix(".png"))


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the benchmark is its own composition root


if __name__ == "__main__":
    app()
