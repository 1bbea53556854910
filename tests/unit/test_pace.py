"""The pace: moments evenly spaced, lowered at once in trouble, raised little by little, whatever the clock does."""

from datetime import UTC, datetime, timedelta

import pytest

from adapter.domain.pace import (
    AHEAD,
    LEAST,
    LONGEST_PAUSE,
    SETTLING,
    Limits,
    Pace,
    Sign,
    Slots,
    Trouble,
)
from tests.values import replace

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
FOUR = Limits(4.0)
BEGUN = Pace.begun(NOW)
THROTTLED = Sign(Trouble.THROTTLED)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds later."""
    return NOW + timedelta(seconds=seconds)


def test_moments_follow_each_other_evenly() -> None:
    """Blocks of any size, without a gap and without an overlap."""
    pace, moments = BEGUN, list[float]()
    for wanted in (1, 3, 2):
        grant = FOUR.grant(pace, NOW, wanted, urgent=False)
        moments += [grant.slots.after + number * grant.slots.interval for number in range(grant.slots.count)]
        pace = grant.pace
    assert moments == [0, 0.25, 0.5, 0.75, 1.0, 1.25]


def test_moments_of_the_past_are_not_given_out() -> None:
    """Who was quiet has saved up nothing."""
    pace = FOUR.grant(BEGUN, NOW, 1, urgent=False).pace
    assert FOUR.grant(pace, at(60), 4, urgent=False).slots == Slots(0.0, 0.25, 4)


def test_without_a_limit_every_moment_is_free() -> None:
    """Nothing is given out, so nothing is to be kept."""
    grant = Limits().grant(BEGUN, NOW, 5, urgent=False)
    assert (grant.slots, grant.pace) == (Slots(0.0, 0.0, 1), BEGUN)


def test_urgent_calls_go_first_and_are_made_up_for() -> None:
    """They are evenly spaced among themselves; ordinary ones that come later give way, one for one."""
    pace = FOUR.grant(BEGUN, NOW, 8, urgent=False).pace
    for after in (0.0, 0.25, 0.5):
        grant = FOUR.grant(pace, NOW, 9, urgent=True)
        assert grant.slots == Slots(after, 0.25, 1)
        pace = grant.pace
    assert FOUR.grant(pace, NOW, 1, urgent=False).slots.after == 2.0 + 0.75


def test_moments_are_not_given_out_far_ahead() -> None:
    """Whoever asks too early is told when to ask again, and holds nothing that a fall of the pace would not reach."""
    pace = FOUR.grant(BEGUN, NOW, 30, urgent=False).pace
    grant = FOUR.grant(pace, NOW, 1, urgent=False)
    assert (grant.slots, grant.pace) == (Slots(7.5 - AHEAD.total_seconds(), 0.25, 0), pace)
    assert FOUR.grant(pace, at(2.5), 1, urgent=False).slots == Slots(5.0, 0.25, 1)


def test_trouble_lowers_the_pace_and_calm_raises_it() -> None:
    """Halved at once, and back in a minute, a hundredth a second."""
    pace = FOUR.after(THROTTLED, BEGUN, NOW)
    assert [FOUR.in_force(pace, at(seconds)) for seconds in (0, 10, 50, 900)] == [2.0, 2.4, 4.0, 4.0]
    assert pace.recovers_in(at(10)) == pytest.approx(40)


def test_a_pause_is_kept_before_the_pace_is_raised() -> None:
    """Nobody is calm while nobody may call."""
    pace = FOUR.after(replace(THROTTLED, pause=30.0), BEGUN, NOW)
    assert FOUR.grant(pace, NOW, 1, urgent=True).slots == Slots(30.0, 0.5, 1)
    assert FOUR.in_force(pace, at(40)) == pytest.approx(2.4)
    assert pace.recovers_in(NOW) == pytest.approx(80)
    longer = FOUR.after(replace(THROTTLED, pause=5.0), pace, at(1))
    assert longer.starts(at(1)) == at(30)


def test_what_was_under_way_is_the_same_trouble() -> None:
    """Eight calls that are refused together halve the pace once; the next refusal halves it again, to a least part."""
    pace = FOUR.after(THROTTLED, BEGUN, NOW)
    assert FOUR.after(THROTTLED, pace, at(1)) == pace
    later = at(SETTLING.total_seconds())
    assert FOUR.after(THROTTLED, pace, later).factor == pytest.approx(0.55 / 2)
    for round_ in range(1, 20):
        pace = FOUR.after(THROTTLED, pace, at(round_ * SETTLING.total_seconds()))
    assert pace.factor == LEAST


def test_a_slow_cirrus_is_spared_less_than_one_that_refuses() -> None:
    """What is only suspected costs a quarter; of two signs that come together the worse one counts."""
    slow = Sign(Trouble.SLOW)
    assert FOUR.in_force(FOUR.after(slow, BEGUN, NOW), NOW) == 3.0
    assert slow.joined(None) == slow
    assert slow.joined(Sign(Trouble.THROTTLED, 5.0)) == Sign(Trouble.THROTTLED, 5.0)
    assert Sign(Trouble.THROTTLED, 5.0).joined(Sign(Trouble.THROTTLED, 9.0)).pause == 9.0


def test_without_a_limit_the_pace_is_lowered_from_what_it_was() -> None:
    """From the calls that were made, and from there on down, until there is no limit again."""
    free = Limits()
    pace = free.after(replace(THROTTLED, rate=80.0), BEGUN, NOW)
    assert free.in_force(pace, NOW) == 40.0
    again = free.after(replace(THROTTLED, rate=7.0), pace, at(10))
    assert free.in_force(again, at(10)) == pytest.approx(24.0)
    assert free.in_force(again, at(100)) == 0.0
    assert free.in_force(free.after(THROTTLED, BEGUN, NOW), NOW) == 0.5


def test_a_clock_that_is_set_back_stops_nobody() -> None:
    """Moments and pauses that no clock of now would have given out are forgotten."""
    ahead = timedelta(hours=1)
    pace = Pace(NOW + ahead, NOW + ahead, paused_until=NOW + LONGEST_PAUSE + ahead)
    for urgent in (True, False):
        assert FOUR.grant(pace, NOW, 1, urgent=urgent).slots == Slots(0.0, 0.25, 1)
