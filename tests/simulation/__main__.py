"""`python -m tests.simulation seeds --count 50000`, one that failed: `seeds --first 1234 --count 1`, or `crash`."""

import os
import time
from collections import Counter
from functools import partial
from typing import Annotated

import typer

from tests.simulation.crash import CALM, calm_run, differences
from tests.simulation.run import on_all_processors, run_seed

MOST_SHOWN = 5
EVERY = 500
CORES = os.cpu_count() or 1

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def seeds(
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 2000,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="At once.")] = CORES,
) -> None:
    """Run the story of each seed, print those that break a promise, and exit 1 when there is one."""
    began = time.monotonic()
    failed, calls = 0, 0
    faults: Counter[str] = Counter()
    for number, outcome in enumerate(on_all_processors(run_seed, range(first, first + count), processes), 1):
        faults += outcome.faults
        calls += outcome.calls
        if outcome.broken:
            failed += 1
            typer.echo(f"seed {outcome.seed}: " + "; ".join(outcome.broken[:MOST_SHOWN]))
        if number % EVERY == 0:
            typer.echo(f"{number} of {count}, {number / (time.monotonic() - began):.1f} a second", err=True)
    typer.echo(f"{count} seeds, {failed} failed, {calls} calls; faults: {dict(sorted(faults.items()))}")
    raise typer.Exit(1 if failed else 0)


@app.command()
def crash(processes: Annotated[int, typer.Option(min=1, help="At once.")] = CORES) -> None:
    """Stop dead at every point of every story, print what ends in another way, and exit 1 when anything does."""
    failed = 0
    for name in CALM:
        calm = calm_run(name)
        for broken in on_all_processors(partial(differences, calm), range(1, calm.points + 1), processes):
            failed += bool(broken)
            for difference in broken[:MOST_SHOWN]:
                typer.echo(difference)
        calls = dict(sorted(calm.calls.items()))
        typer.echo(f"{name}: {calm.points} crash points, before and after {calm.calls.total()} calls: {calls}")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    app()
