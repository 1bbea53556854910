"""How the benchmark judges: rows beside their targets, percentiles, and the contestants beside each other."""

import re
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from orjson import loads
from rich.console import Console
from typer.testing import CliRunner

from tests.benchmarks import __main__ as program
from tests.benchmarks import machine
from tests.benchmarks.choices import FULL, QUICK, USUAL
from tests.benchmarks.contestants import Run, as_task
from tests.benchmarks.race import Race
from tests.benchmarks.report import Report
from tests.benchmarks.row import Measured, Row, at_least, at_most, percentile
from tests.benchmarks.rows import season as rows
from tests.benchmarks.season import make_season, make_urgent

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
PINS = Path(__file__).parents[2] / "deploy" / "requirements" / "dev.txt"


def test_a_row_is_met_on_its_limit_and_missed_beyond() -> None:
    """The limit itself is good enough, in both directions."""
    assert [at_most("x", value, 1.0, ".1f").met for value in (0.9, 1.0, 1.1)] == [True, True, False]
    assert [at_least("x", value, 1.0, ".1f").met for value in (0.9, 1.0, 1.1)] == [False, True, True]


def test_a_row_is_written_for_people_and_for_programs() -> None:
    """Target and measured figure are texts in one form; the value is a number."""
    assert at_most("x", 1234.5, 2000, ",.0f", "why") == Row("x", "at most 2,000", "1,234", True, 1234.5, "why")


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (99, 4), (100, 4), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    """Of few values the 99th percentile is the largest, not something between two."""
    assert percentile([4, 1, 3, 2], percent) == expected


def _run(name: str, *, seconds: float, calls: int, cpu: float) -> Run:
    race = Race(1.0, seconds, seconds, seconds, cpu, 100 * 2**20, ((0.0, 0, 0), (seconds, 200, 200)))
    return Run(name, race, calls, 8, 0.5, {}, ())


def test_the_adapter_is_compared_with_the_best_of_the_baselines() -> None:
    """A rate is compared with each by name, CPU with whoever needs least."""
    season = make_season(200, 4, seed=1, now=NOW)
    runs = {
        "adapter": [_run("adapter", seconds=1, calls=4, cpu=0.1)],
        "plain": [_run("plain", seconds=4, calls=204, cpu=0.4)],
        "faststream": [_run("faststream", seconds=6, calls=204, cpu=0.2)],
        "celery": [_run("celery", seconds=8, calls=204, cpu=0.8)],
    }

    found = {row.name: row.value for row in (*rows.speed(season, runs), *rows.cost(season, runs))}

    assert found["season: times plain kombu + requests"] == 4
    assert found["season: times FastStream + httpx"] == 6
    assert found["season: times Celery with threads"] == 8
    assert found["season: CPU, times the best baseline's"] == pytest.approx(0.5)
    assert found["season: worker's CPU ms per booking"] == pytest.approx(0.5)


def test_a_wrong_result_stands_in_the_report_and_a_missed_target_too() -> None:
    """What is wrong is told with the part that has found it."""
    part = Measured((at_most("seconds", 3.0, 1.0, ".1f"),), ("7 seats are missing",))
    report = Report({"cores": "2"}, USUAL, {"paced": part})
    shown = StringIO()

    report.show(Console(file=shown, width=200))

    assert report.problems == ("paced: 7 seats are missing",)
    assert "WRONG paced: 7 seats are missing" in shown.getvalue()
    assert "MISSED" in shown.getvalue()


def test_an_unknown_part_and_two_sizes_at_once_are_refused() -> None:
    """Nothing is started for an order that cannot be meant."""
    for arguments in (["--only", "nothing"], ["--full", "--quick"]):
        assert CliRunner().invoke(program.app, arguments).exit_code == 2


def test_the_full_size_is_that_of_the_targets() -> None:
    """120,000 bookings of 30,000 students in 1,200 sittings, and 100,000 rows before an urgent one."""
    assert (FULL.bookings, FULL.sittings, FULL.due, FULL.unread) == (120_000, 1_200, 100_000, 100_000)
    assert FULL.history == (10_000, 1_000_000)
    assert QUICK.bookings < USUAL.bookings <= 10_000


def test_an_urgent_exam_is_in_no_season_and_starts_in_ten_minutes() -> None:
    """Its booking can be told from all others."""
    season = make_season(200, 4, seed=1, now=NOW)
    urgent = make_urgent(3, now=NOW)

    assert urgent.booking_id not in season.associations
    assert loads(urgent.exam)["data"]["startDateTime"] == "2026-01-05T09:10:00+00:00"
    assert loads(urgent.booking)["id"] == urgent.event_id


def test_a_task_carries_the_event_as_its_only_argument() -> None:
    """Celery's protocol 2: arguments, keywords and what follows in the body, the rest in headers."""
    message = as_task(5, b'{"type": "x"}', "exchange")

    arguments, keywords, _ = loads(message.body)
    assert (arguments, keywords) == ([{"type": "x"}], {})
    assert (message.headers["task"], message.headers["id"], message.correlation_id) == ("tell", "5", "5")


def test_a_package_in_the_place_of_urllib3_ends_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures would be about another HTTP client than the one that is pinned."""
    monkeypatch.setattr(machine, "packages_distributions", lambda: {"urllib3": ["urllib3", "urllib3-future"]})

    with pytest.raises(RuntimeError, match="urllib3-future"):
        machine.urllib3_of_its_own()


def test_no_pinned_package_takes_the_place_of_urllib3() -> None:
    """Niquests and its like bring a fork that is installed over urllib3 itself."""
    names = set(re.findall(r"^([a-z0-9-]+)==", PINS.read_text(), re.MULTILINE))

    assert "urllib3" in names
    assert names & {"urllib3-future", "niquests"} == set()
