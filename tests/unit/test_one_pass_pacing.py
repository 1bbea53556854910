"""The pace, as a pass sees it: who goes first, who waits, and what is told to all workers."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import monotonic

import pytest

from adapter.domain.answers import Accepted, Answer, Done, Throttled, Unreachable
from adapter.domain.findings import Plan
from adapter.domain.pace import Limits, Trouble
from adapter.domain.steps import Step
from adapter.errors import LeaseLost
from adapter.flow.latency import RECENT
from adapter.flow.leases import LEASE
from adapter.flow.one_pass import LONG_WAIT
from adapter.flow.pacing import Pacer
from tests.unit.flow_kit import (
    POLICY,
    TENANT,
    Desk,
    Office,
    Unhurried,
    desk_at,
    due_in,
    office,
    read,
    run_pass,
    scripted,
)
from tests.values import replace


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger in which one sitting is due."""
    with desk_at(tmp_path) as lent:
        lent.say()
        yield lent


def test_a_request_to_slow_down_holds_every_call(desk: Desk) -> None:
    """Retry-After holds the pacer of the tenant, here and in every other worker, and the work is due after it."""
    running = office(desk, scripted(Plan(steps=(read(),))))
    running.exam.answers = [Throttled(45.0)]
    run_pass(running)
    assert due_in(desk) == 45.0
    assert 44.0 < running.passes.tenancy.pacer.paused_for <= 45.0
    running.passes.tenancy.pacer.refresh()
    elsewhere = Pacer(TENANT, Limits(), desk.worker("w2"), monotonic)
    elsewhere.refresh()
    assert 44.0 < elsewhere.paused_for <= 45.0


@pytest.mark.parametrize(("urgent_within", "called"), [(timedelta(0), 0), (timedelta.max, 1)])
def test_an_exam_that_is_near_does_not_queue_behind_others(desk: Desk, urgent_within: timedelta, called: int) -> None:
    """However many moments ordinary calls hold, what is urgent has moments of its own."""
    limits = Limits(0.5)
    for _ in range(3):
        desk.ledger.take_slots(TENANT, limits, 1, urgent=False)
    policy = replace(POLICY, urgent_within=urgent_within, limits=limits)
    running = office(desk, scripted(Plan(steps=(read(),)), Plan()), policy=policy)
    running.passes = replace(running.passes, stop=Unhurried(1))
    run_pass(running)
    assert len(running.exam.performed) == called


@pytest.mark.parametrize(("answer", "lowered_by"), [(Accepted(Done()), Trouble.SLOW), (Unreachable(), None)])
def test_calls_that_were_sent_are_timed(desk: Desk, answer: Answer, lowered_by: Trouble | None) -> None:
    """A Cirrus that becomes slow is called less; what never got there says nothing of that."""
    running = office(desk, scripted(Plan(steps=(read(),) * RECENT)), policy=replace(POLICY, retry_longest=0))
    running.passes.tenancy.pacer.answered("ReadSchedule", 0.1)
    running.exam.answers = [answer] * RECENT
    minutes = count(step=60)
    running.passes = replace(running.passes, monotonic=lambda: float(next(minutes)))
    run_pass(running)
    running.passes.tenancy.pacer.refresh()
    assert desk.ledger.pace(TENANT).pace.lowered_by == lowered_by


class Crowded(Pacer):
    """A pacer on which a call waits for very long; `meanwhile` happens before it may start."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        """Begin at a second of its own."""
        self.now = 0.0
        self._meanwhile = meanwhile

    @property
    def paused_for(self) -> float:
        """Return that nobody has asked for a pause."""
        return 0.0

    def take(self, *_how: object, **_urgent: object) -> None:
        """Wait."""
        self._meanwhile()
        self.now += LONG_WAIT + 1

    def answered(self, *_what: object) -> None:
        """Hear nothing."""


def wait_long(desk: Desk, meanwhile: Callable[[], object]) -> Office:
    """Return an office whose only call waits for long."""
    running = office(desk, scripted(Plan(steps=(read(),)), Plan()))
    pacer = Crowded(meanwhile)
    tenancy = replace(running.passes.tenancy, pacer=pacer)
    running.passes = replace(running.passes, tenancy=tenancy, monotonic=lambda: pacer.now)
    return running


def test_after_a_long_wait_nothing_is_sent_for_who_has_lost_the_work(desk: Desk) -> None:
    """Another worker went on with it: a call of ours that comes after theirs would undo it."""

    def pass_on() -> None:
        desk.clock.advance(LEASE.total_seconds() + 1)
        assert desk.worker("w2").claim(TENANT, 1, LEASE)

    running = wait_long(desk, pass_on)
    with pytest.raises(LeaseLost):
        run_pass(running)
    assert running.exam.performed == []


def test_after_a_long_wait_the_work_is_ours_for_a_whole_lease_again(desk: Desk) -> None:
    """So nobody takes it over during the call."""
    running = wait_long(desk, lambda: desk.clock.advance(LEASE.total_seconds() - 1))
    answering = running.exam.perform

    def others_look(step: Step) -> Answer:
        desk.clock.advance(2)
        assert desk.worker("w2").claim(TENANT, 1, LEASE) == []
        return answering(step)

    running.exam.perform = others_look  # type: ignore[method-assign]
    run_pass(running)
    assert running.exam.performed == [read()]
