"""S21: what people change by hand in Cirrus is seen at a read-back, told, and stands until somebody decides."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import ChangeSchedule
from tests.unit.builders import (
    NOW,
    START,
    accommodated,
    booked,
    booking_cancelled,
    exam_cancelled,
    scheduled,
    updated,
    withdrawn,
)
from tests.unit.drift_kit import AT_ONCE, CHECK, HOUR, LATE, drifts, edit, look, moved_to, read_back
from tests.unit.pure_cirrus import lose_answer_to
from tests.unit.pure_office import Office, kinds, settled

both_modes = pytest.mark.parametrize("policy", [AT_ONCE, LATE], ids=["at once", "drafts"])


# The look before the exam.


@both_modes
def test_an_exam_is_looked_at_once_before_it_starts(policy: Policy) -> None:
    """One call for each sitting, at the time that the settings name; where nothing was changed, nothing is told."""
    office = settled("1", "2", policy=policy)
    office.work(START)
    assert kinds(office.cirrus.steps).count("ReadSchedule") == 1
    assert office.told("drift.detected") == []
    assert office.sitting().status is Status.SETTLED


@pytest.mark.parametrize(("hours", "made"), [(0, NOW), (20, START - 10 * HOUR)], ids=["not wanted", "made later"])
def test_a_look_that_shows_nothing_new_is_not_made(hours: int, made: datetime) -> None:
    """Where it is switched off, and where the schedule was made when the time had come already."""
    office = Office(Policy(drift_check_before=timedelta(hours=hours)), now=made)
    office.hear(scheduled(), booked("1", "1"))
    office.work(START + HOUR)
    assert "ReadSchedule" not in kinds(office.cirrus.steps)


def test_a_look_sees_every_booking() -> None:
    """A settled sitting is planned with few of its members; for a look at all of Cirrus' seats it is loaded whole."""
    office = settled("1", "2", "3", policy=AT_ONCE)
    office.hear(booked("4", "4", minute=5))
    look(office)
    assert office.told("drift.detected") == []


# What is seen, is told once, and stands.


@both_modes
def test_a_candidate_taken_off_by_hand_stays_off(policy: Policy) -> None:
    """It is told as missing; neither the look nor the person's new address nor another booking puts it back."""
    office = settled("1", "2", policy=policy)
    office.cirrus.schedules["o1"].seats.discard("s1")
    look(office)
    missing = [{"associationId": "b1", "personId": "p1", "candidateExtId": "s1"}]
    assert drifts(office) == [{"missing": missing}]
    office.hear(updated("1", minute=6, mail="new@uni.example"), booked("3", "3", minute=7))
    office.work()
    assert office.seats() == {"s2", "s3"}
    assert drifts(office) == [{"missing": missing}]
    assert (office.sitting().status, office.booking("1").status) == (Status.MANUAL, Status.SETTLED)


def test_nothing_is_confirmed_for_a_seat_that_is_not_there() -> None:
    """Extra time that is granted later is no reason to say that the candidate can sit."""
    office = settled("1", policy=AT_ONCE)
    office.cirrus.schedules["o1"].seats.clear()
    look(office)
    office.hear(accommodated("1", {"extraTimePercentage": 25}, minute=6))
    office.work()
    assert [o.data["extraTimePercentage"] for o in office.told("booking.confirmed", "b1")] == [0]


@both_modes
def test_a_candidate_added_by_hand_stays_on(policy: Policy) -> None:
    """It is told as surplus, by the id in Cirrus, and not removed."""
    office = settled("1", policy=policy)
    office.cirrus.schedules["o1"].seats.add("walkin")
    look(office)
    office.work(START)
    assert (drifts(office), office.seats()) == ([{"surplus": ["walkin"]}], {"s1", "walkin"})


@both_modes
def test_values_changed_by_hand_stand(policy: Policy) -> None:
    """Title and times are told as they are and as the SIS says; a draft is not quietly changed back."""
    office = settled("1", policy=policy)
    edit(office, title="Room 5", start=START + HOUR)
    look(office)
    title = {"field": "title", "wanted": "Exam 1", "seen": "Room 5"}
    assert drifts(office) == [{"differing": [title, moved_to(START + HOUR)]}]
    office.hear(booked("2", "2", minute=6))
    office.work(START - HOUR)
    assert office.cirrus.schedules["o1"].schedule.start == START + HOUR
    assert (office.open_tasks(), office.seats()) == ([], {"s1", "s2"})
    assert office.cirrus.schedules["o1"].activated


def test_a_schedule_taken_back_to_a_draft_stays_one() -> None:
    """Whoever has deactivated it is at work on it."""
    office = settled("1", policy=AT_ONCE)
    office.cirrus.schedules["o1"].activated = False
    look(office)
    assert drifts(office) == [{"differing": [{"field": "state", "wanted": "activated", "seen": "draft"}]}]
    assert "ActivateSchedule" not in kinds(office.cirrus.steps)


