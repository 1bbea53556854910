"""`python -m tests.fuzz`: hostile inputs, by the hundred thousand, wherever bytes of strangers come in."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.fuzz.guided import guided
from tests.fuzz.run import Outcome, replayed, run_in_processes

FOLDER = Path(__file__).parents[2] / "var" / "fuzz"
NAMES = ("message", "frames", "answer", "results", "transport", "webhook", "http", "settings", "ids")
WIDTH = 120
"""Columns of the table where it does not go to a terminal."""


def main(
    *,
    inputs: Annotated[
        int, typer.Option(min=1, help="Inputs for each surface; those behind a socket get fewer.")
    ] = 200_000,
    surface: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(NAMES)}; all of them by default.")
    ] = None,
    seed: Annotated[int, typer.Option(min=1, help="The inputs follow from it.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once, each with the next seed.")] = os.cpu_count() or 1,
    keep: Annotated[Path, typer.Option(help="Folder for inputs that break a promise.")] = FOLDER,
    replay: Annotated[Path | None, typer.Option(help="Feed this file to the one surface, and nothing else.")] = None,
    atheris: Annotated[
        bool, typer.Option("--atheris", help="Let atheris look for inputs, for the one surface.")
    ] = False,
) -> None:
    """Show that no input crashes, hangs or exhausts the adapter, and that none is quoted where it is refused."""
    names = surface or list(NAMES)
    if unknown := set(names) - set(NAMES):
        raise typer.BadParameter(f"no surface: {', '.join(sorted(unknown))}")
    if (atheris or replay is not None) and len(names) != 1:
        raise typer.BadParameter("name one --surface")
    if atheris:
        guided(names[0], inputs=inputs, seed=seed, keep=keep)
    if replay is not None:
        Console().print(replayed(names[0], replay.read_bytes()), markup=False)
        return
    outcomes = []
    notes = Console(stderr=True, highlight=False)
    for name in names:
        outcome = run_in_processes(name, inputs, seed, jobs)
        notes.print(f"... {outcome.surface}: {outcome.ends.total():,} inputs", style="dim")
        for failure in outcome.failures:
            file = failure.keep(keep, outcome.surface)
            notes.print(
                f"seed {failure.seed}, input {failure.number}: {failure.error}\n    kept in {file}", markup=False
            )
        outcomes.append(outcome)
    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=WIDTH)).print(_table(outcomes))
    raise typer.Exit(1 if any(outcome.failures for outcome in outcomes) else 0)


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("surface", "ends", box=None, pad_edge=False)
    for title in ("inputs", "inputs/s", "longest", "peak"):
        table.add_column(title, justify="right", no_wrap=True)
    for each in outcomes:
        ends = ", ".join(f"{end} {count:,}" for end, count in each.ends.most_common())
        table.add_row(
            each.surface,
            ends,
            f"{each.ends.total():,}",
            f"{each.ends.total() / each.seconds:,.0f}",
            f"{each.longest:.2f} s",
            f"{each.peak / 1e6:,.0f} MB",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
