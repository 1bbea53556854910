"""Tests of answers about sittings that are lost, leave somebody out, or are a refusal."""

from datetime import timedelta

import pytest

from adapter.domain.answers import Accepted, Answer, Phrase, Seated
from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import (
    PublishSchedule,
    ReadSchedule,
    SeatCandidates,
    Step,
)
from tests.unit.builders import (
    NOW,
    START,
    booked,
    booking_cancelled,
    scheduled,
    updated,
)
from tests.unit.drift_kit import LATE
from tests.unit.pure_cirrus import candidates_of, lose_answer_to, refused
from tests.unit.pure_office import Office, kinds, office_with, settled

# Lost answers.


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("kind", [PublishSchedule, SeatCandidates])
def test_a_lost_answer_is_read_back_before_anything_is_sent(kind: type[Step], carried_out: bool) -> None:
    """S16: nothing is sent twice on hope, and nobody is seated twice or left out."""
    office = office_with("1", "2", policy=Policy(batch_size=1))
    office.cirrus.script.append(lose_answer_to(kind, carried_out=carried_out))
    office.work(NOW + timedelta(minutes=5))
    names = kinds(office.cirrus.steps)
    assert names[names.index(kind.__name__) + 1] == "ReadSchedule"
    assert office.seats() == {"s1", "s2"}
    assert {o.subject for o in office.told("booking.confirmed")} == {"b1", "b2"}
    assert len([step for step in office.cirrus.steps if "s1" in candidates_of(step)]) == (
        1 if carried_out or kind is SeatCandidates else 2
    )


def test_doubt_outlives_a_read_that_fails() -> None:
    """S26: after a crash Cirrus is read until an answer comes; only then anything is sent."""
    office = settled("1")
    office.hear(booked("2", "2", minute=5))
    office.unsure.add(office.sitting().ref)
    office.cirrus.script += [lose_answer_to(ReadSchedule, carried_out=False)] * 2
    office.work(NOW + timedelta(minutes=5))
    assert kinds(office.cirrus.steps) == ["ReadSchedule"] * 3 + ["SeatCandidates"]


@pytest.mark.parametrize("doubt", [True, False])
def test_a_seat_that_a_late_call_of_ours_has_made_is_given_up(doubt: bool) -> None:
    """In doubt, who is there without a live booking is taken off again; else somebody has put them there, which stands.

    A worker that froze in its call may seat somebody after the next one has taken them off.
    """
    office = settled("1", "2", policy=LATE)
    office.hear(booking_cancelled("2", "2", minute=5))
    office.work(NOW + timedelta(minutes=6))
    assert office.seats() == {"s1"}
    office.cirrus.schedules["o1"].seats.add("s2")
    if doubt:
        office.unsure.add(office.sitting().ref)
    office.hear(booked("3", "3", minute=7))
    office.work(NOW + timedelta(minutes=8))
    assert office.seats() == ({"s1", "s3"} if doubt else {"s1", "s2", "s3"})
    assert office.told("drift.detected") == []


def test_a_lost_link_is_a_task() -> None:
    """A seat without its link is confirmed, and a person tells the candidate another way."""
    office = office_with("1")
    office.cirrus.script.append(lose_answer_to(PublishSchedule, carried_out=True))
    office.work(NOW + timedelta(minutes=5))
    assert (office.booking("1").status, office.open_tasks()) == (Status.SETTLED, ["launch-link-lost"])
    assert [o.data["confirmedBy"] for o in office.told("booking.confirmed")] == ["read-back"]
    office.work(START + timedelta(hours=4))
    assert office.open_tasks() == []


@pytest.mark.parametrize("forgets", [True, False])
def test_a_lost_link_is_asked_for_again_where_that_works(forgets: bool) -> None:
    """With `relink` one more call asks for the link; a tenant where that brings none gets the task."""
    office = office_with("1", policy=Policy(relink="add_candidates"))
    office.cirrus.forgets_links = forgets
    office.cirrus.script.append(lose_answer_to(PublishSchedule, carried_out=True))
    office.work(NOW + timedelta(minutes=5))
    assert kinds(office.writes()) == ["PublishSchedule", "SeatCandidates"]
    assert office.open_tasks() == (["launch-link-lost"] if forgets else [])
    assert len(office.told("launch-link.issued")) == (0 if forgets else 1)


