"""How holds end: decided, overtaken, or carried out by one of many workers; on SQLite and on PostgreSQL (S22)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from adapter.domain.guard import Keeping
from adapter.domain.policy import GuardPolicy
from adapter.ledger.holds import Selection
from adapter.ledger.retention import Retention
from tests.contract.holds_kit import BOOKED, DELAY, LOGIN, cancel, ledger_with, live, lively, told, turn
from tests.contract.ledger_kit import (
    NOW,
    POLICY,
    TENANT,
    Book,
    booked,
    cancelled,
    said,
    store,
)
from tests.values import replace


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


def test_a_decision_is_forgotten_with_its_journal(book: Book) -> None:
    """What was discarded is kept for as long as anybody may ask why; what is still held is kept whatever its age."""
    ledger = ledger_with(book)
    cancel(ledger, range(30))
    turn(ledger)
    ledger.decide(Selection(object="a0"), "discarded", by=LOGIN, why="no")
    book.clock.advance(timedelta(days=11).total_seconds())
    days = timedelta(days=10)
    ledger.tidy(Retention(journal=days, messages=days, outbox=days, notices=days, documents=days))
    (history,) = ledger.explain("a0")
    assert history.kept == ()
    assert [len(hold.held) for hold in ledger.holds()] == [29]
    ledger.decide(Selection(exam="a"), "approved", by=LOGIN, why="yes")
    book.clock.advance(timedelta(days=11).total_seconds())
    ledger.tidy(Retention(journal=days, messages=days, outbox=days, notices=days, documents=days))
    assert ledger.holds(closed=True) == []
    assert turn(ledger) == (0, 29)


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
