"""A booking that moves: on the new sitting first, then off the old one."""

from datetime import UTC, datetime, timedelta

from adapter.domain.answers import Accepted, Receipt, ScheduleSeen
from adapter.domain.applying import apply, depart, fold
from adapter.domain.findings import Handed, Plan, Settled, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, DEPARTURE, SITTING, Aggregate, Change, Record, Ref, Status
from adapter.domain.steps import ReadSchedule, UnlistCandidates
from adapter.domain.verdict import Confirmed
from adapter.domain.version import Rank, Statement, Version, utc_text
from handlers.sittings.plan import plan
from handlers.sittings.report import report
from handlers.sittings.view import Known
from tests.values import replace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
START = NOW + timedelta(days=3)
POLICY = Policy(mode="before_start")
VERSION = Version(NOW, None, Rank.UPDATE, "e1")
OLD, NEW, WHO = Ref(SITTING, "old"), Ref(SITTING, "new"), Ref("candidate", "p1")


def old_sitting(*, called_off: bool = False) -> Record:
    """Return a sitting that is a draft in Cirrus, or one that is called off and cannot be deleted there."""
    said = {
        "title": "Exam",
        "start": utc_text(START),
        "end": utc_text(START + timedelta(hours=3)),
        "duration": 120,
        "hierarchy": {"id": "EXAMS", "name": "Exams"},
        "pin": None,
        "assessment": "LAW1",
    }
    end = START + timedelta(hours=3)
    known = Known(exists=True, made=True, title="Exam", start=START, end=end, deletion_refused=called_off)
    life = Statement.first(VERSION, {"canceled": called_off, "reason": None})
    return Record(
        ref=OLD,
        home=OLD,
        external_id="old",
        facets={"timetable": Statement.first(VERSION, said), "life": life},
        confirmed=known.data(),
        status=Status.SETTLED,
    )


def moved(**confirmed: object) -> Record:
    """Return the booking in its new home, with what Cirrus has confirmed of it there."""
    said = Statement.first(VERSION, {"live": True, "sitting": "new", "extra": None})
    return Record(ref=Ref(BOOKING, "a1"), home=NEW, about=WHO, facets={"booking": said}, confirmed=confirmed)


def left(booking: Record, **confirmed: object) -> Aggregate:
    """Return the old sitting, with what was known of the booking's seat there when it left."""
    departure = depart(replace(booking, home=OLD, confirmed=confirmed), booking.facets["booking"])
    candidate = Record(ref=WHO, home=WHO, external_id="S1", status=Status.SETTLED)
    return Aggregate("uni", OLD, old_sitting(), (departure,), {WHO: candidate, booking.ref: booking})


def planned(booking: Record) -> Plan:
    """Plan the old sitting, whose seat the booking has left."""
    return plan(left(booking, seat=True, by="answer"), NOW, POLICY)


def test_the_old_seat_stays_until_the_new_one_is_there() -> None:
    """A student who moves never has no seat at all."""
    made = planned(moved())

    assert made.steps == ()
    assert [finding.state for finding in made.findings if finding.ref.kind == "departure"] == [
        Waits(Ref(BOOKING, "a1"), "the seat in the new exam")
    ]


def test_the_old_seat_is_given_up_once_the_new_one_is_there() -> None:
    """Then it is taken off the draft."""
    assert planned(moved(seat=True)).steps == (UnlistCandidates("old", ("S1",)),)


def test_the_old_seat_is_given_up_when_the_new_exam_is_called_off() -> None:
    """The booking has lapsed with its new exam: no seat will come, so there is nothing to wait for."""
    lapsed = replace(moved(lapsed="v1/v2"), status=Status.SETTLED)
    assert planned(lapsed).steps == (UnlistCandidates("old", ("S1",)),)


