"""How the bookings of a sitting are sorted, and what Cirrus is told to seat one."""

from datetime import datetime, timedelta

import pytest

from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, DEPARTURE, SITTING, Aggregate, Record, Ref, Status
from adapter.domain.steps import Profile, Seat
from adapter.domain.verdict import Reason
from adapter.domain.version import Statement
from handlers.sittings.seats import Seats, seat_of, sort_seats
from handlers.sittings.view import SittingView
from tests.unit.aggregates import aggregate
from tests.unit.builders import NOW, START, accommodated, booked, enrolled, scheduled
from tests.values import replace

O1, B1, P1 = Ref(SITTING, "o1"), Ref(BOOKING, "b1"), Ref(CANDIDATE, "p1")
END = START + timedelta(hours=3)
POLICY = Policy()
OWN_ATTEMPTS = Policy(external_attempts=True)


def one_booking(*, candidate: dict[str, object] | None = None, **booking: object) -> Aggregate:
    """Return exam 1 with one booking that is to be seated; what is given are fields of the two records."""
    known = aggregate(O1, scheduled(), enrolled("1"), booked("1", "1"))
    (member,) = known.members
    person = replace(known.related[P1], **(candidate or {}))  # type: ignore[arg-type]
    return replace(known, members=(replace(member, **booking),), related={P1: person})  # type: ignore[arg-type]


def sort(known: Aggregate, policy: Policy = POLICY, *, now: datetime = NOW) -> Seats:
    """Sort the members."""
    sitting = SittingView.of(known.root)
    assert sitting is not None
    return sort_seats(known, sitting, now, policy)


def refusal(seats: Seats) -> Reason:
    """Return why the one booking is refused."""
    ((_, reason),) = seats.refused
    assert seats == Seats(refused=seats.refused)
    return reason


def test_nobody_is_seated_once_the_exam_is_over() -> None:
    """At its very end it is over, a second before it is not."""
    over = Reason("exam-over", "The exam was over when the booking could be made.")
    assert refusal(sort(one_booking(), now=END)) == over
    assert len(sort(one_booking(), now=END - timedelta(seconds=1)).ready) == 1


def test_why_a_booking_cannot_be_had() -> None:
    """The candidate is refused, with or without words; its own id is no id, or another booking's."""
    why = Reason("no", "No.")
    refused = {"status": Status.REJECTED}
    unnamed = Reason("candidate-rejected", "Cirrus does not accept the candidate.")
    assert refusal(sort(one_booking(candidate=refused))) == unnamed
    assert refusal(sort(one_booking(candidate={**refused, "reason": why}))) == why

    said = one_booking().members[0].facets["booking"]
    odd = {"booking": replace(said, data={**said.data, "attempt_refusal": "too long"})}
    assert refusal(sort(one_booking(facets=odd), OWN_ATTEMPTS)) == Reason(
        "invalid-id", "The booking's id cannot be used in Cirrus: too long."
    )
    twin = one_booking(rival="b0", external_id="b1")
    assert refusal(sort(twin, OWN_ATTEMPTS)) == Reason(
        "id-taken", "The attempt's id 'b1' already belongs to another booking."
    )
    assert len(sort(one_booking(facets=odd)).ready) == len(sort(twin).ready) == 1


def test_a_booking_of_somebody_unknown_waits() -> None:
    """Only an id is known, or not even that."""
    known = one_booking()
    for related in ({}, {P1: Record(P1, P1)}):
        seats = sort(replace(known, related=related))
        assert [member.record.ref for member in seats.without_person] == [B1]
        assert seats == Seats(without_person=seats.without_person)


@pytest.mark.parametrize(
    ("status", "confirmed", "looked_at"),
    [
        (Status.SETTLED, {"seat": True, "link": "sent"}, False),
        (Status.DUE, {"seat": True, "link": "sent"}, True),
        (Status.SETTLED, {"seat": True, "link": "lost"}, True),
    ],
)
def test_a_seat_that_is_as_wanted_is_left_alone(status: Status, confirmed: dict[str, object], looked_at: bool) -> None:
    """What is settled needs a look only where its link was lost, or the extra time is not in force."""
    seats = sort(one_booking(status=status, confirmed=confirmed))
    assert len(seats.seated) == looked_at
    assert seats == Seats(seated=seats.seated)


def test_extra_time_that_is_not_in_force_is_looked_at() -> None:
    """It counts by the day of the exam, and Cirrus honours what was on the profile in time."""
    day = START.date()
    for until, looked_at in ((day, True), (day - timedelta(days=1), False)):
        needs = {"extraTimePercentage": 25, "endDate": until.isoformat()}
        known = aggregate(
            O1,
            scheduled(),
            enrolled("1"),
            booked("1", "1"),
            accommodated("1", needs),
            confirmed={B1: {"seat": True, "link": "sent"}},
            status={B1: Status.SETTLED},
        )
        assert (len(sort(known).seated) == 1) is looked_at, until


def test_a_link_that_is_missing_is_made_anew_until_the_end() -> None:
    """By policy the candidate is added once more; when the exam is over the link is lost."""
    known = one_booking(confirmed={"seat": True})
    again = Policy(relink="add_candidates")
    assert len(sort(known, again, now=END - timedelta(seconds=1)).relinked) == 1
    (lost,) = sort(known, again, now=END).seated
    assert lost.link_lost


def test_an_old_seat_stays_until_the_end_of_its_exam() -> None:
    """Then nobody has to take it off any more."""
    moved = Record(B1, Ref(SITTING, "o2"), about=P1, facets={"booking": one_booking().members[0].facets["booking"]})
    left = Statement.first(moved.facets["booking"].version, {"booking": "b1"})
    departure = Record(Ref(DEPARTURE, "b1@o1"), O1, about=P1, facets={DEPARTURE: left}, confirmed={"seat": True})
    known = one_booking()
    known = replace(known, members=(departure,), related={**known.related, B1: moved})
    assert len(sort(known, now=END - timedelta(seconds=1)).staying) == 1
    assert len(sort(known, now=END).surplus) == 1


@pytest.mark.parametrize(("policy", "attempt"), [(POLICY, None), (OWN_ATTEMPTS, "b1")])
def test_what_cirrus_is_told_to_seat(policy: Policy, attempt: str | None) -> None:
    """The profile without extra time where there is none, and the attempt's id only where we give them."""
    (member,) = sort(one_booking(), policy).ready
    assert member.candidate is not None
    said = member.candidate.facets["person"].data
    plain = Profile("s1", said["first"], said["last"], said["mail"])
    assert seat_of(member, policy) == Seat(plain, attempt)
    assert seat_of(replace(member, extra=25), policy) == Seat(replace(plain, extra_time=25), attempt)
    held = replace(member.candidate, confirmed={"seen": {"extra_time": 30}})
    assert seat_of(replace(member, candidate=held, extra=25), policy).profile.extra_time == 30
