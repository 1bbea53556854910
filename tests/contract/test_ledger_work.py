"""Who may work on what, in which order and for how long: one suite, run on SQLite and on PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from adapter.domain.findings import Waits
from adapter.errors import LeaseLost
from adapter.ledger.ledger import Ledger
from adapter.ledger.work import Reserve, claim_due
from tests.contract.ledger_kit import (
    LEASE,
    NOW,
    OTHER_TENANT,
    POLICY,
    TENANT,
    Book,
    book_at,
    booked,
    booking,
    candidate,
    claim_one,
    due,
    finding,
    outcome,
    person,
    record,
    release,
    said,
    scheduled,
    settle_all,
    sitting,
    store,
    task,
)


@pytest.fixture
def ledger(book: Book) -> Ledger:
    """Lend a ledger in which one sitting with a booking is due."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a"), scheduled("a")))
    book.clock.advance(60)
    return ledger


def test_the_most_urgent_exam_is_claimed_first(book: Book) -> None:
    """Claims go by the exam's start, not by arrival; what has no exam comes last."""
    ledger = book.worker()
    store(
        ledger,
        said("e0", person("anna")),
        *(said(f"e{day}", scheduled(f"day {day}", start=NOW + timedelta(days=day))) for day in (5, 2, 9, 1)),
    )
    book.clock.advance(60)
    assert due(ledger) == ["sitting day 1", "sitting day 2", "sitting day 5", "sitting day 9", "candidate anna"]
    assert [str(claim.ref) for claim in ledger.claim(TENANT, 2, LEASE)] == ["sitting day 1", "sitting day 2"]


def test_a_moved_exam_is_claimed_by_its_new_start(book: Book) -> None:
    """The deadline follows the timetable, also to a later day; a booking alone keeps it."""
    ledger = book.worker()
    store(
        ledger, said("e1", scheduled("a", start=NOW + timedelta(days=1)), scheduled("b", start=NOW + timedelta(days=2)))
    )
    store(ledger, said("e2", scheduled("a", start=NOW + timedelta(days=3), moved=True), minute=1))
    store(ledger, said("e3", booked("b1", "a"), minute=2))
    book.clock.advance(60)
    assert due(ledger) == ["sitting b", "sitting a"]


def test_a_deadline_long_past_is_forgotten(book: Book) -> None:
    """What is done after an exam does not go before the exams that are still to come."""
    ledger = book.worker()
    store(ledger, said("e1", scheduled("over", start=NOW + timedelta(hours=2))))
    settle_all(book, ledger)
    book.clock.advance(3 * 86_400)
    store(
        ledger,
        said("e2", scheduled("next", start=NOW + timedelta(days=4)), minute=1),
        said("e3", booked("b1", "over"), minute=1),
    )
    book.clock.advance(60)
    assert due(ledger) == ["sitting next", "sitting over"]


def test_a_deadline_that_the_next_look_makes_stale_is_forgotten(book: Book) -> None:
    """A look for results days after the exam does not go before what is urgent then; a try soon keeps its turn."""
    ledger = book.worker()
    store(ledger, *(said(f"e {key}", scheduled(key, start=NOW + timedelta(hours=2))) for key in ("over", "tried")))
    book.clock.advance(3600)
    for claim in ledger.claim(TENANT, 2, LEASE):
        later = claim.ref == sitting("over")
        release(ledger, claim, **({"look_again": NOW + timedelta(days=3)} if later else {"due_in": 3600.0}))
    store(ledger, said("e next", scheduled("next", start=NOW + timedelta(days=4)), minute=1))
    book.clock.now = NOW + timedelta(days=3)
    assert due(ledger) == ["sitting tried", "sitting next", "sitting over"]


def test_what_changed_meanwhile_keeps_its_deadline(book: Book, ledger: Ledger) -> None:
    """A late booking during the pass that plans a look for next month is as urgent as its exam."""
    claim = claim_one(ledger)
    store(ledger, said("e2", booked("b2", "a", "ben"), minute=1), said("e3", person("anna"), minute=1))
    release(ledger, claim, look_again=NOW + timedelta(days=30))
    book.clock.advance(60)
    assert due(ledger) == ["sitting a", "candidate anna"]


