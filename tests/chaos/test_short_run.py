"""A short run of what `make chaos` does for minutes: everything breaks at least once, and every event is settled."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chaos.checker import describe
from tests.chaos.lanes import EVERYTHING, LANES, Lane, run_lane
from tests.services import clock
from tests.services.fixtures import give_up
from tests.services.packages import UnavailableError
from tests.services.postgres import PostgresServer
from tests.services.processes import Leash
from tests.services.rabbit import RabbitServer

SECONDS = 5.0
"""How long each lane is broken at the least; a kind that has not struck by then is waited for."""

DISK = next(lane for lane in LANES if lane.name == "disk")


@pytest.fixture
def leash() -> Iterator[Leash]:
    """Lend a leash that ends the workers, whatever happens."""
    leash = Leash()
    yield leash
    leash.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lane", [EVERYTHING, DISK], ids=lambda lane: lane.name)
def test_whatever_breaks_every_event_is_settled(
    lane: Lane,
    rabbit: RabbitServer,
    postgres: PostgresServer,
    tmp_path: Path,
    leash: Leash,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is lost, nothing is done twice, nothing is there that nobody wanted."""
    rabbit.ensure_running()
    postgres.ensure_running()
    now = datetime.now(UTC)  # noqa: TID251 - the SIS begins now, as the ledger's clock does
    try:
        clock.ensure_installed()
        outcome = run_lane(
            lane, (rabbit, postgres), tmp_path, leash, seconds=SECONDS, least=1, seed="1", now=now, say=print
        )
    except UnavailableError as error:
        give_up(error)
    with capsys.disabled():
        sys.stdout.write(f"\n{outcome.strikes.total()} faults, {outcome.judgement.classes.total()} events ")
    assert outcome.judgement.good, f"{describe(outcome.judgement.findings)}\nlogs and facts: {outcome.folder}"
    assert 0 not in outcome.strikes.values(), outcome.strikes
