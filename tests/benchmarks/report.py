"""The report: every row beside its target, the contestants side by side, and everything as JSON."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.choices import FULL, Choices
from tests.benchmarks.contestants import Run
from tests.benchmarks.row import Measured

VERDICTS = {True: "met", False: "MISSED", None: ""}


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the contestants' table: how it is read off a run, and how it is written."""

    name: str
    read: Callable[[Run], float]
    form: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that one benchmark has found, by the name of the part that has found it."""

    machine: Mapping[str, str]
    choices: Choices
    parts: Mapping[str, Measured]

    @property
    def problems(self) -> tuple[str, ...]:
        """Whatever is wrong with what the runs left behind; a figure of a wrong run means nothing."""
        return tuple(f"{name}: {problem}" for name, part in self.parts.items() for problem in part.problems)

    @property
    def runs(self) -> Mapping[str, Sequence[Run]]:
        """The season's runs, by contestant."""
        runs: dict[str, list[Run]] = {}
        if season := self.parts.get("season"):
            for run in season.runs:
                runs.setdefault(run.name, []).append(run)
        return runs

    def as_json(self) -> dict[str, Any]:
        """Return everything, plain."""
        return {
            "machine": dict(self.machine),
            "settings": asdict(self.choices),
            "rows": [{"part": name, **asdict(row)} for name, part in self.parts.items() for row in part.rows],
            "problems": list(self.problems),
            "details": {name: dict(part.details) for name, part in self.parts.items()},
            "runs": {name: [asdict(run) for run in part.runs] for name, part in self.parts.items()},
        }

    def show(self, console: Console) -> None:
        """Print the report for people."""
        for name, value in {**self.machine, **_settings(self.choices)}.items():
            console.print(f"{name}: {value}", highlight=False, soft_wrap=True)
        if self.runs:
            console.print(self._contestants())
        console.print(self._rows())
        for problem in self.problems:
            console.print(f"WRONG {problem}", style="bold red", highlight=False, soft_wrap=True)
        if self.choices.bookings < FULL.bookings:
            console.print("the targets are about --full: in a smaller season the linger weighs more")
        if not self.problems:
            console.print("nothing is wrong: every seat that was looked for is there, and each booking was told once")

    def _rows(self) -> Table:
        table = Table("", "target", "measured", "", "notes")
        for part in self.parts.values():
            for row in part.rows:
                table.add_row(row.name, row.target, row.measured, VERDICTS[row.met], row.notes)
        return table

    def _contestants(self) -> Table:
        table = Table("the season", *self.runs)
        for column in table.columns[1:]:
            column.justify = "right"
        for figure in _figures(self.choices.bookings):
            read = [[figure.read(run) for run in runs] for runs in self.runs.values()]
            table.add_row(figure.name, *(_spread(values, figure.form) for values in read))
        return table


def _figures(bookings: int) -> Iterator[Figure]:
    yield Figure("bookings/s, to the last booking confirmed", lambda run: bookings / run.race.confirmed_in, ",.0f")
    yield Figure("bookings/s, to the last seat in Cirrus", lambda run: bookings / run.race.seated_in, ",.0f")
    yield Figure("bookings/s, to the last outcome published", lambda run: bookings / run.race.finished_in, ",.0f")
    yield Figure("seconds to publish the events", lambda run: run.race.published_in, ".2f")
    yield Figure("seconds to the last booking confirmed", lambda run: run.race.confirmed_in, ".2f")
    yield Figure("Cirrus calls", lambda run: run.calls, ",.0f")
    yield Figure("most calls at one time", lambda run: run.most_at_once, ".0f")
    yield Figure("CPU ms per booking (its process)", lambda run: run.race.cpu * 1000 / bookings, ".3f")
    yield Figure("peak memory MB (its process)", lambda run: run.race.peak / 2**20, ",.0f")
    yield Figure("seconds from start to ready", lambda run: run.start_in, ".2f")


def _settings(choices: Choices) -> dict[str, str]:
    return {
        "season": f"{choices.bookings:,} bookings of {choices.sittings:,} sittings, shuffled (seed {choices.seed})",
        "Cirrus": f"{choices.latency_ms:g} ms latency, no pacing unless a row says so",
        "adapter": f"linger {choices.linger_s:g} s, {choices.concurrency} calls at once with {choices.batch_size} "
        "candidates in each; launch links sealed; all else as shipped",
        "baselines": f"no ledger, no outcomes; plain (kombu + requests) and celery with {choices.threads} threads, "
        f"faststream (aio-pika + httpx) with {choices.at_once} calls at once",
        "runs of each": str(choices.repeat),
    }


def _spread(values: Sequence[float], form: str) -> str:
    """Write the median, and how far the runs lie apart where there are several."""
    middle = f"{median(values):{form}}"
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"