def test_the_last_places_are_for_what_is_urgent(book: Book) -> None:
    """Ordinary work takes the places but for the reserve, urgent work takes all, and work long past its exam none."""
    ledger, reserve = book.worker(), Reserve(1, timedelta(hours=1))
    past = [said(f"p{n}", scheduled(f"past {n}", start=NOW - timedelta(hours=3))) for n in range(2)]
    far = [said(f"f{n}", scheduled(f"far {n}", start=NOW + timedelta(days=1, hours=n))) for n in range(3)]
    store(ledger, *past, *far)
    book.clock.advance(60)
    assert ledger.claim(TENANT, 1, LEASE, reserve) == []
    taken = ledger.claim(TENANT, 4, LEASE, reserve)
    assert sorted(claim.ref.key for claim in taken) == ["far 0", "past 0", "past 1"]
    store(ledger, *(said(f"u{n}", scheduled(f"near {n}", start=NOW + timedelta(minutes=10))) for n in range(2)))
    near = [claim for _ in range(2) for claim in ledger.claim(TENANT, 1, LEASE, reserve)]
    assert sorted(claim.ref.key for claim in near) == ["near 0", "near 1"]
    assert [claim.ref.key for claim in ledger.claim(TENANT, 9, LEASE, reserve)] == ["far 1", "far 2"]


def test_tenants_claim_their_own_work(book: Book) -> None:
    """One tenant's work is invisible to the other's."""
    ledger = book.worker()
    store(ledger, said("e1", scheduled("a")), said("e1", scheduled("b"), tenant=OTHER_TENANT))
    book.clock.advance(60)
    assert (due(ledger), due(ledger, OTHER_TENANT)) == (["sitting a"], ["sitting b"])


def test_a_claim_is_one_workers_alone(book: Book, ledger: Ledger) -> None:
    """What is claimed cannot be claimed again before the lease has run out."""
    claim = claim_one(ledger)
    assert not claim.unsure
    assert book.worker("w2").claim(TENANT, 10, LEASE) == []
    book.clock.advance(LEASE.total_seconds() - 1)
    assert book.worker("w3").claim(TENANT, 10, LEASE) == []


def test_workers_that_claim_at_once_share_the_work(book: Book) -> None:
    """Each aggregate goes to exactly one of them."""
    workers = [book.worker(f"w{n}") for n in range(4)]
    store(workers[0], *(said(f"e{n}", scheduled(f"s{n}")) for n in range(60)))
    book.clock.advance(60)
    start = threading.Barrier(len(workers))

    def run(worker: Ledger) -> list[str]:
        start.wait()
        return [str(claim.ref) for _ in range(10) for claim in worker.claim(TENANT, 4, LEASE)]

    with ThreadPoolExecutor(len(workers)) as pool:
        claimed = [name for names in pool.map(run, workers) for name in names]
    assert len(claimed) == 60
    assert len(set(claimed)) == 60


def test_a_claim_under_way_holds_up_nobody(postgres_url: str) -> None:
    """PostgreSQL: rows that another worker is just claiming are skipped, not waited for."""
    with book_at(postgres_url) as book:
        ledger = book.worker("w2", timeout=1.0)
        store(ledger, *(said(f"e{n}", scheduled(f"s{n}", start=NOW + timedelta(days=n))) for n in (1, 2, 3)))
        book.clock.advance(60)
        with book.database().transaction("test") as tx:
            [first] = claim_due(tx, TENANT, "w1", 1, LEASE)
            second = claim_one(ledger)
        assert (first.ref, second.ref) == (sitting("s1"), sitting("s2"))


