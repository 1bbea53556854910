"""The plot: bookings confirmed over time, a line for each contestant's run of the season."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.benchmarks.contestants import Run

COLOURS = ("#0b6e4f", "#c8553d", "#3d5a80", "#8d6a9f")
INCHES = (9.0, 5.0)


def draw(runs: Mapping[str, Sequence[Run]], file: Path) -> None:
    """Write the plot as PNG; no window is opened."""
    figure = Figure(figsize=INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for (name, of_one), colour in zip(runs.items(), COLOURS, strict=False):
        for number, run in enumerate(of_one):
            seconds, _, confirmed = zip(*run.race.curve, strict=True)
            axes.plot(seconds, confirmed, color=colour, label=name if number == 0 else None)
    axes.set_xlabel("seconds from the first publish")
    axes.set_ylabel("bookings confirmed")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=150)
