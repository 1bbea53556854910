"""One pass and the allowance: readings of results are paid for, and cost nobody else anything."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapter.domain.allowance import Allowance, Need
from adapter.domain.answers import Absent, Accepted, Answer, Failing, NoAnswer, Throttled, Unreachable
from adapter.domain.findings import Plan
from adapter.domain.policy import Policy, ResultPolicy
from adapter.domain.steps import ReadResults
from adapter.flow.leases import LEASE
from tests.unit.flow_kit import TENANT, Desk, Office, desk_at, due_in, office, scripted

RESET = 4.5 * 3600
"""Seconds from the beginning of the tests, at 9:00, to the reset at 13:30."""

CORRECTION, FIRST, SWEEP = (ReadResults("c1", "s1", None, need) for need in Need)
POLICY = Policy(linger=timedelta(0), results=ResultPolicy(allowance=Allowance(calls=3, reserve=1, sweeps=2)))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger in which one sitting is due."""
    with desk_at(tmp_path) as lent:
        lent.say()
        yield lent


def run(running: Office) -> float | None:
    """Make one pass over what is due; return in how many seconds it is due again."""
    [claim] = running.desk.ledger.claim(TENANT, 10, LEASE)
    running.passes.run(claim)
    running.desk.ledger.let_go(claim)
    return due_in(running.desk)


def spent(desk: Desk) -> int:
    """Return what was spent of the allowance."""
    return desk.ledger.count((TENANT,)).spent[TENANT].spent


def answered(desk: Desk, *plans: Plan, answers: list[Answer] | None = None) -> Office:
    """Return an office whose platform gives these answers, and then that nothing is published."""
    running = office(desk, scripted(*plans), policy=POLICY)
    running.exam.answers = [*(answers or []), *[Accepted(Absent())] * 9]
    return running


def test_a_reading_without_an_allowance_waits_for_the_reset(desk: Desk) -> None:
    """What is less needed than the call that was refused waits with it; the attempt does not count."""
    running = answered(desk, Plan(steps=(CORRECTION, FIRST, FIRST, SWEEP)))
    assert run(running) == pytest.approx(RESET, abs=5)
    assert running.exam.performed == [CORRECTION, FIRST]
    assert spent(desk) == 2


def test_what_the_plan_wanted_to_look_at_meanwhile_is_looked_at(desk: Desk) -> None:
    """A correction may be announced, or attendance due, before the reset."""
    soon = desk.clock() + timedelta(minutes=5)
    running = answered(desk, Plan(steps=(FIRST, FIRST, FIRST), look_again=soon))
    assert run(running) == pytest.approx(300, abs=5)


def test_a_reading_that_was_not_sent_is_not_paid_for(desk: Desk) -> None:
    """No connection, no call; what was sent counts, whatever came of it."""
    for answer, costs in ((Unreachable(), 0), (NoAnswer(), 1), (Failing(500), 1)):
        before = spent(desk) if desk.ledger.count((TENANT,)).spent else 0
        run(answered(desk, Plan(steps=(CORRECTION,)), answers=[answer]))
        assert spent(desk) - before == costs
        desk.clock.advance(60)


@pytest.mark.parametrize(("after", "seconds"), [(None, 3600), (7.0, 7), (90_000.0, RESET)])
def test_a_refusal_for_results_does_not_slow_down_anything_else(
    desk: Desk, after: float | None, seconds: float
) -> None:
    """The pacing is for all calls of the tenant: a day's Retry-After must not stop bookings."""
    running = answered(desk, Plan(steps=(CORRECTION,)), answers=[Throttled(after)])
    run(running)
    waited: list[float] = []
    running.passes.tenancy.pacer.take(waited.append)
    assert waited == []
    assert not running.passes.tenancy.gate.closed
    again_at = desk.ledger.spend(TENANT, POLICY.results.allowance, Need.CORRECTION)
    assert again_at is not None
    assert (again_at - desk.clock()).total_seconds() == pytest.approx(seconds, abs=5)
