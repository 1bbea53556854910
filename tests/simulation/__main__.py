"""Simulate: `python -m tests.simulation --seeds 50000`, or one that failed: `--first 1234 --seeds 1`."""

import os
import time
from collections import Counter
from typing import Annotated

import typer

from tests.simulation.run import run_seeds

MOST_SHOWN = 5
EVERY = 500


def simulate(
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 2000,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="At once.")] = os.cpu_count() or 1,
) -> None:
    """Run the story of each seed, print those that break a rule, and exit 1 when there is one."""
    began = time.monotonic()
    failed: list[int] = []
    faults: Counter[str] = Counter()
    calls = 0
    for number, outcome in enumerate(run_seeds(range(first, first + seeds), processes), 1):
        faults += outcome.faults
        calls += outcome.calls
        if outcome.broken:
            failed.append(outcome.seed)
            typer.echo(f"seed {outcome.seed}: " + "; ".join(outcome.broken[:MOST_SHOWN]))
        if number % EVERY == 0:
            typer.echo(f"{number} of {seeds}, {number / (time.monotonic() - began):.1f} a second", err=True)
    typer.echo(f"{seeds} seeds, {len(failed)} failed, {calls} calls; faults: {dict(sorted(faults.items()))}")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(simulate)
