"""Crash at every step: every call of every loop to the world outside, stopped dead before it and after it."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapter.observe.catalogue import LOOPS
from tests.simulation.crash import calm_run

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(1800)
def test_a_process_may_stop_at_any_point(capsys: pytest.CaptureFixture[str]) -> None:
    """Started again, it ends as the calm run does: the same in Cirrus, the same told under the same ids."""
    command = [sys.executable, "-m", "tests.simulation", "crash"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    with capsys.disabled():
        sys.stdout.write(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_port_has_points() -> None:
    """Broker, ledger, Cirrus and clock are called, and each call is two points; a few are under way at the end."""
    calm = calm_run("at_once")
    assert {name.split(".")[0] for name in calm.calls} == {"broker", "cirrus", "clock", "ledger"}
    under_way = 2 * calm.calls.total() - calm.points
    assert 0 <= under_way <= len(LOOPS)
