"""One pass: which moment a receipt carries, and how old a wish was when it was settled."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapter.domain.answers import (
    Accepted,
    Done,
)
from adapter.domain.findings import Finding, Plan, Settled
from adapter.domain.steps import ActivateSchedule, Step
from tests.unit.flow_kit import (
    NOW,
    ROOT,
    Desk,
    claimed,
    desk_at,
    office,
    read,
    run_pass,
    scripted,
)
from tests.values import replace

WRITE = ActivateSchedule("a")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger in which one sitting is due."""
    with desk_at(tmp_path) as lent:
        lent.say()
        yield lent


def test_a_receipt_is_dated_at_the_cautious_end(desk: Desk) -> None:
    """What was read is as old as the question, what was written as young as the answer, in the ledger's time."""
    seconds = iter(range(0, 1000, 10))
    dated: dict[Step, datetime] = {}
    handler = scripted(
        Plan(steps=(read(), WRITE)), Plan(), report=lambda receipt: dated.update({receipt.step: receipt.at}) or ()
    )
    running = office(desk, handler)
    asked: dict[Step, float] = {}
    clock = [0.0]

    def monotonic() -> float:
        clock[0] = float(next(seconds))
        return clock[0]

    running.exam.meanwhile = lambda step: asked.update({step: clock[0]})
    running.exam.answers = [Accepted(Done()), Accepted(Done())]
    replace(running.passes, monotonic=monotonic).run(claimed(desk))
    assert dated[read()] == NOW + timedelta(seconds=asked[read()])
    assert dated[WRITE] > NOW + timedelta(seconds=asked[WRITE])


def test_the_age_of_the_wish_is_measured(desk: Desk) -> None:
    """From the SIS's change to the confirmation, once for each record."""
    desk.clock.advance(42)
    run_pass(office(desk, scripted(Plan(findings=(Finding(ROOT, Settled()),)))))
    [total] = [
        sample.value
        for family in desk.metrics.desired_age.of("sitting").collect()
        for sample in family.samples
        if sample.name.endswith("_sum")
    ]
    assert total == 42