def test_a_schedule_that_was_deleted_is_told_with_its_task() -> None:
    """It is not made anew; the seats say nothing any more."""
    office = settled("1", policy=AT_ONCE)
    held = office.cirrus.schedules.pop("o1")
    look(office)
    gone = {"field": "state", "wanted": "activated", "seen": "gone"}
    assert (drifts(office), office.open_tasks()) == ([{"differing": [gone]}], ["restore-schedule"])
    office.cirrus.schedules["o1"] = held
    office.work(CHECK + HOUR)
    assert (drifts(office)[1:], office.open_tasks()) == ([{}], [])


def test_the_same_drift_is_told_once_and_another_one_again() -> None:
    """Each event tells all that differs, under an id of its own; what is as it was told is not told again."""
    office = settled("1", "2", policy=AT_ONCE)
    seats = office.cirrus.schedules["o1"].seats
    for change in (seats.clear, lambda: None, lambda: seats.update({"s1", "s2"}), seats.clear):
        change()
        read_back(office)
    assert [len(told.get("missing", ())) for told in drifts(office)] == [2, 0, 2]


# How it ends.


def test_drift_that_is_put_right_by_hand_ends() -> None:
    """The next read-back sees it, and says that nothing differs."""
    office = settled("1", policy=AT_ONCE)
    edit(office, start=START + HOUR)
    look(office)
    edit(office, start=START)
    read_back(office)
    assert (drifts(office)[1:], office.sitting().status) == ([{}], Status.SETTLED)


def test_drift_ends_where_the_sis_says_the_same() -> None:
    """A walk-in who is booked, a seat that is cancelled and times that are taken over need no look at Cirrus."""
    office = settled("1", "2", policy=AT_ONCE)
    office.cirrus.schedules["o1"].seats ^= {"s1", "s3"}
    edit(office, start=START + HOUR, end=START + 4 * HOUR)
    look(office)
    reads = kinds(office.cirrus.steps).count("ReadSchedule")
    office.hear(booked("3", "3", minute=6), booking_cancelled("1", "1", minute=7))
    office.hear(scheduled(start=START + HOUR, minute=8))
    office.work()
    assert (drifts(office)[-1], office.sitting().status) == ({}, Status.SETTLED)
    assert len(office.told("booking.cancelled", "b1")) == 1
    assert kinds(office.cirrus.steps).count("ReadSchedule") == reads
    assert office.open_tasks() == []


def test_drift_ends_with_its_exam() -> None:
    """After the end, nobody has to decide any more; nothing is claimed to be as the SIS says."""
    office = settled("1", policy=AT_ONCE)
    office.cirrus.schedules["o1"].seats.add("walkin")
    office.work(START + 4 * HOUR)
    assert (len(drifts(office)), office.sitting().status) == (1, Status.SETTLED)


def test_a_cancelled_exam_has_no_drift() -> None:
    """Its bookings are cancelled, also the one whose seat was taken away by hand."""
    office = settled("1", "2", policy=LATE)
    office.cirrus.schedules["o1"].seats.discard("s1")
    office.work(START - 23 * HOUR)
    office.cirrus.schedules["o1"].activated = False
    look(office)
    office.hear(exam_cancelled(minute=6))
    office.work()
    assert drifts(office)[-1] == {}
    assert {o.subject for o in office.told("booking.cancelled")} == {"b1", "b2"}


def test_a_student_who_leaves_is_no_longer_missing() -> None:
    """The booking lapses, and the SIS hears so."""
    office = settled("1", policy=AT_ONCE)
    office.cirrus.schedules["o1"].seats.clear()
    look(office)
    office.hear(withdrawn("1", minute=6))
    office.work()
    assert (drifts(office)[-1], len(office.told("booking.cancelled", "b1"))) == ({}, 1)


# The SIS has the last word when it says something new.


def test_a_new_booking_is_seated_whatever_was_done_by_hand() -> None:
    """The SIS books anew after staff took the candidate off."""
    office = settled("1", policy=AT_ONCE)
    office.cirrus.schedules["o1"].seats.clear()
    look(office)
    office.hear(booked("1", "1", minute=6, attempt=2))
    office.work()
    assert (office.seats(), drifts(office)[-1]) == ({"s1"}, {})
    assert len(office.told("booking.confirmed", "b1")) == 2


def test_what_the_sis_changes_is_changed_and_the_rest_stands() -> None:
    """A new title does not undo a start that was moved by hand."""
    office = settled("1", policy=LATE)
    edit(office, start=START + HOUR, end=START + 5 * HOUR)
    read_back(office)
    office.hear(scheduled(minute=6, name="Exam One"))
    office.work()
    (change,) = [step for step in office.writes() if isinstance(step, ChangeSchedule)]
    assert (change.schedule.title, change.schedule.start) == ("Exam One", START + HOUR)


def test_a_window_that_was_moved_by_hand_still_fits_its_exam() -> None:
    """The SIS shortens an exam that staff have moved to later: the window stays long enough."""
    office = settled("1", policy=LATE)
    edit(office, start=START + 2 * HOUR, end=START + 5 * HOUR)
    read_back(office)
    office.hear(scheduled(minutes=150, minute=6))
    office.work()
    held = office.cirrus.schedules["o1"].schedule
    assert (held.start, held.end) == (START + 2 * HOUR, START + 4 * HOUR + timedelta(minutes=1))


