"""Crash at every step: every call of every loop to the world outside, stopped dead before it and after it."""

import sys

import pytest

from tests.simulation.crash import CALM, calm_run, differences


@pytest.mark.timeout(600)
@pytest.mark.parametrize("choices", CALM, ids=lambda choices: choices.mode)
def test_a_process_may_stop_at_any_point(choices: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Started again, it ends as the calm run does: the same in Cirrus, the same told under the same ids."""
    calm = calm_run(choices)  # type: ignore[arg-type]
    broken = [difference for point in range(1, calm.points + 1) for difference in differences(calm, point)]
    with capsys.disabled():
        sys.stdout.write(f"\n{calm.points} crash points in {calm.calls.total()} calls: {dict(sorted(calm.calls.items()))} ")
    assert broken == []


def test_every_port_has_points() -> None:
    """Broker, ledger, Cirrus and clock are called, and each call is two points."""
    calm = calm_run(CALM[0])
    assert {name.split(".")[0] for name in calm.calls} == {"broker", "cirrus", "clock", "ledger"}
    assert calm.points == 2 * calm.calls.total()
