"""The gate of one tenant: when it closes, who may try, and when it opens."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapter.flow.gate import FEWEST, LONGEST_ASKED, OUTAGE_AFTER, RECENT, Circuit, Gate, Permit


class Watched:
    """A gate on a clock that the test moves, with what it told."""

    def __init__(self) -> None:
        """Begin open."""
        self.seconds = 100.0
        self.told: list[str | None] = []
        self.circuit: list[Circuit] = []
        self.renewed = False
        self.jitter = 0.0
        self.gate = Gate(
            lambda: self.seconds,
            self.told.append,
            on_circuit=self.circuit.append,
            longest=120.0,
            jitter=lambda: self.jitter,
            renewed=lambda: self.renewed,
        )

    def probe(self) -> Permit:
        """Let the time until the next probe pass, and let it out."""
        while (permit := self.gate.allows(8)) == Permit(0):
            self.seconds += 1
            assert self.seconds < 1e6
        return permit

    def open_for(self) -> float:
        """Return how many seconds pass until a probe may go, and take it back."""
        since = self.seconds
        self.probe()
        self.gate.probe_over()
        return self.seconds - since


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


def test_the_answer_to_a_probe_opens_the_gate(watched: Watched) -> None:
    """A sensible answer is enough for calls to begin again; operators hear so at once."""
    watched.gate.halt("auth", 30)
    watched.probe()
    watched.gate.answered()
    assert watched.told == ["auth", None]


def test_only_probes_decide_about_a_shut_gate(watched: Watched) -> None:
    """Calls that were under way bring old news: of a Cirrus that fails every second call, half are good."""
    watched.gate.halt("outage", 30)
    watched.gate.answered(probe=False)
    assert watched.gate.allows(8) == Permit(0)
    watched.probe()
    watched.gate.answered(probe=False)
    watched.gate.failed(30, probe=False)
    watched.gate.halt("auth", 30, probe=False)
    assert watched.circuit == [Circuit.OPEN, Circuit.HALF_OPEN]
    assert watched.told == ["outage"]


def test_passes_from_before_make_no_calls_beside_the_probe(watched: Watched) -> None:
    """While a refused token is being tried, it is tried by one pass alone."""
    assert not watched.gate.bars(probe=False)
    watched.gate.halt("auth", 30)
    assert (watched.gate.bars(probe=False), watched.gate.bars(probe=True)) == (True, True)
    watched.probe()
    assert (watched.gate.bars(probe=False), watched.gate.bars(probe=True)) == (True, False)


def test_a_failed_probe_closes_it_again(watched: Watched) -> None:
    """The next probe waits twice as long, up to the longest pause."""
    watched.gate.halt("auth", 30)
    pauses = []
    for _ in range(5):
        since = watched.seconds
        watched.probe()
        pauses.append(watched.seconds - since)
        watched.gate.halt("auth", 30)
        watched.gate.probe_over()
    assert pauses == [30, 60, 120, 120, 120]
    assert watched.told == ["auth"]


def test_jitter_lengthens_a_pause_by_a_tenth_at_most(watched: Watched) -> None:
    """Workers that lost Cirrus together do not probe together."""
    watched.jitter = 1.0
    watched.gate.halt("outage", 30)
    assert watched.open_for() == 33


def test_a_pause_that_cirrus_asks_for_is_kept(watched: Watched) -> None:
    """Retry-After of a maintenance is longer than ours; a day is cut to an hour, after which a probe is harmless."""
    for asked, kept in ((600.0, 600.0), (5.0, 30.0), (86_400.0, LONGEST_ASKED)):
        watched = Watched()
        for _ in range(OUTAGE_AFTER):
            watched.gate.failed(30, after=asked)
        assert watched.open_for() == kept


def test_after_an_outage_calls_begin_again_in_growing_numbers(watched: Watched) -> None:
    """One, two, four, and then all: a backlog of hours does not fall on a Cirrus that has just come back."""
    watched.gate.halt("outage", 30)
    rounds = []
    permit = watched.probe()
    while permit.probe:
        rounds.append(permit.claims)
        assert watched.gate.allows(8) == Permit(0), "the round is out"
        for _ in range(permit.claims):
            watched.gate.answered()
            watched.gate.probe_over()
        permit = watched.gate.allows(8)
    assert (rounds, permit) == ([1, 2, 4], Permit(8))
    assert watched.circuit == [Circuit.OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]


def test_a_failure_in_the_ramp_shuts_the_gate_again(watched: Watched) -> None:
    """The pause goes on growing, the cause is told anew, and the next ramp begins with one."""
    watched.gate.halt("outage", 30)
    watched.probe()
    watched.gate.answered()
    watched.gate.probe_over()
    assert watched.gate.allows(8) == Permit(2, probe=True)
    watched.gate.failed(30)
    assert watched.gate.bars(probe=True)
    assert watched.gate.allows(8) == Permit(0)
    watched.gate.probe_over(2)
    assert watched.open_for() == 60
    assert watched.told == ["outage", None, "outage"]


def test_a_ramp_without_work_comes_to_its_end(watched: Watched) -> None:
    """With nothing due there is no backlog to hold back, and the circuit is not shown as half open for hours."""
    watched.gate.halt("outage", 30)
    watched.probe()
    watched.gate.answered()
    watched.gate.probe_over()
    for size in (2, 4):
        permit = watched.gate.allows(8)
        assert permit == Permit(size, probe=True)
        watched.gate.probe_over(permit.claims)
    assert watched.gate.allows(8) == Permit(8)


def test_with_one_place_a_probe_is_the_whole_ramp(watched: Watched) -> None:
    """A tenant that makes one call at a time needs no rounds."""
    watched.gate.halt("outage", 0)
    assert watched.gate.allows(1) == Permit(1, probe=True)
    watched.gate.answered()
    watched.gate.probe_over()
    assert watched.gate.allows(1) == Permit(1)
    assert watched.circuit[-1] is Circuit.CLOSED


def test_after_a_whole_ramp_the_pauses_begin_anew(watched: Watched) -> None:
    """An outage of last week does not lengthen the pauses of this one."""
    for _ in range(3):
        watched.gate.halt("outage", 30)
        assert watched.open_for() == 30
        permit = watched.gate.allows(8)
        while permit.probe:
            watched.gate.answered()
            watched.gate.probe_over(permit.claims)
            permit = watched.gate.allows(8)


def test_a_new_token_is_tried_at_once(watched: Watched) -> None:
    """Nobody waits for the pause once the token has been replaced; it is of no use against an outage."""
    watched.gate.halt("auth", 3000)
    assert watched.gate.allows(8) == Permit(0)
    watched.renewed = True
    assert watched.gate.allows(8) == Permit(1, probe=True)
    watched.gate.halt("outage", 3000)
    watched.gate.probe_over()
    assert watched.gate.allows(8) == Permit(0)


def test_a_cirrus_that_fails_every_second_call_is_down(watched: Watched) -> None:
    """Without any row of failures the rate is enough."""
    for _ in range(FEWEST // 2 - 1):
        watched.gate.failed(30)
        watched.gate.answered()
    watched.gate.answered()
    assert watched.gate.allows(8) == Permit(8)
    watched.gate.failed(30)
    assert watched.gate.allows(8) == Permit(0)
    assert watched.told == ["outage"]


def test_failures_that_are_rare_or_long_ago_shut_nothing(watched: Watched) -> None:
    """A third of the calls is for their retries; yesterday's failures are nobody's concern."""
    for _ in range(50):
        watched.gate.failed(30)
        watched.gate.answered()
        watched.gate.answered()
    for _ in range(50):
        watched.gate.failed(30)
        watched.seconds += RECENT
        watched.gate.answered()
    assert watched.told == []


def test_a_call_that_comes_back_late_lets_out_no_second_probe(watched: Watched) -> None:
    """Whatever older calls bring, as long as the probe is out it is the only one."""
    watched.gate.halt("auth", 30)
    watched.seconds += 30
    assert watched.gate.allows(8).probe
    watched.gate.halt("auth", 30)
    watched.seconds += 300
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
