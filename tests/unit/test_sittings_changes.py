"""Tests of what changes late: extra time, withdrawals, moves and cancellations."""

from datetime import timedelta

import pytest

from adapter.domain.answers import AttemptsSeen, Phrase
from adapter.domain.policy import Policy
from adapter.domain.records import DEPARTURE, Ref, Status
from adapter.domain.steps import (
    ActivateSchedule,
    ChangeSchedule,
    DeleteSchedule,
    DraftSchedule,
    ListCandidates,
    ReadAttempts,
    ReadSchedule,
    Step,
    UnlistCandidates,
)
from tests.unit.builders import (
    NOW,
    START,
    accommodated,
    booked,
    booking_cancelled,
    enrolled,
    exam_cancelled,
    rebooked,
    scheduled,
    withdrawn,
)
from tests.unit.pure_cirrus import candidates_of, lose_answer_to, refused
from tests.unit.pure_office import Office, kinds, settled

LATE = Policy(mode="before_start")
"""Drafts, activated a day before the start: what the API can still change until then, it changes."""

AT_ONCE = Policy(launch_links=False)
"""Activated when made: what the API cannot change any more becomes a task."""

A_WHILE = timedelta(hours=1)


# Extra time.


@pytest.mark.parametrize("policy", [LATE, AT_ONCE])
def test_extra_time_half_an_hour_before_is_on_the_profile_in_time(policy: Policy) -> None:
    """S6: 30 minutes before the start the profile is changed, and no person is bothered."""
    office = settled("1", policy=policy)
    office.work(START - timedelta(minutes=30))
    office.hear(accommodated("1", {"extraTimePercentage": 25}, minute=5))
    office.work()
    assert office.cirrus.users["s1"].extra_time == 25
    assert office.open_tasks() == []
    assert [o.data["extraTimePercentage"] for o in office.told("booking.confirmed", "b1")] == [0, 25]


@pytest.mark.parametrize("policy", [LATE, AT_ONCE])
def test_extra_time_ten_minutes_before_is_a_task_for_the_invigilator(policy: Policy) -> None:
    """S6: too late for the profile, which Cirrus has already read; the SIS hears both."""
    office = settled("1", policy=policy)
    office.hear(accommodated("1", {"extraTimePercentage": 10}, minute=5))
    office.work(START - timedelta(minutes=10))
    office.hear(accommodated("1", {"extraTimePercentage": 25}, minute=9))
    office.work()
    assert office.open_tasks() == ["late-extra-time"]
    (told,) = office.told("task.raised")
    assert "10 %" in told.data["text"]
    assert "25 %" in told.data["text"]
    office.work(START + timedelta(hours=4))
    assert office.open_tasks() == []


def test_extra_time_mid_year_reaches_every_booking_to_come() -> None:
    """S7: one statement, all future exams, never added to what a booking had."""
    office = Office(LATE)
    starts = [START, START + timedelta(days=30), START + timedelta(days=60)]
    office.hear(*(scheduled(str(n), start=start) for n, start in enumerate(starts)))
    office.hear(*(booked(str(n), "1", str(n), additionalTimeInMin=12) for n in range(3)))
    office.work(START + timedelta(days=1))
    office.hear(accommodated("1", {"extraTimePercentage": 30}, minute=5))
    office.work()
    assert office.cirrus.users["s1"].extra_time == 30
    in_force = {
        f"b{n}": [o.data["extraTimePercentage"] for o in office.told("booking.confirmed", f"b{n}")] for n in range(3)
    }
    assert in_force == {"b0": [10], "b1": [10, 30], "b2": [10, 30]}


def test_a_window_that_is_too_short_is_lengthened() -> None:
    """S7: two hours with half as much again do not fit into a window of two and a half."""
    office = Office(LATE)
    office.hear(scheduled(minutes=150), booked("1", "1"))
    office.work()
    office.hear(accommodated("1", {"extraTimePercentage": 50}, minute=5))
    office.work()
    assert [step.schedule.end for step in office.writes() if isinstance(step, ChangeSchedule)] == [
        START + timedelta(minutes=181)
    ]


@pytest.mark.parametrize("policy", [LATE, AT_ONCE])
def test_a_window_is_not_shortened_when_somebody_leaves(policy: Policy) -> None:
    """What was long enough stays so: no call, and no task for a person, only because one student left."""
    office = Office(policy)
    office.hear(scheduled(minutes=150), booked("1", "1", extraTimePercentage=50), booked("2", "2"))
    office.work()
    office.cirrus.steps.clear()
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work()
    office.hear(booked("3", "3", minute=6))
    office.work(NOW + A_WHILE)
    assert "ChangeSchedule" not in kinds(office.cirrus.steps)
    assert "move-schedule" not in office.open_tasks()