def test_an_expired_lease_leaves_the_next_holder_unsure(book: Book, ledger: Ledger) -> None:
    """Whoever let it expire may still be in a call, so the next one has to read Cirrus first."""
    first = claim_one(ledger)
    book.clock.advance(LEASE.total_seconds())
    second = claim_one(book.worker("w2"))
    assert (second.ref, second.unsure, second.fence) == (first.ref, True, first.fence + 1)
    aggregate, _ = ledger.load(second)
    assert (aggregate.unsure, aggregate.complete) == (True, True)
    release(ledger, second, due_in=0.0)
    assert not claim_one(ledger).unsure


def test_the_former_holder_stores_nothing(book: Book, ledger: Ledger) -> None:
    """After the work was claimed by another one, findings, outcomes and tasks of the former holder are dropped."""
    first = claim_one(ledger)
    aggregate, _ = ledger.load(first)
    book.clock.advance(LEASE.total_seconds())
    second = claim_one(book.worker("w2"))
    late = finding(
        booking("b1"), confirmed={"seat": True}, outcomes=(outcome("b1"),), tasks=(task(booking("b1")),), note="n"
    )
    with pytest.raises(LeaseLost, match="sitting a was claimed by another worker"):
        ledger.record(first, aggregate, [late], POLICY, LEASE)
    assert book.status(booking("b1")) == "due"
    for table in ("outbox", "tasks"):
        assert book.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    assert [line.who for line in ledger.explain("b1")[0].lines] == ["sis"]
    with pytest.raises(LeaseLost):
        release(ledger, first)
    record(book.worker("w2"), second, late)
    assert book.status(booking("b1")) == "settled"


@pytest.mark.parametrize("before", ["the next holder is done", "the next holder is at work"])
def test_whoever_lost_the_lease_has_cirrus_read_once_more(book: Book, ledger: Ledger, before: str) -> None:
    """A call may have arrived after the next holder had looked: one more look, and that is all."""
    first = claim_one(ledger)
    book.clock.advance(LEASE.total_seconds())
    other = book.worker("w2")
    second = claim_one(other)
    if before == "the next holder is done":
        release(other, second)
        ledger.doubt(first)
    else:
        ledger.doubt(first)
        assert ledger.claim(TENANT, 1, LEASE) == []
        release(other, second)
    book.clock.advance(60)
    third = claim_one(ledger)
    assert (third.ref, third.unsure) == (first.ref, True)
    release(ledger, third)
    book.clock.advance(60)
    assert due(ledger) == []
    store(ledger, said("e2", booked("b1", "a", attempt=2), minute=1))
    book.clock.advance(60)
    assert not claim_one(ledger).unsure


def test_recording_after_giving_back_is_refused(ledger: Ledger) -> None:
    """A claim that was given back is nobody's."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    release(ledger, claim)
    with pytest.raises(LeaseLost):
        ledger.record(claim, aggregate, [finding(booking("b1"))], POLICY, LEASE)


def test_a_sign_of_life_keeps_the_claim(book: Book, ledger: Ledger) -> None:
    """As long as leases are renewed in time nobody else gets the work, however long a call takes."""
    claim_one(ledger)
    for _ in range(5):
        book.clock.advance(LEASE.total_seconds() - 1)
        assert ledger.renew_leases(LEASE) == 1
    assert book.worker("w2").claim(TENANT, 10, LEASE) == []


def test_recording_is_a_sign_of_life(book: Book, ledger: Ledger) -> None:
    """Each finding that is stored prolongs the lease."""
    claim = claim_one(ledger)
    book.clock.advance(LEASE.total_seconds() - 1)
    record(ledger, claim, finding(booking("b1")))
    book.clock.advance(LEASE.total_seconds() - 1)
    assert book.worker("w2").claim(TENANT, 10, LEASE) == []


def test_what_was_let_go_runs_out(book: Book, ledger: Ledger) -> None:
    """A pass that failed does not keep its work for ever, though its worker lives and renews the rest."""
    store(ledger, said("e2", scheduled("z", start=NOW + timedelta(days=30)), minute=1))
    book.clock.advance(60)
    failed, kept = ledger.claim(TENANT, 2, LEASE)
    ledger.let_go(failed)
    book.clock.advance(LEASE.total_seconds() - 1)
    assert ledger.renew_leases(LEASE) == 1
    book.clock.advance(1)
    again = claim_one(ledger)
    assert (again.ref, again.unsure) == (failed.ref, True)
    assert kept.ref == sitting("z")


def test_one_worker_renews_nothing_of_another(book: Book, ledger: Ledger) -> None:
    """A sign of life is for the worker's own claims; a lease that changed hands is not touched either."""
    other = book.worker("w2")
    claim_one(ledger)
    assert other.renew_leases(LEASE) == 0
    book.clock.advance(LEASE.total_seconds())
    claim_one(other)
    assert ledger.renew_leases(LEASE) == 0


