"""Tests of bringing sittings into Cirrus at once: who is seated by which calls, and what is said of it."""

from datetime import timedelta

from adapter.domain.answers import Absent, Accepted, Answer, Phrase
from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import (
    ListCandidates,
    PublishSchedule,
    ReadSchedule,
    Seat,
    SeatCandidates,
    Step,
)
from adapter.domain.version import utc_text
from tests.unit.builders import (
    NOW,
    START,
    booked,
    booking_cancelled,
    enrolled,
    exam_cancelled,
    scheduled,
    withdrawn,
)
from tests.unit.pure_cirrus import PureCirrus, candidates_of, refused
from tests.unit.pure_office import Office, kinds, office_with, settled


def test_one_call_makes_the_schedule_with_all_its_candidates() -> None:
    """What is due for one sitting goes in one call; each booking is confirmed, each link handed out."""
    office = office_with("1", "2", "3")
    office.work()
    assert kinds(office.cirrus.steps) == ["PublishSchedule"]
    assert office.seats() == {"s1", "s2", "s3"}
    assert len(office.told("booking.confirmed")) == len(office.told("launch-link.issued")) == 3
    assert [o.data["state"] for o in office.told("exam.confirmed")] == ["activated"]
    links = office.told("launch-link.issued")
    assert not any("https" in str(o.data) for o in office.said.values() if o not in links)


def test_more_than_a_batch_goes_in_several_calls() -> None:
    """No call holds more candidates than the policy allows."""
    office = office_with(*(str(n) for n in range(7)), policy=Policy(batch_size=3))
    office.work()
    assert [len(candidates_of(step)) for step in office.cirrus.steps] == [3, 3, 1]
    assert office.seats() == {f"s{n}" for n in range(7)}


def test_a_settled_sitting_needs_no_call() -> None:
    """S2: the same events again change nothing, call nothing and say nothing."""
    office = settled("1", "2")
    said = dict(office.said)
    office.hear(scheduled(), booked("1", "1"), booked("2", "2"), booked("1", "1", minute=9))
    office.work()
    assert (office.cirrus.steps, office.said) == ([], said)


def test_an_exam_without_bookings_waits_for_one() -> None:
    """An empty schedule is made only where the institution wants it."""
    assert settled().seats() is None
    assert settled(policy=Policy(create_empty=True)).seats() == set()


def test_a_late_booking_is_added() -> None:
    """Candidates can be added to an activated schedule at any time."""
    office = settled("1")
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert kinds(office.cirrus.steps) == ["SeatCandidates"]
    assert office.seats() == {"s1", "s2"}


def test_a_booking_after_the_exam_is_rejected() -> None:
    """There is nothing to be seated in any more."""
    office = settled("1")
    office.now = START + timedelta(hours=4)
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert office.booking("2").status is Status.REJECTED
    assert office.told("booking.rejected", "b2")[0].data["error"]["code"] == "exam-over"


def test_a_schedule_that_is_there_is_linked() -> None:
    """S24: an existing schedule is read, and only who is missing is added."""
    first = settled("1", policy=Policy(launch_links=False))
    office = Office(Policy(launch_links=False), first.cirrus)
    office.hear(scheduled(), booked("1", "1"), booked("2", "2"))
    office.work()
    assert kinds(office.cirrus.steps) == ["PublishSchedule", "ReadSchedule", "SeatCandidates"]
    assert [o.data["confirmedBy"] for o in office.told("booking.confirmed")] == ["read-back", "answer"]


# S3: bookings that wait.


def test_a_booking_waits_for_its_exam_and_says_so() -> None:
    """S3: pending is said after the grace period, once, and the booking goes on when the exam arrives."""
    office = Office()
    office.hear(booked("1", "1"))
    office.work()
    assert (office.booking("1").status, office.told("booking.pending")) == (Status.WAITING, [])
    office.work(NOW + timedelta(days=2))
    (told,) = office.told("booking.pending")
    assert told.data["waitingFor"] == {"kind": "sitting", "id": "o1"}
    office.hear(scheduled(minute=5))
    office.work()
    assert office.booking("1").status is Status.SETTLED


def test_a_waiting_booking_is_said_again_as_the_exam_nears() -> None:
    """S3: once after the grace period, again a day before the exam, and no third time."""
    office = office_with("1")
    office.cirrus.script += [lambda _, step: unusable(step)] * 5000
    office.work(START - timedelta(days=2))
    assert len(office.told("booking.pending")) == 1
    office.work(START)
    assert len(office.told("booking.pending")) == 2
    assert {o.data["deadline"] for o in office.told("booking.pending")} == {utc_text(START)}


