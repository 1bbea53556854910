"""The allowance: counted by the day from 13:30 UTC, shared out by need."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.allowance import DAY, Allowance, Need, Spending

NOON = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 10, 20, 13, 30, tzinfo=UTC)
SMALL = Allowance(calls=10, reserve=3, sweeps=4)


def spend(allowance: Allowance, need: Need, times: int, now: datetime, held: Spending | None = None) -> Spending | None:
    """Spend so many calls, all of which must be granted."""
    for _ in range(times):
        decision = allowance.decide(held, need, now)
        assert decision.again_at is None
        held = decision.spending
    return held


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        (RESET - timedelta(seconds=1), RESET - DAY),
        (RESET, RESET),
        (RESET + timedelta(hours=23), RESET),
    ],
)
def test_the_day_begins_at_the_reset(now: datetime, begins: datetime) -> None:
    """Not at midnight."""
    assert begins == Allowance().begins(now)
    assert begins + DAY == Allowance().ends(now)


def test_first_results_leave_the_reserve_to_corrections() -> None:
    """Both together never exceed the whole."""
    held = spend(SMALL, Need.FIRST, 7, NOON)
    assert SMALL.decide(held, Need.FIRST, NOON).again_at == RESET
    held = spend(SMALL, Need.CORRECTION, 3, NOON, held)
    assert SMALL.decide(held, Need.CORRECTION, NOON).again_at == RESET
    assert SMALL.left(held, NOON) == 0


def test_after_the_reset_everything_is_there_again() -> None:
    """What was spent before counts no more."""
    held = spend(SMALL, Need.FIRST, 7, NOON)
    assert SMALL.left(held, RESET) == 10
    assert SMALL.decide(held, Need.FIRST, RESET).spending == Spending(RESET, spent=1)


def test_sweeps_are_handed_out_over_the_day() -> None:
    """After a head start they wait; at the end of the day they have had their share, and no more."""
    allowance = Allowance(calls=1000, reserve=0, sweeps=240)
    now, held, granted = RESET, None, 0
    while now < RESET + DAY:
        decision = allowance.decide(held, Need.SWEEP, now)
        held = decision.spending
        if decision.again_at is None:
            granted += 1
        else:
            assert decision.again_at > now
            if granted == 20:
                assert decision.again_at == RESET + timedelta(minutes=6)
            now = decision.again_at
    assert granted == 240


def test_after_cirrus_own_refusal_nothing_is_spent_for_an_hour() -> None:
    """Its count and ours may differ; the reset ends it sooner."""
    held = SMALL.refused(None, RESET, None)
    assert SMALL.decide(held, Need.CORRECTION, RESET).again_at == RESET + timedelta(hours=1)
    assert SMALL.decide(held, Need.CORRECTION, RESET + timedelta(hours=1)).again_at is None
    late = SMALL.refused(None, RESET - timedelta(minutes=10), None)
    assert SMALL.decide(late, Need.FIRST, RESET).again_at is None
    named = SMALL.refused(None, RESET, 5.0)
    assert SMALL.decide(named, Need.CORRECTION, RESET).again_at == RESET + timedelta(seconds=5)


@given(
    needs=st.lists(st.sampled_from(Need), max_size=200),
    minutes=st.lists(st.integers(0, 600), max_size=200),
    reset=st.times(timezones=st.none()),
)
def test_no_order_of_wishes_exceeds_the_allowance(needs: list[Need], minutes: list[int], reset: time) -> None:
    """In no day of counting more calls than granted, more sweeps than their share, or less than the reserve left."""
    allowance = Allowance(calls=10, reset=reset.replace(microsecond=0), reserve=3, sweeps=4)
    now, held = NOON, None
    granted: dict[datetime, list[Need]] = {}
    for need, gap in zip(needs, minutes, strict=False):
        now += timedelta(minutes=gap)
        decision = allowance.decide(held, need, now)
        held = decision.spending
        if decision.again_at is None:
            granted.setdefault(allowance.begins(now), []).append(need)
        else:
            assert now < decision.again_at <= allowance.ends(now)
    for day in granted.values():
        assert len(day) <= 10
        assert day.count(Need.SWEEP) <= 4
        first_ten = [need for need in day if need is not Need.CORRECTION]
        assert len(first_ten) <= 7
