"""The day of the demo, twice and out of order, with the worker killed again and again: it ends as one calm run does."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from adapter.cli.demo.day import load_day
from tests.chaos.day_runner import opened, run_day

KILLS = 10
LINGER = 6.0
"""Seconds: long enough that a day published at once is in the ledger before anything is converged."""

AHEAD = timedelta(hours=1)
"""The day is told as of later: within twenty minutes of an exam, what Cirrus prepares depends on the minute."""

SEED = 1


@pytest.mark.timeout(600)
def test_a_worker_killed_ten_times_leaves_what_a_calm_one_leaves(
    tmp_path: Path, amqp_url: str, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same seats in Cirrus, and the same set of outcome ids, whatever the order and wherever it was killed."""
    now = datetime.now(UTC)  # noqa: TID251 - the worker under test runs by the database's clock
    day = load_day(now + AHEAD)
    with opened(tmp_path, amqp_url, postgres_url, linger=LINGER) as world:
        calm = run_day(world, day.events, kills=0, chance=Random(0))

    chance = Random(SEED)
    twice = [body for _ in range(2) for body in chance.sample(day.events, len(day.events))]
    with opened(tmp_path, amqp_url, postgres_url, linger=LINGER) as world:
        wild = run_day(world, twice, kills=KILLS, chance=chance)
    with capsys.disabled():
        sys.stdout.write(f"\n{KILLS} kills, {wild.read_backs} read-backs, {wild.repeated} outcomes told twice ")
    differences = list(_differences(calm.cirrus, wild.cirrus))
    assert differences == [], "\n".join(differences)
    assert wild.outcomes == calm.outcomes
    assert wild.dead == calm.dead
    assert wild.unsettled == calm.unsettled == 0


def _differences(calm: object, wild: object, path: str = "$") -> Iterator[str]:
    """Name the places where two states of the sandbox differ, so that a failure can be read."""
    if isinstance(calm, dict) and isinstance(wild, dict):
        for key in sorted(calm.keys() | wild.keys()):
            yield from _differences(calm.get(key), wild.get(key), f"{path}.{key}")
    elif calm != wild:
        yield f"{path}: {calm} != {wild}"