def test_an_urgent_booking_does_not_wait_in_silence() -> None:
    """S3: escalation goes by time to the exam: ten minutes before, there is no grace period."""
    office = office_with("1")
    office.now = START - timedelta(minutes=10)
    office.cirrus.script.append(lambda _, step: unusable(step))
    office.work()
    assert len(office.told("booking.pending")) == 1


def test_an_assessment_that_is_not_ready_is_a_task() -> None:
    """A person publishes it; the bookings follow by themselves, and the task is closed."""
    office = office_with("1")
    office.cirrus.script.append(lambda _, step: unusable(step))
    office.work()
    assert (office.open_tasks(), office.booking("1").status) == (["prepare-assessment"], Status.WAITING)
    office.work(NOW + timedelta(hours=1))
    assert (office.open_tasks(), office.seats()) == ([], {"s1"})
    assert len(office.told("task.closed")) == 1


def unusable(step: Step) -> Answer | None:
    """Refuse to make a schedule of an assessment that is not published."""
    return refused(Phrase.ASSESSMENT_UNUSABLE) if isinstance(step, PublishSchedule) else None


# S4: tombstones.


def test_a_cancellation_before_its_booking_holds() -> None:
    """S4: the tombstone keeps the cancel when the older booking arrives after it."""
    office = Office()
    office.hear(scheduled(), booking_cancelled("1", "1", minute=5))
    office.work()
    office.hear(booked("1", "1"))
    office.work()
    assert (office.cirrus.steps, office.booking("1").status) == ([], Status.SETTLED)
    assert len(office.told("booking.cancelled", "b1")) == 1


def test_a_booking_after_its_cancellation_stands() -> None:
    """S4: book, cancel, book again in earnest: the third is confirmed although the first was."""
    office = settled("1", policy=Policy(mode="before_start"))
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work()
    assert office.seats() == set()
    office.hear(booked("1", "1", minute=9), booked("1", "1"))
    office.work()
    assert office.seats() == {"s1"}
    assert len(office.told("booking.confirmed", "b1")) == 2


def test_two_bookings_of_one_candidate_share_one_seat() -> None:
    """The seat stays while any live booking wants it, whichever of them brought it."""
    office = Office(Policy(mode="before_start"))
    office.hear(scheduled(), booked("1", "1"), booked("2", "1"))
    office.work()
    assert [candidates_of(step) for step in office.writes() if isinstance(step, ListCandidates)] == [["s1"]]
    assert {o.subject for o in office.told("booking.confirmed")} == {"b1", "b2"}
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work()
    assert (office.seats(), len(office.told("booking.cancelled", "b1"))) == ({"s1"}, 1)
    office.hear(booking_cancelled("2", "1", minute=6))
    office.work()
    assert office.seats() == set()


def test_a_second_booking_takes_over_a_seat_that_loses_its_first() -> None:
    """A booking that arrives with the cancellation of another keeps their common seat."""
    office = settled("1")
    office.hear(booking_cancelled("1", "1", minute=5), booked("2", "1", minute=6))
    office.work()
    assert (office.cirrus.steps, office.open_tasks(), office.seats()) == ([], [], {"s1"})
    assert len(office.told("booking.confirmed", "b2")) == 1


def test_a_rejected_booking_keeps_no_seat() -> None:
    """Two bookings of one candidate, one of them refused: the seat goes with the other."""
    office = Office(Policy(mode="before_start", external_attempts=True))
    office.hear(scheduled(), booked("\u00e9", "1"), booked("2", "1"))
    office.work()
    assert (office.seats(), office.booking("\u00e9").status) == ({"s1"}, Status.REJECTED)
    office.hear(booking_cancelled("2", "1", minute=5))
    office.work()
    assert office.seats() == set()


# What people do in Cirrus.


def test_a_schedule_that_is_gone_is_a_task() -> None:
    """It is not made anew by itself; when somebody restores it, the bookings go on."""
    office = settled("1")
    held = office.cirrus.schedules.pop("o1")
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert (office.open_tasks(), office.booking("2").status) == (["restore-schedule"], Status.WAITING)
    assert "PublishSchedule" not in kinds(office.cirrus.steps)
    office.cirrus.schedules["o1"] = held
    office.work(office.now + timedelta(hours=1))
    assert (office.open_tasks(), office.seats()) == ([], {"s1", "s2"})


def test_a_booking_cancelled_while_its_schedule_is_gone_is_cancelled() -> None:
    """Nobody waits for a schedule that nobody wants."""
    office = settled("1", "3")
    del office.cirrus.schedules["o1"]
    office.hear(booked("2", "2", minute=5))
    office.work()
    office.hear(booking_cancelled("1", "1", minute=6))
    office.work()
    assert len(office.told("booking.cancelled", "b1")) == 1


