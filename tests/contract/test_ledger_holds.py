"""What the ledger keeps back, and what it holds; on SQLite and on PostgreSQL (S22)."""

from datetime import timedelta

import pytest

from adapter.domain.policy import GuardPolicy
from adapter.domain.version import Rank
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from tests.contract.holds_kit import BOOKED, DELAY, cancel, ledger_with, live, lively, told, turn
from tests.contract.ledger_kit import (
    OTHER_TENANT,
    POLICY,
    TENANT,
    Book,
    booked,
    booking,
    cancelled,
    candidate,
    change,
    person,
    said,
    sitting,
    store,
)
from tests.values import replace


def test_a_removal_is_carried_out_after_a_moment(book: Book) -> None:
    """An ordinary cancellation is kept back, changes nothing until then, and goes the way of every change."""
    ledger = ledger_with(book)
    assert cancel(ledger, [1]) == ["held"]
    book.clock.advance(DELAY - 1)
    assert turn(ledger) == (0, 0)
    assert live(ledger, "a1")
    assert ledger.claim(TENANT, 10, timedelta(seconds=15)) == []
    book.clock.advance(1)
    assert turn(ledger) == (0, 1)
    assert not live(ledger, "a1")
    assert book.status(booking("a1")) == "due"
    assert turn(ledger) == (0, 0)
    book.clock.advance(POLICY.linger.total_seconds())
    assert [claim.ref for claim in ledger.claim(TENANT, 10, timedelta(seconds=15))] == [sitting("a")]


@pytest.mark.parametrize(("seconds", "delay"), [(100, 10.0), (3, 0.3), (7 * 86_400, DELAY)])
def test_near_the_exam_a_removal_waits_for_a_tenth_of_the_time_left(book: Book, seconds: int, delay: float) -> None:
    """The moment is never longer than a tenth of what is left, so a late cancellation still comes in time."""
    ledger = ledger_with(book, start=timedelta(seconds=seconds + POLICY.linger.total_seconds()))
    cancel(ledger, [1])
    (history,) = ledger.explain("a1")
    (kept,) = history.kept
    assert (kept.release_at - book.clock.now).total_seconds() == delay


def test_after_its_start_nothing_of_an_exam_is_kept_back(book: Book) -> None:
    """What ends no booking to come is carried out at once, and counts for nothing."""
    ledger = ledger_with(book, start=timedelta(seconds=1))
    assert cancel(ledger, range(30)) == ["applied"] * 30
    assert turn(ledger) == (0, 0)


def test_too_large_a_part_of_an_exam_is_held_as_a_whole(book: Book) -> None:
    """The first of many is held with the last, though they come in several batches: nothing is removed."""
    ledger = ledger_with(book)
    for first in (0, 10, 20):
        cancel(ledger, range(first, first + 10))
        book.clock.advance(5)
    assert turn(ledger) == (30, 0)
    book.clock.advance(3600)
    assert turn(ledger) == (0, 0)
    assert lively(ledger) == BOOKED
    (hold,) = ledger.holds()
    assert (hold.tenant, hold.sitting, len(hold.held)) == (TENANT, "a", 30)
    assert hold.text == "30 of 40 bookings of exam a would end within an hour, more than 25 %"
    assert {each["holdId"] for each in told(book, "held")} == {hold.id}
    assert len(told(book, "held")) == 30
    assert ledger.count((TENANT,)).holds_open == {(TENANT,): 1}
    assert ledger.count((TENANT,)).held == 30


def test_what_comes_later_joins_the_question(book: Book) -> None:
    """While an exam's hold is open, every further removal from this exam is held, and from no other exam."""
    ledger = ledger_with(book)
    ledger_with(book, exam="b")
    cancel(ledger, range(20))
    assert turn(ledger) == (20, 0)
    cancel(ledger, [21])
    cancel(ledger, [1], exam="b")
    book.clock.advance(DELAY)
    assert turn(ledger) == (1, 1)
    assert not live(ledger, "b1")
    assert [len(hold.held) for hold in ledger.holds()] == [21]


def test_what_was_carried_out_before_counts(book: Book) -> None:
    """A trickle is stopped where it becomes too much; what went before stays done."""
    ledger = ledger_with(book)
    for number in range(10):
        cancel(ledger, [number])
        book.clock.advance(DELAY)
        assert turn(ledger) == (0, 1)
    cancel(ledger, [10])
    assert turn(ledger) == (1, 0)
    (hold,) = ledger.holds()
    assert hold.text.startswith("11 of 40")
    assert lively(ledger) == 30


def test_after_an_hour_it_counts_no_more(book: Book) -> None:
    """An exam that loses a few bookings every day is no mass change."""
    ledger = ledger_with(book)
    for number in range(20):
        cancel(ledger, [number])
        book.clock.advance(DELAY)
        assert turn(ledger) == (0, 1)
        book.clock.advance(600)
    assert ledger.holds() == []


