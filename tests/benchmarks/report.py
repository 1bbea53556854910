"""The report: medians of all runs as a table, each figure that has a target against it, and everything as JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.capacity import Capacity
from tests.benchmarks.contestants import Choices, Run
from tests.benchmarks.notices import NoticeRates
from tests.benchmarks.season import Season


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: how it is read off a run, and how it is written."""

    name: str
    read: Callable[[Run], float]
    form: str


@dataclass(frozen=True, slots=True)
class Target:
    """One measured figure beside what it has to be."""

    name: str
    value: float
    limit: float
    at_most: bool
    form: str

    @property
    def met(self) -> bool:
        """Whether it is as it has to be."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def line(self) -> str:
        """Return the line for people."""
        verdict, word = "met   " if self.met else "MISSED", "at most" if self.at_most else "at least"
        return f"{verdict} {self.name}: {self.value:{self.form}} ({word} {self.limit:{self.form}})"


@dataclass(frozen=True, slots=True)
class Report:
    """All that one benchmark has found."""

    machine: Mapping[str, str]
    season: Season
    choices: Choices
    seed: int
    sandbox: Capacity
    adapter: tuple[Run, ...]
    plain: tuple[Run, ...]
    notices: NoticeRates

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every line of the table."""
        bookings = len(self.season.bookings)
        return (
            Figure("bookings/s, to the last booking confirmed", lambda run: bookings / run.race.confirmed_in, ",.0f"),
            Figure("bookings/s, to the last seat in Cirrus", lambda run: bookings / run.race.seated_in, ",.0f"),
            Figure("bookings/s, to the last outcome published", lambda run: bookings / run.race.finished_in, ",.0f"),
            Figure("seconds to publish the events", lambda run: run.race.published_in, ".2f"),
            Figure("seconds to the last booking confirmed", lambda run: run.race.confirmed_in, ".2f"),
            Figure("Cirrus calls", lambda run: run.calls, ",.0f"),
            Figure("calls per booking", lambda run: run.calls / bookings, ".4f"),
            Figure("most calls at one time", lambda run: run.most_at_once, ".0f"),
            Figure("CPU ms per booking (consumer process)", lambda run: run.race.cpu * 1000 / bookings, ".3f"),
            Figure("peak memory MB (consumer process)", lambda run: run.race.peak / 1e6, ",.0f"),
            Figure("seconds from start to ready", lambda run: run.start_in, ".2f"),
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """Whatever is wrong with what the runs left behind; a figure of a wrong run means nothing."""
        wrong = [f"{run.name}: {problem}" for run in (*self.adapter, *self.plain) for problem in run.problems]
        return (*wrong, *(f"webhook: {problem}" for problem in self.notices.problems))

    def targets(self) -> tuple[Target, ...]:
        """Return every measured figure that has a target."""
        least = self.season.least_calls(self.choices.batch_size)
        ours, theirs = self._medians(self.adapter), self._medians(self.plain)
        rate, cpu = "bookings/s, to the last booking confirmed", "CPU ms per booking (consumer process)"
        asked = theirs["Cirrus calls"] / theirs["seconds to the last booking confirmed"]
        return (
            Target("calls per booking", ours["calls per booking"], 0.02, at_most=True, form=".4f"),
            Target("calls over the least possible", ours["Cirrus calls"] / least, 1.1, at_most=True, form=".2f"),
            Target("bookings/s over the baseline's", ours[rate] / theirs[rate], 2.0, at_most=False, form=".2f"),
            Target("CPU ms per booking", ours[cpu], 0.35, at_most=True, form=".3f"),
            Target("CPU over the baseline's", ours[cpu] / theirs[cpu], 0.4, at_most=True, form=".2f"),
            Target("peak memory MB", ours["peak memory MB (consumer process)"], 200, at_most=True, form=".0f"),
            Target("seconds from start to ready", ours["seconds from start to ready"], 1.0, at_most=True, form=".2f"),
            Target(
                "sandbox alone, calls/s, over the baseline's calls/s",
                self.sandbox.calls_per_second / asked,
                2.0,
                at_most=False,
                form=".1f",
            ),
            Target("notices accepted/s, each durable", self.notices.per_second, 300, at_most=False, form=",.0f"),
            Target("notices: ms to answer 99 % at 300/s", self.notices.paced_p99_ms, 100, at_most=True, form=".0f"),
        )

    def as_json(self) -> dict[str, Any]:
        """Return everything, plain."""
        season = {
            "bookings": len(self.season.bookings),
            "sittings": len(self.season.exams),
            "least_calls": self.season.least_calls(self.choices.batch_size),
            "seed": self.seed,
        }
        targets = [{**asdict(target), "met": target.met} for target in self.targets()]
        return {
            "machine": dict(self.machine),
            "season": season,
            "settings": asdict(self.choices),
            "sandbox": asdict(self.sandbox),
            "notices": asdict(self.notices),
            "medians": {"adapter": self._medians(self.adapter), "plain": self._medians(self.plain)},
            "targets": targets,
            "problems": list(self.problems),
            "runs": [asdict(run) for run in (*self.adapter, *self.plain)],
        }

    def show(self, console: Console) -> None:
        """Print the report for people."""
        for name, value in {**self.machine, **self._setting()}.items():
            console.print(f"{name}: {value}", highlight=False, soft_wrap=True)
        console.print(self._table())
        for target in self.targets():
            console.print(target.line(), highlight=False, soft_wrap=True)
        for problem in self.problems:
            console.print(f"WRONG {problem}", style="bold red", highlight=False, soft_wrap=True)
        if not self.problems:
            console.print(
                f"all {len(self.season.seats):,} seats are there; each booking was told confirmed under one id"
            )

    def _setting(self) -> dict[str, str]:
        season, choices, sandbox = self.season, self.choices, self.sandbox
        bookings, sittings, least = len(season.bookings), len(season.exams), season.least_calls(choices.batch_size)
        ceiling = f"{choices.threads / choices.latency_ms * 1000:,.0f}" if choices.latency_ms else "any number of"
        return {
            "season": f"{bookings:,} bookings of {sittings:,} sittings, shuffled (seed {self.seed}); "
            f"{least:,} calls at least with {choices.batch_size} candidates in each",
            "Cirrus": f"{choices.latency_ms:g} ms latency, no pacing",
            "adapter": f"linger {choices.linger_s:g} s, {choices.concurrency} calls at once, launch links sealed; "
            "all else as shipped",
            "plain": f"kombu + requests, {choices.threads} threads, so {ceiling} calls a second at best; no ledger, "
            "no outcomes",
            "sandbox alone": f"without latency {sandbox.calls_per_second:,.0f} calls a second with one candidate, "
            f"{sandbox.seats_per_second:,.0f} candidates a second in full calls",
            "webhook": f"{self.notices.notices:,} notices from {self.notices.clients} clients, sealed, in a process of "
            f"its own; half of them (99 %) are answered in {self.notices.p50_ms:.1f} ({self.notices.p99_ms:.0f}) ms at "
            f"full throttle, in {self.notices.paced_p50_ms:.1f} ({self.notices.paced_p99_ms:.0f}) ms at "
            f"{self.notices.paced_per_second:g} a second",
            "runs of each": str(len(self.adapter)),
        }

    def _table(self) -> Table:
        table = Table("", "adapter", "plain", "ratio", title=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for figure in self.figures:
            ours, theirs = _values(figure, self.adapter), _values(figure, self.plain)
            ratio = median(ours) / median(theirs) if median(theirs) else 0.0
            table.add_row(figure.name, _spread(ours, figure.form), _spread(theirs, figure.form), f"{ratio:.2f}")
        return table

    def _medians(self, runs: Sequence[Run]) -> dict[str, float]:
        return {figure.name: median(_values(figure, runs)) for figure in self.figures}


def _values(figure: Figure, runs: Iterable[Run]) -> list[float]:
    return [figure.read(run) for run in runs]


def _spread(values: Sequence[float], form: str) -> str:
    """Write the median, and how far the runs lie apart where there are several."""
    middle = f"{median(values):{form}}"
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} to {max(values):{form}})"
