"""What the ledger does with removals: kept back, held, decided, carried out; on SQLite and on PostgreSQL (S22)."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from adapter.domain.guard import Keeping
from adapter.domain.policy import GuardPolicy
from adapter.domain.version import Rank
from adapter.ledger.holds import Selection
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from tests.contract.ledger_kit import (
    DATABASES,
    NOW,
    OTHER_TENANT,
    POLICY,
    TENANT,
    Book,
    booked,
    booking,
    cancelled,
    candidate,
    change,
    lend,
    person,
    said,
    scheduled,
    settle_all,
    sitting,
    store,
)

DELAY = 30.0
BOOKED = 40
LOGIN = "registrar"


@pytest.fixture(params=DATABASES)
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """Lend each database in turn."""
    yield from lend(request, tmp_path)


def ledger_with(book: Book, bookings: int = BOOKED, *, exam: str = "a", start: timedelta = timedelta(days=7)) -> Ledger:
    """Return the ledger of an exam with so many settled bookings, each of a student of its own."""
    ledger = book.worker()
    events = [said(f"b-{exam}{n}", booked(f"{exam}{n}", exam, who=f"{exam}{n}")) for n in range(bookings)]
    store(ledger, said(f"s-{exam}", scheduled(exam, start=book.clock.now + start)), *events)
    settle_all(book, ledger)
    return ledger


def cancel(ledger: Ledger, numbers: Iterable[int], *, exam: str = "a") -> list[str]:
    """Cancel these bookings of an exam, in one batch."""
    return store(ledger, *[cancelled(f"c-{exam}{n}", f"{exam}{n}", exam, who=f"{exam}{n}") for n in numbers])


def turn(ledger: Ledger, tenant: str = TENANT, guard: GuardPolicy | None = POLICY.guard) -> tuple[int, int]:
    """Look at the removals once, as the loop does; return how many were held, and how many carried out."""
    policy = replace(POLICY, guard=guard)
    return ledger.watch_removals(tenant, policy), ledger.release_removals(tenant, policy, 1000)


def live(ledger: Ledger, key: str) -> bool:
    """Tell whether a booking stands, as whoever plans sees it."""
    (history,) = [each for each in ledger.explain(key) if each.record.ref == booking(key)]
    return bool(history.record.facets["booking"].data["live"])


def lively(ledger: Ledger, exam: str = "a", bookings: int = BOOKED) -> int:
    """Count the bookings of an exam that stand."""
    return sum(live(ledger, f"{exam}{n}") for n in range(bookings))


def told(book: Book, kind: str) -> list[dict[str, object]]:
    """Return the data of what the SIS is told of one kind."""
    rows = book.rows("SELECT body FROM outbox WHERE type = :kind ORDER BY seq", kind=f"cirrus.change.{kind}.v1")
    return [orjson.loads(body)["data"] for (body,) in rows]


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


def test_approved_is_carried_out(book: Book) -> None:
    """Whoever approves has the removals carried out next, and what follows within the hour is asked about anew."""
    ledger = ledger_with(book)
    cancel(ledger, range(30))
    turn(ledger)
    (hold,) = ledger.holds()
    assert ledger.decide(Selection(hold=hold.id), "approved", by=LOGIN, why="meant") == {hold.id: 30}
    assert turn(ledger) == (0, 30)
    assert lively(ledger) == 10
    (closed,) = ledger.holds(closed=True)
    assert (closed.closed_as, closed.closed_by, closed.closed_at) == ("approved", LOGIN, book.clock.now)
    (history,) = ledger.explain("a1")
    assert [line.note for line in history.lines if line.who == "operator"] == [f"by {LOGIN}: meant"]
    cancel(ledger, [35])
    book.clock.advance(DELAY)
    assert turn(ledger) == (0, 1), "what was approved does not count against what comes next"


def test_discarded_is_ignored_and_said(book: Book) -> None:
    """Nothing is removed, the SIS is told of each, and to say the same again changes nothing."""
    ledger = ledger_with(book)
    cancel(ledger, range(30))
    turn(ledger)
    (hold,) = ledger.holds()
    ledger.decide(Selection(exam="a"), "discarded", by=LOGIN, why="a wrong import")
    book.clock.advance(3600)
    assert turn(ledger) == (0, 0)
    assert lively(ledger) == BOOKED
    assert ledger.holds() == []
    said_no = told(book, "discarded")
    assert len(said_no) == 30
    assert said_no[0] == {
        "about": {"kind": "booking", "id": "a0"},
        "eventId": "c-a0",
        "eventType": "sis.test.v1",
        "holdId": hold.id,
        "reason": "a wrong import",
    }
    assert store(ledger, cancelled("again", "a0", "a", minute=9, who="a0")) == ["unchanged"]
    assert store(ledger, cancelled("old", "a0", "a", minute=0, who="a0", reason="other")) == ["superseded"]
    assert store(ledger, cancelled("other", "a0", "a", minute=10, who="a0", reason="by the student")) == ["held"]
    book.clock.advance(DELAY)
    assert turn(ledger) == (0, 1)
    assert not live(ledger, "a0")


def test_one_of_many_can_be_decided_apart(book: Book) -> None:
    """One booking is approved, the rest stays held; one that was discarded can be approved after all."""
    ledger = ledger_with(book)
    cancel(ledger, range(30))
    turn(ledger)
    (hold,) = ledger.holds()
    ledger.decide(Selection(object="a3"), "approved", by=LOGIN, why="this one")
    assert turn(ledger) == (0, 1)
    assert [len(each.held) for each in ledger.holds()] == [29]
    ledger.decide(Selection(hold=hold.id), "discarded", by=LOGIN, why="the rest")
    assert ledger.decide(Selection(), "approved", by=LOGIN, why="nothing is held") == {}
    assert ledger.decide(Selection(object="a4"), "approved", by=LOGIN, why="this one, too") == {hold.id: 1}
    assert turn(ledger) == (0, 1)
    assert lively(ledger) == BOOKED - 2


@pytest.mark.parametrize("state", [Keeping.PENDING, Keeping.HELD, Keeping.DISCARDED])
def test_what_the_sis_says_later_wins(book: Book, state: Keeping) -> None:
    """Booked again under a newer version, the booking stands, and what was kept of it is forgotten."""
    ledger = ledger_with(book)
    cancel(ledger, range(30) if state is not Keeping.PENDING else [0])
    turn(ledger)
    if state is Keeping.DISCARDED:
        ledger.decide(Selection(exam="a"), "discarded", by=LOGIN, why="no")
    (history,) = ledger.explain("a0")
    assert [kept.state for kept in history.kept] == [state]
    assert store(ledger, said("again", booked("a0", "a", who="a0", late=True), minute=5)) == ["applied"]
    (history,) = ledger.explain("a0")
    assert history.kept == ()
    assert history.record.facets["booking"].version.event_id == "again"
    book.clock.advance(DELAY)
    turn(ledger)
    assert live(ledger, "a0")


def test_a_hold_that_holds_nothing_any_more_closes(book: Book) -> None:
    """When the SIS has taken it all back, nobody has to answer."""
    ledger = ledger_with(book)
    cancel(ledger, range(12))
    turn(ledger)
    again = [said(f"r{n}", booked(f"a{n}", "a", who=f"a{n}"), minute=5) for n in range(12)]
    assert store(ledger, *again) == ["applied"] * 12
    turn(ledger)
    assert ledger.holds() == []
    (closed,) = ledger.holds(closed=True)
    assert (closed.closed_as, closed.closed_by) == ("overtaken", None)


def test_the_same_event_again_changes_nothing(book: Book) -> None:
    """Redelivery is a duplicate; the same under another id is unchanged, and neither is counted twice."""
    ledger = ledger_with(book)
    cancel(ledger, range(10))
    assert cancel(ledger, range(10)) == ["duplicate"] * 10
    assert store(ledger, cancelled("other-id", "a0", "a", who="a0")) == ["unchanged"]
    assert turn(ledger) == (0, 0)
    cancel(ledger, [10])
    assert turn(ledger) == (11, 0)
    assert store(ledger, cancelled("third-id", "a0", "a", minute=4, who="a0")) == ["unchanged"]
    assert [len(hold.held) for hold in ledger.holds()] == [11]


def test_what_is_older_than_a_kept_removal_is_applied(book: Book) -> None:
    """A change that comes late, from before the cancellation, is held by the booking as long as it stands."""
    ledger = ledger_with(book)
    store(ledger, cancelled("c", "a0", "a", minute=9, who="a0"))
    assert store(ledger, said("late", booked("a0", "a", who="a0", extra=25), minute=5)) == ["applied"]
    assert store(ledger, cancelled("older", "a0", "a", minute=6, who="a0", reason="x")) == ["superseded"]
    (history,) = ledger.explain("a0")
    assert history.record.facets["booking"].data["extra"] == 25
    book.clock.advance(DELAY)
    assert turn(ledger) == (0, 1)
    assert not live(ledger, "a0")


def test_workers_look_at_once_and_ask_once(book: Book) -> None:
    """Several workers share a ledger: one hold is opened, and nothing is carried out twice."""
    ledger = ledger_with(book)
    cancel(ledger, range(30))
    workers = [book.worker(f"w{n}") for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        looked = list(pool.map(turn, workers))
    assert sum(held for held, _ in looked) == 30
    (hold,) = ledger.holds()
    ledger.decide(Selection(hold=hold.id), "approved", by=LOGIN, why="meant")
    with ThreadPoolExecutor(4) as pool:
        looked = list(pool.map(turn, workers))
    assert sum(released for _, released in looked) == 30
    notes = book.rows("SELECT note FROM journal WHERE key = 'a1' AND note LIKE 'carried out%'")
    assert len(notes) == 1


def test_a_worker_that_comes_back_still_sees_the_whole(book: Book) -> None:
    """What came in while nobody looked is counted before any of it is carried out."""
    ledger = ledger_with(book)
    cancel(ledger, range(30))
    book.clock.advance(7200)
    assert turn(book.worker("w2")) == (30, 0)


def test_without_a_guard_nothing_is_kept(book: Book) -> None:
    """A dry run shows what an event leads to."""
    ledger = ledger_with(book)
    unguarded = {TENANT: replace(POLICY, guard=None)}
    assert ledger.store_batch([cancelled("c", "a0", "a", who="a0")], unguarded) == ["applied"]
    assert not live(ledger, "a0")


def test_without_a_delay_removals_are_seen_to_at_once(book: Book) -> None:
    """What is not too much is carried out with its batch, so nobody sees it stand; what is, is held with its batch."""
    ledger = ledger_with(book)
    at_once = {TENANT: replace(POLICY, guard=GuardPolicy(delay=timedelta(0)))}
    few = [cancelled(f"c{n}", f"a{n}", "a", who=f"a{n}") for n in range(4)]
    assert ledger.store_batch(few, at_once) == ["held"] * 4
    assert lively(ledger) == BOOKED - 4
    many = [cancelled(f"c{n}", f"a{n}", "a", who=f"a{n}") for n in range(4, 20)]
    assert ledger.store_batch(many, at_once) == ["held"] * 16
    assert lively(ledger) == BOOKED - 4
    assert [len(hold.held) for hold in ledger.holds()] == [16]


def test_the_time_of_the_tests_is_the_ledgers(book: Book) -> None:
    """A removal is kept from when the ledger took it, whatever the event's own time is."""
    ledger = ledger_with(book)
    book.clock.advance(86_400)
    cancel(ledger, [0])
    (history,) = ledger.explain("a0")
    (kept,) = history.kept
    assert kept.said_at == book.clock.now
    assert kept.said_at > NOW + timedelta(days=1)
