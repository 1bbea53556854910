"""Tests of drafts: what is not activated yet is filled, changed, emptied and activated by the API."""

from datetime import timedelta

import pytest

from adapter.domain.answers import Phrase
from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import (
    ListCandidates,
    UnlistCandidates,
)
from tests.unit.builders import (
    NOW,
    START,
    booked,
    booking_cancelled,
    scheduled,
    updated,
)
from tests.unit.pure_cirrus import lose_answer_to, refused
from tests.unit.pure_office import Office, kinds, settled

LATE = Policy(mode="before_start")
"""Drafts, activated a day before the start: what the API can still change until then, it changes."""

A_WHILE = timedelta(hours=1)


def test_a_draft_is_filled_changed_emptied_and_activated() -> None:
    """Mode before_start: candidates are brought in and listed, taken off by the API, and it is activated in time."""
    office = Office(LATE)
    office.hear(scheduled(), booked("1", "1"), booked("2", "2"))
    office.work()
    assert kinds(office.writes()) == ["DraftSchedule", "CreateCandidate", "CreateCandidate", "ListCandidates"]
    assert [o.data["state"] for o in office.told("exam.confirmed")] == ["draft"]
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work()
    assert (kinds(office.writes())[4:], office.seats()) == (["UnlistCandidates"], {"s2"})
    office.work(START - timedelta(hours=25))
    assert not office.cirrus.schedules["o1"].activated
    office.work(START - timedelta(hours=24))
    assert office.cirrus.schedules["o1"].activated
    assert [o.data["state"] for o in office.told("exam.confirmed")] == ["draft", "activated"]
    assert not office.open_tasks()


def test_a_draft_waits_for_its_candidates() -> None:
    """A candidate that Cirrus does not have is asked for, and the booking waits meanwhile."""
    office = Office(LATE)
    office.cirrus.spoiled.add("s1")
    office.hear(scheduled(), booked("1", "1"), booked("2", "2"))
    office.work()
    assert office.seats() == {"s2"}
    assert (office.booking("1").status, office.candidate("1").status) == (Status.REJECTED, Status.REJECTED)
    assert office.told("booking.rejected", "b1")[0].data["error"]["code"] == "invalid-field"
    office.cirrus.spoiled.clear()
    office.hear(updated("1", minute=5))
    office.work()
    assert office.seats() == {"s1", "s2"}


@pytest.mark.parametrize("alone", [True, False])
def test_a_candidate_that_cirrus_denies_is_looked_up_again(alone: bool) -> None:
    """Somebody deleted the user by hand: it is read and made anew, and then listed."""
    office = settled("1", policy=LATE)
    office.hear(updated("2", minute=1))
    office.work()
    del office.cirrus.users["s2"]
    office.cirrus.steps.clear()
    office.hear(booked("2", "2", minute=5), *(() if alone else (booked("3", "3", minute=5),)))
    office.work(NOW + A_WHILE)
    assert office.seats() == {"s1", "s2"} | (set() if alone else {"s3"})
    assert "CreateCandidate" in kinds(office.cirrus.steps)


def test_a_candidate_that_cirrus_always_denies_is_given_up() -> None:
    """A user that can be read but never listed ends as a rejected booking, not as calls without end."""
    office = settled("1", policy=LATE)
    office.cirrus.script += [
        lambda _, step: refused(Phrase.USER_NOT_FOUND) if isinstance(step, ListCandidates) else None
    ] * 20
    office.hear(booked("2", "2", minute=5))
    office.work(NOW + A_WHILE)
    assert office.told("booking.rejected", "b2")[0].data["error"]["code"] == "not-seated"
    assert len(office.cirrus.steps) < 20


def test_a_move_of_a_draft_is_one_change() -> None:
    """Before activation the API moves the schedule by itself."""
    office = settled("1", policy=LATE)
    office.hear(scheduled(start=START + timedelta(days=1), minute=5))
    office.work()
    assert kinds(office.cirrus.steps) == ["ChangeSchedule"]
    assert office.cirrus.schedules["o1"].schedule.start == START + timedelta(days=1)


def test_a_draft_whose_exam_is_over_is_left_alone() -> None:
    """Nothing is activated, listed or changed after the end."""
    office = Office(LATE)
    office.now = START + timedelta(hours=4)
    office.hear(scheduled(), booked("1", "1"))
    office.work(START + timedelta(days=30))
    assert office.writes() == []


def test_a_removal_that_cirrus_refuses_is_a_task() -> None:
    """The same refused call is not made again; a person takes the candidate off, and the task is closed."""
    office = settled("1", "2", policy=LATE)
    office.cirrus.script += [
        lambda _, step: refused(Phrase.UNKNOWN) if isinstance(step, UnlistCandidates) else None
    ] * 5
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work(NOW + A_WHILE)
    assert kinds(office.writes()).count("UnlistCandidates") == 1
    assert office.open_tasks() == ["remove-candidate"]
    office.cirrus.schedules["o1"].seats.discard("s1")
    office.work(NOW + 2 * A_WHILE)
    assert (office.open_tasks(), len(office.told("booking.cancelled", "b1"))) == ([], 1)


def test_a_ghost_seat_is_found() -> None:
    """A booking cancelled while its call had no answer does not leave its seat behind."""
    office = settled("1", policy=LATE)
    office.cirrus.users["s2"] = office.cirrus.users["s1"]
    office.cirrus.script.append(lose_answer_to(ListCandidates, carried_out=True))
    office.hear(booked("2", "2", minute=5))
    office.work()
    office.hear(booking_cancelled("2", "2", minute=6))
    office.work(NOW + A_WHILE)
    assert office.seats() == {"s1"}
