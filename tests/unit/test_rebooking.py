"""A booking that moves: on the new sitting first, then off the old one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapter.domain.applying import apply, depart
from adapter.domain.findings import Plan, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, DEPARTURE, SITTING, Aggregate, Change, Record, Ref, Status
from adapter.domain.steps import UnlistCandidates
from adapter.domain.version import Rank, Statement, Version, utc_text
from handlers.sittings.plan import plan
from handlers.sittings.view import Known

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
START = NOW + timedelta(days=3)
POLICY = Policy(mode="before_start")
VERSION = Version(NOW, None, Rank.UPDATE, "e1")
OLD, NEW, WHO = Ref(SITTING, "old"), Ref(SITTING, "new"), Ref("candidate", "p1")


def old_sitting() -> Record:
    """Return a sitting that is a draft in Cirrus."""
    said = {
        "title": "Exam",
        "start": utc_text(START),
        "end": utc_text(START + timedelta(hours=3)),
        "duration": 120,
        "hierarchy": {"id": "EXAMS", "name": "Exams"},
        "pin": None,
        "assessment": "LAW1",
    }
    known = Known(exists=True, made=True, title="Exam", start=START, end=START + timedelta(hours=3))
    return Record(
        ref=OLD,
        home=OLD,
        external_id="old",
        facets={"timetable": Statement.first(VERSION, said)},
        confirmed=known.data(),
        status=Status.SETTLED,
    )


def moved(**confirmed: object) -> Record:
    """Return the booking in its new home, with what Cirrus has confirmed of it there."""
    said = Statement.first(VERSION, {"live": True, "sitting": "new", "extra": None})
    return Record(ref=Ref(BOOKING, "a1"), home=NEW, about=WHO, facets={"booking": said}, confirmed=confirmed)


def planned(booking: Record) -> Plan:
    """Plan the old sitting, whose seat the booking has left."""
    before = replace(booking, home=OLD, confirmed={"seat": True, "by": "answer"})
    departure = depart(before, booking.facets["booking"])
    candidate = Record(ref=WHO, home=WHO, external_id="S1", status=Status.SETTLED)
    related = {WHO: candidate, booking.ref: booking}
    return plan(Aggregate("uni", OLD, old_sitting(), (departure,), related), NOW, POLICY)


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


def test_only_a_booking_with_a_seat_leaves_one_behind() -> None:
    """Neither a booking without a seat nor another kind of record, seat or not, departs when it moves."""
    to = Ref(SITTING, "o2")
    said = Statement.first(Version(NOW, None, Rank.UPDATE, "moved"), {"live": True})
    for kind, held, departs in ((BOOKING, True, True), (BOOKING, False, False), (CANDIDATE, True, False)):
        ref = Ref(kind, "1")
        record = Record(ref, Ref(SITTING, "o1"), confirmed={"seat": held})
        applied = apply(record, Change(ref, "facet", said, home=to))
        assert (applied.departure is not None, applied.left) == (departs, Ref(SITTING, "o1"))
        assert applied.record.confirmed == {}
