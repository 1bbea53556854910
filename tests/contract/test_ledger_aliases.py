"""What the ledger makes of people who were merged; on SQLite and on PostgreSQL (S12)."""

import itertools
from datetime import timedelta

from adapter.domain.records import DEPARTURE, Record, Ref, Status
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from tests.contract.ledger_kit import (
    NOW,
    POLICY,
    TENANT,
    Book,
    booked,
    booking,
    cancelled,
    candidate,
    change,
    claim_one,
    finding,
    person,
    record,
    release,
    said,
    scheduled,
    settle_all,
    sitting,
    store,
)
from tests.values import replace


def merger(event: str, retired: str, survivor: str, *, minute: int = 1) -> Incoming:
    """Return the event by which one person becomes another one."""
    alias = replace(change(candidate(retired), "merged", into=survivor), external_id=f"C{retired}")
    return said(event, replace(alias, about=candidate(survivor)), person(survivor), minute=minute)


def find(ledger: Ledger, ref: Ref) -> Record:
    """Return a record."""
    (found,) = [each.record for each in ledger.explain(ref.key) if each.record.ref == ref]
    return found


def test_in_any_order_bookings_end_with_the_survivor(book: Book) -> None:
    """Booked before or after the merger, in one batch or in several: the booking is the survivor's."""
    ledger = book.worker()
    for number, order in enumerate(itertools.permutations(range(3))):
        old, new, key = f"old{number}", f"new{number}", f"b{number}"
        events = [
            said(f"s{number}", scheduled(f"x{number}")),
            said(f"b{number}", person(old, mention=True), booked(key, f"x{number}", who=old)),
            merger(f"m{number}", old, new),
        ]
        if number % 2:
            store(ledger, *(events[index] for index in order))
        else:
            for index in order:
                store(ledger, events[index])
        found = find(ledger, booking(key))
        assert (found.about, found.status) == (candidate(new), Status.DUE), order


def test_people_who_were_merged_twice_are_the_last_one(book: Book) -> None:
    """What names the first finds the last, whichever merger came first; a circle ends somewhere."""
    ledger = book.worker()
    store(ledger, merger("m1", "a", "b"), said("e1", booked("b1", "x", who="a")), merger("m2", "b", "c", minute=2))
    store(ledger, said("e2", booked("b2", "x", who="a")))
    assert [find(ledger, booking(key)).about for key in ("b1", "b2")] == [candidate("c")] * 2
    store(ledger, merger("m3", "c", "a", minute=3), said("e3", booked("b3", "x", who="a")))
    assert find(ledger, booking("b3")).about is not None


def seated(book: Book, ledger: Ledger, start: timedelta = timedelta(days=7)) -> None:
    """Give the retired person's booking a seat."""
    booked_so = said("e1", person("old", mention=True), booked("b", "x", who="old"))
    store(ledger, said("s", scheduled("x", start=book.clock.now + start)), booked_so)
    book.clock.advance(POLICY.linger.total_seconds())
    claim = claim_one(ledger)
    seat = {"seat": True, "by": "answer"}
    record(ledger, claim, finding(sitting("x")), finding(booking("b"), confirmed=seat))
    release(ledger, claim)


def test_a_seat_under_the_retired_number_is_to_be_given_up(book: Book) -> None:
    """The booking is due for a seat of the survivor's, and what it leaves behind is a departure of the retired."""
    ledger = book.worker()
    seated(book, ledger)
    before = find(ledger, booking("b"))
    assert store(ledger, merger("m", "old", "new")) == ["applied"]
    after = find(ledger, booking("b"))
    assert (after.about, after.status, after.confirmed) == (candidate("new"), Status.DUE, {"lapsed": "merged/old"})
    assert after.revision > before.revision
    left = find(ledger, Ref(DEPARTURE, "b@x/old"))
    assert (left.about, left.home, left.confirmed["seat"]) == (candidate("old"), sitting("x"), True)
    assert store(ledger, merger("again", "old", "new", minute=2)) == ["unchanged"]
    assert replace(find(ledger, booking("b")), revision=after.revision) == after


def test_an_exam_that_has_begun_stays_with_the_retired_number(book: Book) -> None:
    """Who sits an exam at this moment is not moved; a later word about that booking does not move it either."""
    ledger = book.worker()
    seated(book, ledger, timedelta(seconds=5))
    book.clock.advance(60)
    store(ledger, merger("m", "old", "new"))
    assert find(ledger, booking("b")).about == candidate("old")
    store(ledger, said("e2", booked("b", "x", who="old", late=True), minute=2))
    assert find(ledger, booking("b")).about == candidate("old")


def test_a_removal_that_is_kept_back_finds_the_survivor(book: Book) -> None:
    """Cancelled before the merger and carried out after it, the booking that ends is the survivor's."""
    ledger = book.worker()
    seated(book, ledger)
    assert store(ledger, cancelled("c", "b", "x", who="old")) == ["held"]
    store(ledger, merger("m", "old", "new", minute=3))
    book.clock.advance(30)
    assert ledger.release_removals(TENANT, POLICY, 10) == 1
    after = find(ledger, booking("b"))
    assert (after.about, after.facets["booking"].data["live"]) == (candidate("new"), False)


def test_the_retired_number_stays_taken(book: Book) -> None:
    """Another person who comes with it is refused it, by the record that retired with it."""
    ledger = book.worker()
    store(ledger, said("e", person("old")), merger("m", "old", "new"))
    store(ledger, said("n", person("newcomer", "Cold"), minute=5))
    assert find(ledger, candidate("newcomer")).rival == "old"
    assert find(ledger, candidate("old")).rival is None


def test_the_survivor_looks_at_what_it_has_now(book: Book) -> None:
    """A merger that says nothing new of the survivor still has its candidate looked at: extra time may differ."""
    ledger = book.worker()
    store(ledger, said("p", person("new")), said("e1", person("old"), booked("b", "x", who="old")))
    store(ledger, said("s", scheduled("x", start=NOW + timedelta(days=7))))
    settle_all(book, ledger)
    store(ledger, merger("m", "old", "new"))
    book.clock.advance(POLICY.linger.total_seconds())
    claims = {claim.ref for claim in ledger.claim(TENANT, 10, timedelta(seconds=15))}
    assert {candidate("new"), candidate("old"), sitting("x")} <= claims