def test_the_old_seat_goes_with_its_schedule_when_the_old_exam_is_called_off() -> None:
    """Nobody sits in it, so nothing is waited for: the person who removes the schedule removes the seat."""
    known = replace(left(moved(), seat=True, by="answer"), root=old_sitting(called_off=True))
    made = plan(known, NOW, POLICY)
    assert [(finding.ref.kind, finding.state) for finding in made.findings] == [
        ("sitting", Handed()),
        ("departure", Handed()),
    ]


def test_the_old_seat_waits_for_no_booking_that_lapses_with_its_student() -> None:
    """Booked away and back again, and then the student has left: both are decided in one look."""
    back = replace(moved(), home=OLD)
    known = left(back, seat=True, by="answer")
    gone = Statement.first(VERSION, {"active": False, "hierarchy": None, "ended": NOW.date().isoformat()})
    who = replace(known.related[WHO], facets={"enrolment:1": gone})
    known = replace(known, members=(*known.members, back), related={WHO: who})
    assert plan(known, NOW, POLICY).steps == (UnlistCandidates("old", ("S1",)),)


def test_what_is_left_behind_is_a_record_of_its_own() -> None:
    """A departure keeps the seat that was held and names its booking, its former home and the event that caused it."""
    home, booking = Ref(SITTING, "o1"), Ref(BOOKING, "b1")
    seated = Record(booking, home, about=Ref(CANDIDATE, "p1"), confirmed={"seat": True}, revision=7)
    moved_to = Statement.first(Version(NOW, None, Rank.UPDATE, "moved"), {"live": True, "sitting": "o2"})
    said = Statement.first(moved_to.version, {"booking": "b1"})
    assert depart(seated, moved_to) == Record(
        Ref(DEPARTURE, "b1@o1"),
        home,
        about=Ref(CANDIDATE, "p1"),
        facets={DEPARTURE: said},
        confirmed={"seat": True},
        revision=1,
        cause="moved",
    )


def test_only_a_booking_that_has_a_seat_or_may_have_one_leaves_it_behind() -> None:
    """At rest without a seat nothing departs, nor does another kind of record; while it is open nobody knows."""
    to = Ref(SITTING, "o2")
    said = Statement.first(Version(NOW, None, Rank.UPDATE, "moved"), {"live": True})
    for kind, held, status, departs in (
        (BOOKING, True, Status.SETTLED, True),
        (BOOKING, False, Status.SETTLED, False),
        (BOOKING, False, Status.DUE, True),
        (CANDIDATE, True, Status.SETTLED, False),
    ):
        ref = Ref(kind, "1")
        record = Record(ref, Ref(SITTING, "o1"), confirmed={"seat": held}, status=status)
        applied = apply(record, Change(ref, "facet", said, home=to))
        assert (applied.departure is not None, applied.left) == (departs, Ref(SITTING, "o1"))
        assert applied.record.confirmed == {}


def test_a_seat_that_was_made_unheard_is_found_and_given_up() -> None:
    """The call that seated the booking died unheard, and then it moved: the read-back finds what nobody knew of."""
    unheard = replace(left(moved(seat=True)), unsure=True)
    first = plan(unheard, NOW, POLICY)
    assert first.steps == (ReadSchedule("old"),)

    seen = ScheduleSeen("old", "Exam", START, None, activated=False, archived=False, candidates=frozenset({"S1"}))
    receipt = Receipt(ReadSchedule("old"), Accepted(seen), Confirmed(), NOW)
    known = fold(fold(unheard, first.findings, NOW), report(unheard, receipt, POLICY), NOW)
    assert plan(known, NOW, POLICY).steps == (UnlistCandidates("old", ("S1",)),)


def test_a_departure_without_a_seat_comes_to_rest_without_a_call() -> None:
    """Cirrus was never told of the booking: there is nothing to give up."""
    made = plan(left(moved()), NOW, POLICY)
    assert made.steps == ()
    assert [finding.state for finding in made.findings if finding.ref.kind == "departure"] == [Settled()]
