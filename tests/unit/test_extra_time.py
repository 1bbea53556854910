"""Tests of extra time: minutes and percent, the newer statement over the older, and grants with dates."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.records import CANDIDATE, Record, Ref
from adapter.domain.version import Rank, Statement, Version
from handlers.extra_time import booked_percentage, grant, needs_data, next_turn, percentage, standing_percentage
from handlers.ooapi import Need
from handlers.people import NEEDS, profile_extra_at

DAY = date(2026, 10, 20)


def said(minute: int, data: dict[str, object]) -> Statement:
    """Return a statement made some minutes after the start."""
    at = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return Statement.first(Version(at, None, Rank.UPDATE, f"e{minute}"), data)


def candidate(minute: int, *needs: dict[str, object]) -> Record:
    """Return a candidate whose needs were said at a minute."""
    ref = Ref(CANDIDATE, "p1")
    data = needs_data([Need.model_validate({"code": "x", **need}) for need in needs])
    return Record(ref, ref, facets={NEEDS: said(minute, data)})


@pytest.mark.parametrize(
    ("minutes", "duration", "expected"),
    [(30, 120, 25), (1, 120, 1), (10, 90, 12), (0, 120, 0), (120, 120, 100), (40, 180, 23)],
)
def test_minutes_become_a_percentage_rounded_up(minutes: int, duration: int, expected: int) -> None:
    """Nobody gets a minute less than granted."""
    assert expected == percentage({"minutes": minutes}, duration)


@given(st.integers(0, 1440), st.integers(1, 1440))
def test_a_percentage_is_never_less_than_the_minutes(minutes: int, duration: int) -> None:
    """The percentage of the duration covers the minutes, and one percent less would not."""
    percent = percentage({"minutes": minutes}, duration)
    assert percent * duration >= minutes * 100
    assert minutes == 0 or (percent - 1) * duration < minutes * 100


def test_percent_wins_over_minutes() -> None:
    """They say the same thing in two units: they are never added."""
    assert grant(30, 25) == {"percent": 25}
    assert grant(30, None) == {"minutes": 30}
    assert grant(None, 0) == {"percent": 0}
    assert grant(None, None) is None


@pytest.mark.parametrize(("booked_at", "needs_at", "expected"), [(5, 1, 50), (1, 5, 25), (5, 5, 50)])
def test_the_newer_statement_replaces_the_older(booked_at: int, needs_at: int, expected: int) -> None:
    """S7: a booking's own grant and the person's needs are never doubled."""
    booking = said(booked_at, {"extra": {"percent": 50}})
    assert expected == booked_percentage(booking, candidate(needs_at, {"extraTimePercentage": 25}), DAY, 120)


def test_a_repetition_does_not_make_a_grant_newer() -> None:
    """A nightly snapshot of an old booking must not undo what was granted since."""
    booking = said(1, {"extra": {"minutes": 10}})
    repeated = Statement(said(9, {}).version, booking.since, booking.data)
    assert booked_percentage(repeated, candidate(5, {"extraTimePercentage": 50}), DAY, 120) == 50


def test_a_booking_without_a_grant_has_that_of_the_person() -> None:
    """And none when the person has none, or is not known."""
    booking = said(5, {"extra": None})
    assert booked_percentage(booking, candidate(1, {"additionalTimeInMin": 30}), DAY, 120) == 25
    assert booked_percentage(booking, None, DAY, 120) == 0
    assert booked_percentage(booking, candidate(1), DAY, 120) == 0


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-09-30", 0), ("2026-10-01", 30), ("2026-10-31", 30), ("2026-11-01", 0)]
)
def test_a_grant_counts_between_its_dates(day: str, expected: int) -> None:
    """Both dates belong to it."""
    needs = {"extraTimePercentage": 30, "startDate": "2026-10-01", "endDate": "2026-10-31"}
    assert expected == booked_percentage(said(5, {}), candidate(1, needs), date.fromisoformat(day), 120)
    assert expected == standing_percentage(candidate(1, needs), date.fromisoformat(day))


def test_what_stands_without_an_exam_is_in_percent() -> None:
    """Minutes wait for an exam; without needs nobody has asked for anything."""
    ref = Ref(CANDIDATE, "p1")
    assert standing_percentage(Record(ref, ref), DAY) is None
    assert standing_percentage(candidate(1, {"additionalTimeInMin": 30}), DAY) == 0
    assert standing_percentage(candidate(1, {"extraTimePercentage": 25}, {"extraTimePercentage": 10}), DAY) == 25


def test_the_next_turn_of_a_grant_is_known() -> None:
    """A profile is looked at again when a grant begins and the day after it ends, never for one without end."""
    needs = {"extraTimePercentage": 30, "startDate": "2026-10-01", "endDate": "2026-10-31"}
    assert date(2026, 10, 1) == next_turn(candidate(1, needs), date(2026, 9, 1))
    assert date(2026, 11, 1) == next_turn(candidate(1, needs), DAY)
    assert next_turn(candidate(1, needs), date(2026, 11, 1)) is None
    assert next_turn(candidate(1, {"extraTimePercentage": 30, "endDate": "9999-12-31"}), DAY) is None


def test_the_extra_time_of_a_moment_is_remembered() -> None:
    """What Cirrus prepared an exam with is what the profile held then, not what it holds now."""
    ref = Ref(CANDIDATE, "p1")
    log = [{"at": "2026-10-01T00:00:00Z", "before": 0}, {"at": "2026-10-02T00:00:00Z", "before": 25}]
    record = Record(ref, ref, confirmed={"seen": {"extra_time": 40}, "extra_changes": log})
    moments = {datetime(2026, 9, 30, tzinfo=UTC): 0, datetime(2026, 10, 1, 12, tzinfo=UTC): 25}
    moments[datetime(2026, 10, 2, tzinfo=UTC)] = 40
    assert moments == {moment: profile_extra_at(record, moment) for moment in moments}