def test_staff_may_take_a_settled_candidate_off() -> None:
    """S21: what staff changed by hand stands; a read-back does not quietly put it back."""
    office = settled("1", "2")
    office.cirrus.schedules["o1"].seats.discard("s1")
    office.unsure.add(office.sitting().ref)
    office.hear(booked("3", "3", minute=5))
    office.work()
    assert office.seats() == {"s2", "s3"}


# S10, S11, ids.


def test_a_resit_has_its_own_attempt() -> None:
    """S10: another booking with another attempt id, where the institution numbers attempts itself."""
    office = Office(Policy(external_attempts=True))
    office.hear(scheduled("1"), scheduled("2", start=START + timedelta(days=30)))
    office.hear(booked("1", "1", "1"), booked("2", "1", "2", attempt=2))
    office.work()
    seats: list[Seat] = [seat for step in office.writes() if isinstance(step, PublishSchedule) for seat in step.seats]
    assert [(seat.profile.external_id, seat.attempt_id) for seat in seats] == [("s1", "b1"), ("s1", "b2")]


def test_an_attempt_id_that_does_not_fit_matters_only_where_it_is_used() -> None:
    """Without external attempts the booking's id never reaches Cirrus."""
    events = (scheduled(), booked("\u00e9", "1"))
    for external, status in ((True, Status.REJECTED), (False, Status.SETTLED)):
        office = Office(Policy(external_attempts=external))
        office.hear(*events)
        office.work()
        assert office.booking("\u00e9").status is status


def test_nothing_is_sent_for_refused_ids() -> None:
    """A candidate without a usable id, or with somebody else's, is rejected without a call."""
    office = office_with("1")
    office.hear(booked("2", "2", whom={"primaryCode": {"codeType": "x", "code": "\u00e9"}}))
    office.work()
    assert office.told("booking.rejected", "b2")[0].data["error"]["code"] == "invalid-id"
    assert office.seats() == {"s1"}


def test_a_title_is_cut_with_a_mark_and_compared_as_it_was_cut() -> None:
    """A long title does not look different for ever after it was read back."""
    office = Office(Policy(mode="before_start"))
    office.hear(scheduled(name="\U0001f600" * 80))
    office.work()
    title = office.cirrus.schedules["o1"].schedule.title
    assert len(title.encode("utf-16-le")) // 2 <= 100
    assert title.endswith("\u2026")
    office.cirrus.steps.clear()
    office.unsure.add(office.sitting().ref)
    office.hear(booked("1", "1", minute=5))
    office.work()
    assert "ChangeSchedule" not in kinds(office.cirrus.steps)


def test_a_schedule_that_cirrus_denies_is_not_sent_again() -> None:
    """A call to a schedule that is not there leads to a look, never to a second try on hope."""
    office = settled("1")
    office.cirrus.script.append(lambda _, step: refused(Phrase.NOT_FOUND) if isinstance(step, SeatCandidates) else None)
    office.cirrus.script.append(lambda _, step: Accepted(Absent()) if isinstance(step, ReadSchedule) else None)
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert kinds(office.cirrus.steps)[:2] == ["SeatCandidates", "ReadSchedule"]
    assert "restore-schedule" in office.open_tasks()


# Cancelled, and standing again.


def test_a_cancelled_exam_that_was_never_made_needs_no_call() -> None:
    """Its bookings are cancelled with the exam's reason."""
    office = Office()
    office.hear(booked("1", "1"), exam_cancelled(minute=5))
    office.work()
    office.hear(scheduled())
    office.work()
    assert (office.cirrus.steps, office.seats()) == ([], None)
    assert [o.data["reason"] for o in office.told("booking.cancelled")] == ["no room"]


def test_a_reinstated_exam_takes_its_bookings_back() -> None:
    """S22: a cancellation that was a mistake is undone by the exam's next version, and the SIS hears it all."""
    office = settled("1", policy=Policy(mode="before_start"))
    office.hear(exam_cancelled(minute=5))
    office.work()
    assert office.seats() is None
    office.hear(scheduled(minute=9))
    office.work()
    assert office.seats() == {"s1"}
    assert len(office.told("booking.confirmed", "b1")) == 2
    assert len(office.told("booking.cancelled", "b1")) == 1


def test_a_student_who_returns_has_the_bookings_back() -> None:
    """A withdrawal that was a mistake is undone by the next enrolment."""
    office = settled("1", policy=Policy(mode="before_start"))
    office.hear(enrolled("1", minute=1), withdrawn("1", minute=5))
    office.work()
    assert office.seats() == set()
    office.hear(enrolled("1", minute=9))
    office.work()
    assert office.seats() == {"s1"}
    assert len(office.told("booking.confirmed", "b1")) == 2


def test_the_office_never_calls_for_a_cirrus_it_was_not_asked_about() -> None:
    """An office without events does nothing."""
    office = Office(cirrus=PureCirrus())
    office.work(NOW + timedelta(days=100))
    assert office.cirrus.steps == []
