"""The converge loop: as many claims as there are free places, one probe behind a closed gate, and nothing stuck."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from adapter.domain.answers import Forbidden
from adapter.domain.findings import Finding, Plan, Settled
from adapter.domain.pace import Limits, Trouble
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate
from adapter.domain.steps import ReadSchedule, Step
from adapter.flow.burst import Burst
from adapter.flow.converge import Converger
from adapter.flow.leases import LEASE
from adapter.ledger.work import Release
from tests.services.processes import wait_until
from tests.unit.flow_kit import HANDLER, NOW, PATIENCE, POLICY, TENANT, Desk, Office, desk_at, office, read
from tests.values import replace


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger in which ten sittings are due."""
    with desk_at(tmp_path) as lent:
        for number in range(10):
            lent.say(number, subject=f"s{number}")
        yield lent


@pytest.fixture
def closing() -> Iterator[Callable[[Converger], Converger]]:
    """Return what closes a converger at the end of the test."""
    opened: list[Converger] = []
    yield lambda converger: opened.append(converger) or converger  # type: ignore[func-returns-value]
    for converger in opened:
        converger.close()


def settle_after_a_call(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
    """Plan to read once in every pass, and to settle when that was done."""
    assert aggregate.root is not None
    if aggregate.root.open and not aggregate.root.confirmed:
        return Plan(steps=(read(aggregate.ref.key),))
    return Plan(findings=(Finding(aggregate.ref, Settled()),))


def converging(running: Office, places: int, burst: Burst | None = None) -> Converger:
    """Return the loop of these passes, with so many places."""
    return Converger(
        running.passes,
        pool=ThreadPoolExecutor(places),
        free=threading.Semaphore(places),
        places=places,
        wake=threading.Event(),
        burst=burst or Burst(monotonic),
    )


def busy(desk: Desk) -> Office:
    """Return passes that make one call for each sitting."""
    handler = replace(
        HANDLER,
        plan=settle_after_a_call,
        report=lambda aggregate, _receipt, _policy: (Finding(aggregate.ref, Settled(), confirmed={"seen": True}),),
    )
    return office(desk, handler)


def left(desk: Desk) -> int:
    """Return how many sittings are not settled."""
    return sum(desk.ledger.count((TENANT,)).work_due.values())


def test_everything_due_is_worked_off(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """Turn by turn, as places become free."""
    running = busy(desk)
    converger = closing(converging(running, 3))
    for _ in range(100):
        converger.turn()
        if left(desk) == 0:
            break
    assert left(desk) == 0
    assert sorted(step.external_id for step in running.exam.performed) == [f"s{n}" for n in range(10)]  # type: ignore[union-attr]


def test_no_more_is_claimed_than_there_are_places(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """A claim never waits while its lease runs: the rest is left to other workers."""
    running = busy(desk)
    go = threading.Event()
    running.exam.meanwhile = lambda _step: waiting_for(go)
    converger = closing(converging(running, 3))
    converger.turn()
    wait_until(lambda: len(running.exam.performed) == 2, patience=PATIENCE, what="two calls under way")
    converger.turn()
    assert len(running.exam.performed) == 2
    assert len(desk.worker("w2").claim(TENANT, 100, LEASE)) == 8
    go.set()


def test_urgent_work_finds_a_place_among_long_calls(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """Ordinary work leaves the last place free, so what is urgent waits for nobody's call."""
    running = busy(desk)
    go = threading.Event()
    running.exam.meanwhile = lambda step: None if called(step) == "urgent" else waiting_for(go)
    converger = closing(converging(running, 3))
    converger.turn()
    wait_until(lambda: len(running.exam.performed) == 2, patience=PATIENCE, what="all ordinary places are taken")
    desk.say(99, subject="urgent", start=NOW + timedelta(minutes=10))
    converger.turn()
    wait_until(lambda: left(desk) == 10, patience=PATIENCE, what="the urgent sitting is settled")
    assert called(running.exam.performed[-1]) == "urgent"
    go.set()


def test_only_what_is_urgent_is_begun_while_a_burst_comes_in(
    desk: Desk, closing: Callable[[Converger], Converger]
) -> None:
    """The rest is gathered until the burst is over, or has lasted as long as the tenant allows."""
    running = busy(desk)
    moment = [0.0]
    burst = Burst(lambda: moment[0])
    burst.saw({TENANT}, full=True)
    converger = closing(converging(running, 3, burst))
    desk.say(99, subject="urgent", start=NOW + timedelta(minutes=10))
    for _ in range(5):
        converger.turn()
    wait_until(lambda: left(desk) == 10, patience=PATIENCE, what="the urgent sitting is settled")
    assert [called(step) for step in running.exam.performed] == ["urgent"]
    moment[0] = POLICY.burst_longest
    converger.turn()
    wait_until(lambda: left(desk) < 10, patience=PATIENCE, what="the rest is begun")


def test_a_single_place_is_for_all_work(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """Where only one call may be under way nothing is kept, or ordinary work would never be done."""
    running = busy(desk)
    converger = closing(converging(running, 1))
    for _ in range(100):
        converger.turn()
        if left(desk) == 0:
            break
    assert left(desk) == 0


def called(step: Step) -> str:
    """Return the name of the schedule that a step reads."""
    assert isinstance(step, ReadSchedule)
    return step.external_id


def waiting_for(go: threading.Event) -> None:
    """Wait until the test says so."""
    assert go.wait(PATIENCE)


def test_nothing_is_claimed_while_cirrus_wants_a_pause(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """What becomes urgent meanwhile is claimed first afterwards; and all workers are told, though no pass goes on."""
    running = busy(desk)
    converger = closing(converging(running, 3))
    running.passes.tenancy.pacer.throttled(60)
    converger.turn()
    assert running.exam.performed == []
    assert desk.ledger.pace(TENANT).pace.lowered_by == Trouble.THROTTLED
    assert len(desk.worker("w2").claim(TENANT, 100, LEASE)) == 10


def test_all_workers_together_keep_to_the_calls_at_once(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """However many places each of them has; the last of them is kept for what is urgent."""
    running = office(desk, HANDLER, policy=Policy(limits=Limits(calls_at_once=4)))
    assert len(desk.worker("w2").claim(TENANT, 2, LEASE)) == 2
    go = threading.Event()
    slow = replace(HANDLER, plan=lambda *_given: waiting_for(go) or Plan())
    running.passes = replace(running.passes, handlers={HANDLER.kind: slow})
    converger = closing(converging(running, 3))
    converger.turn()
    assert len(desk.worker("w3").claim(TENANT, 100, LEASE)) == 7
    go.set()


def test_a_closed_gate_lets_one_probe_through(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """While Cirrus refuses, one call at a time asks whether it still does; then all go on."""
    running = busy(desk)
    running.gate.halt("auth", 0.0)
    running.exam.answers = [Forbidden(401)]
    converger = closing(converging(running, 4))
    converger.turn()
    wait_until(lambda: running.gate.closed, patience=PATIENCE, what="the probe is back")
    assert len(running.exam.performed) == 1
    converger.turn()
    assert len(running.exam.performed) == 1
    running.gate.halt("auth", 0.0)
    for _ in range(100):
        converger.turn()
        if left(desk) == 0:
            break
    assert left(desk) == 0
    assert running.halts == ["auth", None]


def test_places_that_a_round_of_probes_does_not_use_are_given_back(
    desk: Desk, closing: Callable[[Converger], Converger]
) -> None:
    """With less due than the ramp allows, the next round begins all the same."""
    for claim in desk.ledger.claim(TENANT, 9, LEASE):
        desk.ledger.release(claim, Release(LEASE))
    running = busy(desk)
    running.gate.halt("outage", 0.0)
    for size in (1, 2):
        assert running.gate.allows(8).claims == size
        running.gate.answered()
        running.gate.probe_over(size)
    converger = closing(converging(running, 8))
    converger.turn()
    wait_until(lambda: left(desk) == 0, patience=PATIENCE, what="the only sitting is settled")
    wait_until(lambda: turned(converger) and not running.gate.bars(probe=False), patience=PATIENCE, what="all is open")


def test_a_probe_that_finds_nothing_due_may_be_repeated(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """The gate does not stay shut because there was no work to ask with."""
    for claim in desk.ledger.claim(TENANT, 100, LEASE):
        desk.ledger.release(claim, Release(LEASE))
    running = busy(desk)
    running.gate.halt("auth", 0.0)
    converger = closing(converging(running, 4))
    converger.turn()
    assert running.gate.closed
    assert running.gate.allows(1).probe


@pytest.mark.parametrize("error", [RuntimeError("a mistake in a plan"), KeyError("sitting")])
def test_a_pass_that_breaks_keeps_neither_place_nor_lease(
    desk: Desk, closing: Callable[[Converger], Converger], error: Exception
) -> None:
    """The next claims go on, and the broken one is claimed again, unsure, when its lease has run out."""
    running = busy(desk)
    broken: list[str] = []

    def fail_once(step: Step) -> None:
        if not broken:
            broken.append(step.external_id)  # type: ignore[union-attr]
            raise error

    running.exam.meanwhile = fail_once
    converger = closing(converging(running, 2))
    for _ in range(100):
        converger.turn()
        if left(desk) == 1:
            break
    wait_until(lambda: desk.ledger.renew_leases(LEASE) == 0, patience=PATIENCE, what="nothing is held")
    desk.clock.advance(LEASE.total_seconds())
    [again] = desk.ledger.claim(TENANT, 100, LEASE)
    assert ([again.ref.key], again.unsure) == (broken, True)


def test_a_nudge_ends_the_wait(desk: Desk, closing: Callable[[Converger], Converger]) -> None:
    """New work is not left until the next look."""
    running = busy(desk)
    converger = closing(converging(running, 2))
    for _ in range(100):
        converger.turn()
        if left(desk) == 0:
            break
    desk.say(99, subject="new")
    converger.nudge()
    wait_until(lambda: turned(converger) and left(desk) == 0, patience=PATIENCE, what="the new sitting is settled")


def turned(converger: Converger) -> bool:
    """Turn once."""
    converger.turn()
    return True


def test_closing_waits_no_longer_than_it_may(desk: Desk) -> None:
    """A call that does not come back holds up no stop; who asks again later hears that it has come back."""
    running = busy(desk)
    go = threading.Event()
    running.exam.meanwhile = lambda _step: waiting_for(go)
    converger = converging(running, 3)
    converger.turn()
    assert not converger.close(0.1)
    go.set()
    assert converger.close(PATIENCE)
    assert left(desk) == 8


def test_closing_finishes_what_is_under_way(desk: Desk) -> None:
    """A call that was begun is recorded before the process ends."""
    running = busy(desk)
    converger = converging(running, 3)
    converger.turn()
    assert converger.close()
    assert len(running.exam.performed) == 2
    assert left(desk) == 8
    assert desk.ledger.renew_leases(LEASE) == 0