def test_a_seat_that_nobody_mentions_is_read_back_and_given_up_in_the_end() -> None:
    """An answer that leaves a candidate out settles nothing; after a few calls the booking is rejected."""
    office = settled("1")
    office.hear(booked("2", "2", minute=5))
    office.cirrus.script += [lambda _, step: leave_out(step)] * 10
    office.work(NOW + timedelta(minutes=5))
    assert kinds(office.cirrus.steps) == ["SeatCandidates", "ReadSchedule"] * 3
    assert office.told("booking.rejected", "b2")[0].data["error"]["code"] == "not-seated"


def leave_out(step: Step) -> Answer | None:
    """Accept a call and seat nobody."""
    return Accepted(Seated({})) if isinstance(step, SeatCandidates) else None


# Refusals.


@pytest.mark.parametrize("named", [True, False])
def test_one_bad_candidate_does_not_keep_the_others_out(named: bool) -> None:
    """S15: whether or not Cirrus names the culprit, only that booking is rejected."""
    office = office_with(*(str(n) for n in range(20)))
    office.cirrus.spoiled, office.cirrus.named = {"s13"}, named
    office.work()
    assert office.seats() == {f"s{n}" for n in range(20)} - {"s13"}
    assert [o.subject for o in office.told("booking.rejected")] == ["b13"]
    assert len(office.cirrus.steps) <= (2 if named else 12)
    office.cirrus.steps.clear()
    office.hear(booked("20", "20", minute=5))
    office.work()
    assert [candidates_of(step) for step in office.cirrus.steps] == [["s20"]]


def test_after_a_bad_first_candidate_calls_are_large_again() -> None:
    """The size of calls is found anew for each culprit, not kept small for the whole exam."""
    office = office_with(*(str(n) for n in range(20)))
    office.cirrus.spoiled = {"s0"}
    office.work()
    office.cirrus.steps.clear()
    office.hear(*(booked(f"x{n}", f"x{n}", minute=5) for n in range(30)))
    office.work()
    assert [len(candidates_of(step)) for step in office.cirrus.steps] == [30]


def test_a_refusal_of_the_schedule_rejects_the_exam_once() -> None:
    """What is wrong with the schedule is not asked again for every booking."""
    office = office_with(*(str(n) for n in range(40)))
    office.cirrus.script += [lambda _, step: too_short(step)] * 100
    office.work()
    assert len(office.cirrus.steps) <= 8
    assert len(office.told("exam.rejected")) == 1
    assert len(office.told("booking.rejected")) == 40
    assert office.sitting().status is Status.REJECTED


def test_a_mended_exam_takes_its_bookings_back() -> None:
    """Bookings that were rejected with their exam are seated when the SIS mends it."""
    office = office_with("1", "2")
    office.cirrus.script += [lambda _, step: too_short(step)] * 3
    office.work()
    assert office.sitting().status is Status.REJECTED
    office.cirrus.script.clear()
    office.hear(scheduled(minute=5, minutes=300))
    office.work()
    assert office.seats() == {"s1", "s2"}
    assert {o.subject for o in office.told("booking.confirmed")} == {"b1", "b2"}


def too_short(step: Step) -> Answer | None:
    """Refuse to make a schedule, for a reason of its own."""
    return refused(Phrase.WINDOW_TOO_SHORT, "too short") if isinstance(step, PublishSchedule) else None


def test_a_mended_student_is_seated() -> None:
    """A booking that was rejected for the student's id follows when the SIS mends the student."""
    office = Office()
    office.hear(scheduled(), booked("1", "1", whom={"primaryCode": {"codeType": "x", "code": "\u00e9"}}))
    office.work()
    assert (office.booking("1").status, office.cirrus.steps) == (Status.REJECTED, [])
    office.hear(updated("1", minute=5))
    office.work()
    assert (office.booking("1").status, office.seats()) == (Status.SETTLED, {"s1"})


def test_a_booking_cancelled_in_a_rejected_exam_is_cancelled() -> None:
    """Not rejected a second time."""
    office = office_with("1", "2", policy=Policy(batch_size=1))
    office.cirrus.script += [lambda _, step: too_short(step)] * 3
    office.work()
    office.hear(booking_cancelled("2", "2", minute=5))
    office.work()
    assert len(office.told("booking.cancelled", "b2")) == 1