def test_a_grant_that_grows_while_it_is_carried_out_is_carried_out() -> None:
    """S7: the booking changes between the candidate's pass and its sitting's; the larger grant must not be missed."""
    office = settled("1", policy=LATE)
    office.hear(booked("1", "1", minute=5, extraTimePercentage=10))
    office.converge(office.sitting().ref)
    office.converge(office.candidate("1").ref)
    office.hear(booked("1", "1", minute=6, extraTimePercentage=20))
    office.work()
    assert (office.cirrus.users["s1"].extra_time, office.booking("1").status) == (20, Status.SETTLED)


# After activation.


def test_a_withdrawal_after_activation_is_a_task() -> None:
    """S8: the API cannot remove; the task is closed, and the booking cancelled, when a read-back sees it done."""
    office = settled("1", "2", policy=AT_ONCE)
    office.hear(withdrawn("1", minute=5))
    office.work()
    assert (office.open_tasks(), office.booking("1").status) == (["remove-candidate"], Status.MANUAL)
    assert office.writes() == []
    office.work(NOW + A_WHILE)
    assert office.open_tasks() == ["remove-candidate"]
    office.cirrus.schedules["o1"].seats.discard("s1")
    office.work(NOW + 2 * A_WHILE)
    assert (office.open_tasks(), len(office.told("task.closed"))) == ([], 1)
    (told,) = office.told("booking.cancelled", "b1")
    assert told.data["reason"] == "the student has left the programme"


def test_who_leaves_twice_is_two_tasks() -> None:
    """The second is told under an id of its own: of the first everybody has heard that it is closed."""
    office = settled("1", "2", policy=AT_ONCE)
    for minute, event in enumerate([withdrawn, enrolled, withdrawn], 5):
        office.hear(event("1", minute=minute))
        office.work(NOW + minute * A_WHILE)
    assert office.open_tasks() == ["remove-candidate"]
    assert len({task.data["taskId"] for task in office.told("task.raised")}) == 2


def test_a_withdrawal_leaves_exams_before_its_end_date_alone() -> None:
    """The SIS's own end date counts; by policy a withdrawal cancels nothing at all."""
    for policy, ended, tasks in (
        (AT_ONCE, "2026-10-20", ["remove-candidate"]),
        (AT_ONCE, "2026-10-21", []),
        (Policy(launch_links=False, withdrawal_cancels=False), "2026-10-05", []),
    ):
        office = settled("1", policy=policy)
        office.hear(withdrawn("1", minute=5, finalEndDate=ended))
        office.work()
        assert office.open_tasks() == tasks


def test_a_cancelled_task_is_closed() -> None:
    """A booking that stands again needs nobody to remove the candidate."""
    office = settled("1", policy=AT_ONCE)
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work()
    assert office.open_tasks() == ["remove-candidate"]
    office.hear(booked("1", "1", minute=9))
    office.work()
    assert (office.open_tasks(), office.booking("1").status) == ([], Status.SETTLED)
    assert len(office.told("booking.confirmed", "b1")) == 2


def test_a_move_after_activation_is_a_task() -> None:
    """S9: a conflict task with the exact times, closed when a read-back sees them."""
    office = settled("1", policy=AT_ONCE)
    moved = START + timedelta(days=1)
    office.hear(scheduled(start=moved, minute=5))
    office.work(NOW + A_WHILE)
    assert (office.open_tasks(), office.writes()) == (["move-schedule"], [])
    assert any("2026-10-21T09:00:00Z" in step for step in office.told("task.raised")[0].data["steps"])
    held = office.cirrus.schedules["o1"]
    held.schedule = type(held.schedule)(
        "o1", "A1", "Exam 1", moved, moved + timedelta(hours=3), held.schedule.hierarchy
    )
    office.work(NOW + 2 * A_WHILE)
    assert (office.open_tasks(), office.sitting().status) == ([], Status.SETTLED)
    assert len(office.told("exam.confirmed")) == 2


def test_a_second_move_replaces_the_task_of_the_first() -> None:
    """S9: nobody is left with a task that names times which no longer hold."""
    office = settled("1", policy=AT_ONCE)
    office.hear(scheduled(start=START + timedelta(days=1), minute=5))
    office.work(NOW + A_WHILE)
    office.hear(scheduled(start=START + timedelta(days=2), minute=6))
    office.work(NOW + 2 * A_WHILE)
    (asked,) = office.tasks.values()
    assert any("2026-10-22T09:00:00Z" in step for step in asked.task.steps)
    assert (len(office.told("task.raised")), len(office.told("task.closed"))) == (2, 1)