def test_few_are_no_mass_whatever_their_share(book: Book) -> None:
    """All of a small exam's bookings may go."""
    ledger = ledger_with(book, 9)
    cancel(ledger, range(9))
    book.clock.advance(DELAY)
    assert turn(ledger) == (0, 9)


def test_many_of_a_large_exam_are_no_mass(book: Book) -> None:
    """A quarter of an exam may go."""
    ledger = ledger_with(book)
    cancel(ledger, range(10))
    book.clock.advance(DELAY)
    assert turn(ledger) == (0, 10)


def test_too_many_in_all_are_held_together(book: Book) -> None:
    """More than so many within an hour are one question, whatever exams they are of; another tenant goes on."""
    few = GuardPolicy(per_hour=12)
    ledger = ledger_with(book)
    ledger_with(book, exam="b")
    mine = said("o1", booked("z", "y"), tenant=OTHER_TENANT)
    store(ledger, mine, replace_tenant(cancelled("o2", "z", "y")))
    cancel(ledger, range(7))
    cancel(ledger, range(6), exam="b")
    assert turn(ledger, guard=few) == (13, 0)
    (hold,) = ledger.holds()
    assert (hold.sitting, hold.text) == (None, "13 bookings would end within an hour, more than 12 need an approval")
    cancel(ledger, [30], exam="b")
    assert turn(ledger, guard=few) == (1, 0)
    book.clock.advance(DELAY)
    assert turn(ledger, OTHER_TENANT, few) == (0, 1)


def replace_tenant(incoming: Incoming) -> Incoming:
    """Return an event as of the other tenant."""
    return replace(incoming, envelope=replace(incoming.envelope, tenant=OTHER_TENANT))


def called_off(exam: str) -> Incoming:
    """Return the event by which an exam is called off."""
    return said(f"x-{exam}", change(sitting(exam), "life", canceled=True), minute=2, rank=Rank.CANCEL)


def with_life(book: Book, exam: str, bookings: int) -> Ledger:
    """Return the ledger of an exam that the SIS has said to take place."""
    ledger = ledger_with(book, bookings, exam=exam)
    store(ledger, said(f"l-{exam}", change(sitting(exam), "life", canceled=False)))
    return ledger


def test_one_exam_that_is_called_off_is_one_decision(book: Book) -> None:
    """All its bookings go, which is no share of it; but they count in all, so many exams at once are held."""
    few = GuardPolicy(per_hour=45)
    ledger = with_life(book, "a", 40)
    with_life(book, "b", 6)
    assert store(ledger, called_off("a")) == ["held"]
    assert turn(ledger, guard=few) == (0, 0)
    store(ledger, called_off("b"))
    assert turn(ledger, guard=few) == (2, 0)
    (hold,) = ledger.holds()
    assert hold.text.startswith("46 bookings would end")
    assert {kept.change.ref for kept in hold.held} == {sitting("a"), sitting("b")}


def leaves(who: str) -> Incoming:
    """Return the event by which a student leaves the last programme."""
    left = replace(change(candidate(who), "enrolment:1", active=False), ripples=True)
    return said(f"w-{who}", left, minute=2, rank=Rank.CANCEL)


def test_students_who_leave_take_their_bookings_along(book: Book) -> None:
    """Withdrawals count as the bookings they end: too many of one exam are held, without bookings none is kept."""
    ledger = ledger_with(book)
    everybody = [f"a{n}" for n in range(12)]
    enrolments = [
        said(f"e-{who}", person(who), change(candidate(who), "enrolment:1", active=True)) for who in everybody
    ]
    store(ledger, *enrolments, said("e-x", change(candidate("x"), "enrolment:1", active=True)))
    assert store(ledger, leaves("x")) == ["applied"]
    assert store(ledger, *[leaves(who) for who in everybody]) == ["held"] * 12
    assert turn(ledger) == (12, 0)
    (hold,) = ledger.holds()
    assert hold.text.startswith("12 of 40 bookings of exam a")


def test_where_leaving_cancels_nothing_it_is_not_kept(book: Book) -> None:
    """The institution's policy decides whether a withdrawal takes bookings along."""
    ledger = ledger_with(book)
    store(ledger, said("e-a1", change(candidate("a1"), "enrolment:1", active=True)))
    keep_bookings = replace(POLICY, withdrawal_cancels=False)
    assert ledger.store_batch([leaves("a1")], {TENANT: keep_bookings}) == ["applied"]


def test_what_never_stood_is_no_removal(book: Book) -> None:
    """A cancellation before its booking is a tombstone, at once; and one of what is cancelled changes nothing."""
    ledger = ledger_with(book)
    assert store(ledger, cancelled("c1", "new", "a")) == ["applied"]
    assert store(ledger, cancelled("c2", "new", "a", minute=2)) == ["unchanged"]