def test_a_move_there_and_back_by_the_sis_is_no_drift() -> None:
    """Staff and the SIS agreed in between, so going back is the SIS's own change."""
    office = settled("1", policy=LATE)
    edit(office, start=START + HOUR, end=START + 4 * HOUR)
    read_back(office)
    office.hear(scheduled(start=START + HOUR, minute=6))
    office.work()
    office.hear(scheduled(minute=7))
    office.work()
    assert (office.cirrus.schedules["o1"].schedule.start, drifts(office)[-1]) == (START, {})


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_change_without_an_answer_is_nobodys_drift(carried_out: bool) -> None:
    """What our own lost call has done or not done is not blamed on people."""
    office = settled("1", policy=LATE)
    office.cirrus.script.append(lose_answer_to(ChangeSchedule, carried_out=carried_out))
    office.hear(scheduled(start=START + HOUR, minute=6))
    office.work(NOW + HOUR)
    assert office.cirrus.schedules["o1"].schedule.start == START + HOUR
    office.hear(scheduled(minute=7))
    office.work()
    assert (office.cirrus.schedules["o1"].schedule.start, drifts(office)) == (START, [])


def test_a_change_without_an_answer_that_is_taken_back_is_nobodys_drift() -> None:
    """The SIS moves the exam, the answer is lost, and it moves it back before anybody has looked."""
    office = settled("1", policy=LATE)
    office.cirrus.script.append(lose_answer_to(ChangeSchedule, carried_out=True))
    office.hear(scheduled(start=START + HOUR, minute=6))
    office.converge(office.sitting().ref)
    office.hear(scheduled(minute=7))
    office.work(office.now + HOUR)
    assert (office.cirrus.schedules["o1"].schedule.start, drifts(office)) == (START, [])


def test_a_person_who_takes_a_schedule_back_for_our_task_finds_it_done() -> None:
    """S9: the move asks for a draft; once it is one, the API makes the move and activates."""
    office = settled("1", policy=AT_ONCE)
    office.hear(scheduled(start=START + HOUR, minute=6))
    office.work()
    assert office.open_tasks() == ["move-schedule"]
    office.cirrus.schedules["o1"].activated = False
    office.work(office.now + HOUR)
    held = office.cirrus.schedules["o1"]
    assert (held.schedule.start, held.activated) == (START + HOUR, True)
    assert (office.open_tasks(), drifts(office)) == ([], [])


def test_a_schedule_that_somebody_else_has_made_keeps_its_times() -> None:
    """S24: it is linked, who is booked is added, and that its times are others is told."""
    first = settled("9", policy=AT_ONCE)
    edit(first, start=START + HOUR)
    office = Office(AT_ONCE, first.cirrus)
    office.hear(scheduled(), booked("1", "1"))
    office.work()
    assert drifts(office) == [{"surplus": ["s9"], "differing": [moved_to(START + HOUR)]}]
    assert (office.seats(), office.open_tasks()) == ({"s1", "s9"}, [])
    assert len(office.told("exam.confirmed")) == 1


def test_a_task_is_looked_after_although_cirrus_was_read_long_ago() -> None:
    """The look before the exam was hours ago when a booking is cancelled; that somebody has done the task is seen."""
    office = settled("1", "2", policy=AT_ONCE)
    office.work(CHECK + 3 * HOUR)
    office.hear(booking_cancelled("1", "1", minute=6))
    office.work()
    assert office.open_tasks() == ["remove-candidate"]
    office.cirrus.schedules["o1"].seats.discard("s1")
    office.work(office.now + HOUR)
    assert office.open_tasks() == []


# In general.


@given(
    st.sets(st.sampled_from(["s1", "s2", "s3", "guest", "walkin"])),
    st.integers(0, 3),
    st.lists(st.sampled_from(["exam", "b1", "b2", "b3", "person"]), max_size=6),
    st.sampled_from([AT_ONCE, LATE]),
)
def test_whatever_is_changed_by_hand_a_repetition_undoes_nothing(
    seats: set[str], hours: int, repeated: list[str], policy: Policy
) -> None:
    """The SIS may say again what it said: who is on the schedule, and when it is, stays as people have left it."""
    office = settled("1", "2", "3", policy=policy)
    held = office.cirrus.schedules["o1"]
    held.seats = set(seats)
    edit(office, start=START + hours * HOUR, end=START + (hours + 3) * HOUR)
    read_back(office)
    told = len(drifts(office))
    says = {"exam": scheduled(minute=20), "person": updated("1", minute=20)}
    says |= {f"b{who}": booked(who, who, minute=20) for who in "123"}
    office.hear(*(says[each] for each in repeated))
    office.work(office.now + HOUR)
    read_back(office)
    assert (held.seats, held.schedule.start) == (seats, START + hours * HOUR)
    assert (office.writes(), office.open_tasks()) == ([], [])
    changed = hours > 0 or seats != {"s1", "s2", "s3"}
    assert (told, len(drifts(office))) == (changed, changed)
