"""The gate of one tenant: when it closes, who may try, and when it opens."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapter.flow.gate import OUTAGE_AFTER, Gate, Permit


class Watched:
    """A gate on a clock that the test moves, with what it told."""

    def __init__(self) -> None:
        """Begin open."""
        self.seconds = 100.0
        self.told: list[str | None] = []
        self.gate = Gate(lambda: self.seconds, self.told.append)


@pytest.fixture
def watched() -> Watched:
    """Return a gate that is open."""
    return Watched()


def test_an_open_gate_allows_all(watched: Watched) -> None:
    """As long as Cirrus answers everybody may go."""
    assert watched.gate.allows(8) == Permit(8)
    assert not watched.gate.closed


def test_a_halt_allows_nothing_until_its_time(watched: Watched) -> None:
    """While closed nobody may go, not even one."""
    watched.gate.halt("auth", 30)
    assert watched.gate.closed
    watched.seconds += 29
    assert watched.gate.allows(8) == Permit(0)


def test_then_one_probe_may_try(watched: Watched) -> None:
    """After the time one claim is allowed, and no second one while it is out."""
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    assert watched.gate.allows(8) == Permit(1, probe=True)
    assert watched.gate.allows(8) == Permit(0)
    assert not watched.gate.closed
    watched.gate.probe_over()
    assert watched.gate.allows(8) == Permit(1, probe=True)


def test_no_probe_without_a_free_place(watched: Watched) -> None:
    """To ask for nothing does not use up the probe."""
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    assert watched.gate.allows(0) == Permit(0)
    assert watched.gate.allows(1) == Permit(1, probe=True)


def test_an_answer_opens_the_gate(watched: Watched) -> None:
    """Any sensible answer is enough, also one to a call that was under way."""
    watched.gate.halt("auth", 30)
    watched.gate.answered()
    assert watched.gate.allows(8) == Permit(8)
    assert watched.told == ["auth", None]


def test_a_failed_probe_closes_it_again(watched: Watched) -> None:
    """The next probe waits for the whole time."""
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    watched.gate.allows(1)
    watched.gate.halt("auth", 30)
    watched.gate.probe_over()
    assert watched.gate.allows(8) == Permit(0)
    watched.seconds += 30
    assert watched.gate.allows(8) == Permit(1, probe=True)
    assert watched.told == ["auth"]


def test_a_call_that_comes_back_late_lets_out_no_second_probe(watched: Watched) -> None:
    """Whatever older calls bring, as long as the probe is out it is the only one."""
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    assert watched.gate.allows(8).probe
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    assert watched.gate.allows(8) == Permit(0)


def test_failures_in_a_row_count_as_an_outage(watched: Watched) -> None:
    """A single failure closes nothing; several without an answer between them do."""
    for _ in range(OUTAGE_AFTER - 1):
        watched.gate.failed(30)
    watched.gate.answered()
    for _ in range(OUTAGE_AFTER - 1):
        watched.gate.failed(30)
    assert watched.gate.allows(8) == Permit(8)
    watched.gate.failed(30)
    assert watched.gate.allows(8) == Permit(0)
    assert watched.told == ["outage"]


def test_a_failure_while_closed_keeps_the_cause(watched: Watched) -> None:
    """A refused token does not become an outage because the probe found Cirrus away."""
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    watched.gate.failed(30)
    assert watched.gate.allows(8) == Permit(0)
    assert watched.told == ["auth"]


def test_a_new_cause_is_told(watched: Watched) -> None:
    """What operators see is the newest cause, each told once."""
    for cause in ("outage", "outage", "auth", "auth"):
        watched.gate.halt(cause, 30)
    assert watched.told == ["outage", "auth"]


def test_of_many_threads_one_gets_the_probe(watched: Watched) -> None:
    """However many ask at once."""
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    start = threading.Barrier(8)

    def ask(_: int) -> int:
        start.wait()
        return watched.gate.allows(4).claims

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8))) == [0] * 7 + [1]
