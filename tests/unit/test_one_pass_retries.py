"""The budget of retries, as a pass sees it: what failed before waits for its turn, and loses nothing by it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapter.domain.answers import Failing
from adapter.domain.findings import Plan
from adapter.flow.gate import Gate
from adapter.flow.one_pass import BEHIND
from adapter.flow.retries import Budget, Retries
from tests.unit.flow_kit import TENANT, Desk, Office, desk_at, due_in, office, read, run_pass, scripted
from tests.values import replace


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger in which one sitting is due."""
    with desk_at(tmp_path) as lent:
        lent.say()
        yield lent


def attempts(desk: Desk) -> int:
    """Return the attempts that the sitting has behind it."""
    with desk.database.transaction("test") as tx:
        return int(tx.connection.execute(sa.text("SELECT attempt FROM work")).scalar_one())


def exhausted(running: Office, **retries: float) -> Office:
    """Return the same office with a budget of retries that is spent."""
    budget = Budget(Retries(**retries), lambda: 0.0)
    while not budget.retry(urgent=True):
        pass
    return replace(running, passes=replace(running.passes, tenancy=replace(running.passes.tenancy, retries=budget)))


def failed_once(desk: Desk) -> None:
    """Let the work have failed once."""
    failing = office(desk, scripted(Plan(steps=(read(),))))
    failing.exam.answers = [Failing(503)]
    run_pass(failing)
    desk.clock.advance(3600)


def test_a_retry_without_budget_waits_and_is_charged_nothing(desk: Desk) -> None:
    """Nothing is called; the work is due again when its turn comes, at the same attempt, and it is counted."""
    failed_once(desk)
    running = exhausted(office(desk, scripted(Plan(steps=(read(),)))), a_second=0.5)
    run_pass(running)
    assert (running.exam.performed, due_in(desk), attempts(desk)) == ([], 2.0, 1)
    assert desk.metrics.retries_delayed.of(TENANT)._value.get() == 1


def test_fresh_work_and_probes_need_no_budget(desk: Desk) -> None:
    """Only what failed before is held back, and a probe is how anybody finds out that Cirrus is well again."""
    fresh = exhausted(office(desk, scripted(Plan(steps=(read(),)), Plan())))
    run_pass(fresh)
    assert len(fresh.exam.performed) == 1
    desk.say(2)
    failed_once(desk)
    probing = exhausted(office(desk, scripted(Plan(steps=(read(),)), Plan())))
    run_pass(probing, probe=True)
    assert len(probing.exam.performed) == 1


def test_fresh_calls_pay_for_retries(desk: Desk) -> None:
    """Each adds its share to the budget; a retry adds nothing, or it would pay for itself."""
    fresh = exhausted(office(desk, scripted(Plan(steps=(read(),)), Plan())), share=1.0, a_second=1e-9)
    run_pass(fresh)
    assert fresh.passes.tenancy.retries.retry(urgent=True) == 0
    desk.say(2)
    failed_once(desk)
    again = exhausted(office(desk, scripted(Plan(steps=(read(),)), Plan())), share=1.0, a_second=1e-9)
    run_pass(again, probe=True)
    assert again.passes.tenancy.retries.retry(urgent=True) > 0


def test_what_was_a_probe_in_vain_lets_another_one_try(desk: Desk) -> None:
    """An object that Cirrus fails on for ever, and whose exam is the next, would else be every probe."""
    seconds = [0.0]
    running = office(desk, scripted(Plan(steps=(read(),))))
    gate = Gate(lambda: seconds[0], lambda _cause: None)
    probing = replace(running, passes=replace(running.passes, tenancy=replace(running.passes.tenancy, gate=gate)))
    gate.halt("outage", 30)
    seconds[0] = 30.0
    assert gate.allows(1).probe
    probing.exam.answers = [Failing(503)]
    run_pass(probing, probe=True)
    assert gate.left == 60
    assert due_in(desk) == 60 + BEHIND