def test_a_booking_during_a_conflict_is_seated() -> None:
    """An open task does not hold up the bookings."""
    office = settled("1", policy=AT_ONCE)
    office.hear(scheduled(start=START + timedelta(days=1), minute=5), booked("2", "2", minute=6))
    office.work(NOW + A_WHILE)
    assert office.seats() == {"s1", "s2"}


# Cancelled exams.


def test_a_cancelled_draft_is_deleted() -> None:
    """Its bookings are cancelled with it."""
    office = settled("1", policy=LATE)
    office.hear(exam_cancelled(minute=5))
    office.work()
    assert (kinds(office.cirrus.steps), office.seats()) == (["DeleteSchedule"], None)
    assert (len(office.told("exam.cancelled")), len(office.told("booking.cancelled"))) == (1, 1)


@pytest.mark.parametrize("phrase", [Phrase.CANNOT_DELETE, Phrase.FROZEN])
def test_a_cancelled_activated_schedule_is_a_task(phrase: Phrase) -> None:
    """However Cirrus words its refusal, it is asked once; a person removes the schedule, and all tasks are closed."""
    office = settled("1", "2", policy=AT_ONCE)
    office.hear(booking_cancelled("2", "2", minute=4))
    office.work()
    office.cirrus.script.append(lambda _, step: refused(phrase) if isinstance(step, DeleteSchedule) else None)
    office.hear(exam_cancelled(minute=5))
    office.work(NOW + A_WHILE)
    assert kinds(office.writes()).count("DeleteSchedule") == 1
    assert office.open_tasks() == ["remove-schedule"]
    assert office.booking("1").status is Status.MANUAL
    del office.cirrus.schedules["o1"]
    office.work(NOW + 2 * A_WHILE)
    assert (office.open_tasks(), office.booking("1").status) == ([], Status.SETTLED)
    assert {o.subject for o in office.told("booking.cancelled")} == {"b1", "b2"}
    assert len(office.told("exam.cancelled")) == 1


def test_a_schedule_with_attempts_is_never_deleted() -> None:
    """S9: once the exam has begun, attempts are looked up first, and a schedule that has some is left to people."""
    office = settled("1", policy=AT_ONCE)
    office.cirrus.schedules["o1"].started.add("s1")
    office.now = START + timedelta(minutes=5)
    office.hear(exam_cancelled(minute=5))
    office.work()
    assert kinds(office.cirrus.steps) == ["ReadAttempts"]
    assert office.open_tasks() == ["remove-schedule"]


@pytest.mark.parametrize(
    ("phrase", "deletes"), [(Phrase.NOT_BEGUN, True), (Phrase.UNKNOWN, False), (Phrase.NOT_FOUND, False)]
)
def test_without_knowing_the_attempts_nothing_is_deleted(phrase: Phrase, deletes: bool) -> None:
    """Only Cirrus' own word that nobody can have begun counts as nobody."""
    office = settled("1", policy=AT_ONCE)
    office.now = START + timedelta(minutes=5)
    office.cirrus.script += [lambda _, step: refused(phrase) if isinstance(step, ReadAttempts) else None] * 5
    office.hear(exam_cancelled(minute=5))
    office.work(START + timedelta(minutes=30))
    assert ("DeleteSchedule" in kinds(office.cirrus.steps)) is deletes


def test_nobody_has_begun_an_exam_that_nobody_began() -> None:
    """An empty list of attempts is remembered as such."""
    office = settled("1", policy=AT_ONCE)
    office.now = START + timedelta(minutes=5)
    office.hear(exam_cancelled(minute=5))
    office.work(START + timedelta(minutes=30))
    assert kinds(office.cirrus.steps).count("ReadAttempts") == 1
    assert AttemptsSeen(frozenset(), {"s1": ()}) == office.cirrus.obey(ReadAttempts("o1")).content  # type: ignore[union-attr]