def test_giving_back_says_when_it_is_due(book: Book, ledger: Ledger) -> None:
    """Not at all, after some seconds, or when there is something to look at."""
    release(ledger, claim_one(ledger), due_in=30.0, attempt=3)
    assert due(ledger) == []
    book.clock.advance(30)
    claim = claim_one(ledger)
    assert claim.attempt == 3
    release(ledger, claim, look_again=book.clock() + timedelta(hours=1))
    book.clock.advance(3599)
    assert due(ledger) == []
    book.clock.advance(1)
    claim = claim_one(ledger)
    assert claim.attempt == 0
    release(ledger, claim)
    book.clock.advance(86_400)
    assert due(ledger) == []


@pytest.mark.parametrize("given", [{}, {"due_in": 3600.0, "attempt": 2}, {"look_again": NOW + timedelta(days=3)}])
def test_what_changed_meanwhile_is_due_again(book: Book, ledger: Ledger, given: dict[str, object]) -> None:
    """A change during the work is not lost: after the linger the work is due, whatever was planned."""
    claim = claim_one(ledger)
    store(ledger, said("e2", booked("b2", "a", "ben"), minute=1))
    release(ledger, claim, **given)
    assert due(ledger) == []
    book.clock.advance(POLICY.linger.total_seconds())
    again = claim_one(ledger)
    assert (again.ref, again.attempt, again.unsure) == (sitting("a"), given.get("attempt", 0), False)


def test_a_change_does_not_wait_for_a_later_look(book: Book, ledger: Ledger) -> None:
    """Work that was to be looked at tomorrow is due when something arrives today."""
    release(ledger, claim_one(ledger), look_again=book.clock() + timedelta(days=1))
    store(ledger, said("e2", booked("b2", "a", "ben"), minute=1))
    book.clock.advance(POLICY.linger.total_seconds())
    assert due(ledger) == ["sitting a"]


def test_who_is_demanded_inherits_the_urgency(book: Book, ledger: Ledger) -> None:
    """A candidate that an exam needs is claimed by the deadline of the nearest exam that needs it."""
    store(
        ledger,
        said("e2", person("anna", mention=True), minute=1),
        said("e3", booked("b2", "far"), scheduled("far", start=NOW + timedelta(days=90)), minute=1),
        said("e4", scheduled("between", start=NOW + timedelta(days=30)), minute=1),
    )
    book.clock.advance(60)
    needs = Waits(candidate("anna"), "the candidate in Cirrus", demand=True)
    for claim in ledger.claim(TENANT, 10, LEASE):
        member = {sitting("a"): "b1", sitting("far"): "b2"}.get(claim.ref)
        if member is not None:
            record(ledger, claim, finding(booking(member), needs))
        release(ledger, claim, due_in=0.0)
    book.clock.advance(60)
    assert due(ledger) == ["sitting a", "candidate anna", "sitting between", "sitting far"] or due(ledger) == [
        "candidate anna",
        "sitting a",
        "sitting between",
        "sitting far",
    ]


def test_the_server_keeps_the_time(postgres_url: str) -> None:
    """PostgreSQL: leases and deadlines go by the server's clock, however wrong the worker's own is."""
    with book_at(postgres_url) as book:
        book.clock.advance(-365 * 86_400)
        with book.database(virtual=False).transaction("test") as tx:
            assert tx.now - book.clock() > timedelta(days=1)
            assert tx.now.utcoffset() == timedelta(0)