def test_a_deletion_without_an_answer_may_be_followed_by_a_new_schedule() -> None:
    """A schedule that we removed ourselves is no schedule that somebody took away."""
    office = settled("1", policy=LATE)
    office.cirrus.script.append(lose_answer_to(DeleteSchedule, carried_out=True))
    office.hear(exam_cancelled(minute=5))
    office.work(NOW + A_WHILE)
    office.hear(scheduled(minute=9))
    office.work(NOW + 2 * A_WHILE)
    assert (office.seats(), office.open_tasks()) == ({"s1"}, [])


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_deletion_without_an_answer_is_not_somebody_elses_work(*, carried_out: bool) -> None:
    """Also when the exam is wanted again before anybody has looked: what is gone is made anew, what is left stays."""
    office = settled("1", policy=LATE)
    office.cirrus.script.append(lose_answer_to(DeleteSchedule, carried_out=carried_out))
    office.hear(exam_cancelled(minute=5))
    office.work()
    office.hear(scheduled(minute=9))
    office.work(NOW + A_WHILE)
    anew = ["DraftSchedule", "ListCandidates"] if carried_out else []
    assert kinds(office.cirrus.steps) == ["DeleteSchedule", "ReadSchedule", *anew]
    assert (office.seats(), office.open_tasks()) == ({"s1"}, [])
    del office.cirrus.schedules["o1"]
    office.work(START)
    assert office.open_tasks() == ["restore-schedule"]


# Rebooked.


@pytest.mark.parametrize(("policy", "tasks"), [(LATE, []), (AT_ONCE, ["remove-candidate"])])
def test_a_rebooked_candidate_leaves_the_former_sitting(policy: Policy, tasks: list[str]) -> None:
    """On the new sitting, and off the old one: by the API from a draft, else by a person."""
    office = settled("1", "2", policy=policy)
    office.hear(scheduled("2", start=START + timedelta(days=7)), rebooked("1", "1", "2", "1", minute=5))
    office.work()
    assert "s1" in (office.seats("2") or set())
    assert office.open_tasks() == tasks
    departure = office.records[Ref(DEPARTURE, "b1@o1")]
    if tasks:
        assert departure.status is Status.MANUAL
        office.cirrus.schedules["o1"].seats.discard("s1")
        office.work(NOW + A_WHILE)
    assert (office.seats(), office.open_tasks()) == ({"s2"}, [])
    assert office.records[departure.ref].status is Status.SETTLED
    assert [o.data["scheduleExtId"] for o in office.told("booking.confirmed", "b1")] == ["o1", "o2"]
    assert office.told("booking.cancelled", "b1") == []


def test_a_candidate_rebooked_there_and_back_keeps_the_seat() -> None:
    """The departure gives the seat back to the booking it came from."""
    office = settled("1", policy=AT_ONCE)
    office.hear(scheduled("2", start=START + timedelta(days=7)), rebooked("1", "1", "2", "1", minute=5))
    office.work()
    office.hear(rebooked("1", "1", "1", "2", minute=9))
    office.work(NOW + A_WHILE)
    assert office.seats() == {"s1"}
    assert [asked.task.ref for asked in office.tasks.values()] == [Ref(DEPARTURE, "b1@o2")]


@pytest.mark.parametrize("before", [timedelta(hours=24), timedelta(minutes=30)])
def test_a_late_draft_is_listed_and_activated_together(before: timedelta) -> None:
    """An exam that comes after its own cut-off is made, filled and activated in one go."""
    office = Office(LATE)
    office.now = START - before
    office.hear(scheduled(), booked("1", "1"))
    office.work()
    assert office.cirrus.schedules["o1"].activated
    assert office.seats() == {"s1"}


@pytest.mark.parametrize("kind", [DraftSchedule, ListCandidates, ActivateSchedule, ChangeSchedule, UnlistCandidates])
@pytest.mark.parametrize("carried_out", [True, False])
def test_every_lost_answer_is_read_back_first(kind: type[Step], carried_out: bool) -> None:
    """S16: for every write to a schedule, a read comes before the next write, and the end is the same."""
    office = Office(LATE)
    office.cirrus.script.append(lose_answer_to(kind, carried_out=carried_out))
    office.hear(scheduled(), booked("1", "1"), booked("2", "2"))
    office.work()
    office.hear(scheduled(minute=5, minutes=240), booking_cancelled("2", "2", minute=5))
    office.work(START - timedelta(hours=23))
    held = office.cirrus.schedules["o1"]
    assert (held.seats, held.activated, held.schedule.end) == ({"s1"}, True, START + timedelta(hours=4))
    steps = [step for step in office.cirrus.steps if "Candidate" not in type(step).__name__ or candidates_of(step)]
    lost = next(index for index, step in enumerate(steps) if isinstance(step, kind))
    assert isinstance(steps[lost + 1], ReadSchedule)


def test_a_deadline_is_told_in_utc() -> None:
    """S27: moments in events carry Z."""
    office = settled("1", policy=AT_ONCE)
    office.hear(scheduled(start=START + timedelta(days=1), minute=5))
    office.work()
    assert office.told("task.raised")[0].data["deadline"] == "2026-10-21T09:00:00Z"
