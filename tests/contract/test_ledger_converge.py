"""What a pass finds out, stored whole or not at all: one suite, run on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from adapter.domain.applying import fold
from adapter.domain.findings import Continues, Dismissed, Finding, Handed, Settled, Waits
from adapter.domain.records import DEPARTURE, Ref
from adapter.domain.verdict import Reason
from adapter.ledger.ledger import Ledger
from tests.contract.ledger_kit import (
    LEASE,
    POLICY,
    TENANT,
    Book,
    booked,
    booking,
    candidate,
    claim_of,
    claim_one,
    due,
    finding,
    one_due,
    person,
    record,
    release,
    said,
    settle_all,
    sitting,
    store,
    task,
)

WANTS_ANNA = Waits(candidate("anna"), "the candidate in Cirrus", demand=True)


@pytest.fixture
def ledger(book: Book) -> Ledger:
    """Lend a ledger in which one sitting is due, with a booking by a candidate who was only mentioned."""
    return one_due(book)


def test_an_aggregate_is_read_whole(ledger: Ledger) -> None:
    """The root, its members and those whom they are about are what a plan may look at."""
    aggregate, read_at = ledger.load(claim_one(ledger))
    assert aggregate.root is not None
    assert (aggregate.root.ref, [member.ref for member in aggregate.members]) == (sitting("a"), [booking("b1")])
    assert (set(aggregate.related), aggregate.complete) == ({candidate("anna")}, True)
    assert read_at == ledger.now()


def test_a_settled_sitting_is_read_in_part(book: Book, ledger: Ledger) -> None:
    """Of a settled sitting only the open bookings are read, and those of the same candidates."""
    store(ledger, said("e2", booked("b2", "a"), booked("b3", "a", "ben"), minute=1))
    settle_all(book, ledger)
    store(ledger, said("e3", booked("b1", "a", again=True), minute=2))
    book.clock.advance(60)
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    assert (aggregate.complete, {member.ref for member in aggregate.members}) == (False, {booking("b1"), booking("b2")})
    aggregate, _ = ledger.load(claim, whole=True)
    assert (aggregate.complete, len(aggregate.members)) == (True, 3)
    record(ledger, claim, finding(booking("b1"), Handed(), tasks=(task(booking("b1")),)))
    aggregate, _ = ledger.load(claim)
    assert (aggregate.complete, len(aggregate.members)) == (True, 3)


def test_a_candidates_bookings_are_read_with_their_sittings(book: Book, ledger: Ledger) -> None:
    """The plan of a candidate sees every booking about it, and when each takes place."""
    store(ledger, said("e2", person("anna", last="A"), minute=1))
    book.clock.advance(60)
    aggregate, _ = ledger.load(claim_of(ledger, candidate("anna")))
    assert set(aggregate.related) == {booking("b1"), sitting("a")}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (Settled(), "settled"),
        (Dismissed(Reason("invalid-id", "No.")), "rejected"),
        (Handed(), "manual"),
        (Waits(sitting("a"), "the exam"), "waiting"),
        (Waits(None, "its time"), "waiting"),
        (Continues(), "due"),
    ],
)
def test_a_finding_says_where_a_record_stands(book: Book, ledger: Ledger, state: Settled, status: str) -> None:
    """Each state is stored, with what Cirrus was seen to hold."""
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking("b1"), state, confirmed={"seat": True}))
    [member] = ledger.load(claim)[0].members
    assert (member.status.value, member.confirmed) == (status, {"seat": True})
    assert (member.reason is not None) == isinstance(state, Dismissed)
    assert (member.wanting is not None) == isinstance(state, Waits)


def test_waiting_is_dated_from_its_beginning(book: Book, ledger: Ledger) -> None:
    """To find again that a record waits does not make it wait for less long."""
    claim = claim_one(ledger)
    since = book.clock()
    for reason in ("the exam", "the candidate"):
        record(ledger, claim, finding(booking("b1"), Waits(sitting("a"), reason)))
        book.clock.advance(10)
    [member] = ledger.load(claim)[0].members
    assert member.wanting is not None
    assert (member.wanting.reason, member.wanting.since) == ("the candidate", since)


def test_the_age_of_a_wish_is_told_once(book: Book, ledger: Ledger) -> None:
    """When a record settles, its kind and the seconds since the SIS changed it are returned, only then."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    found = [finding(booking("b1")), finding(sitting("a"), Continues())]
    assert ledger.record(claim, aggregate, found, POLICY, LEASE).settled == (("booking", 60.0),)
    assert ledger.record(claim, aggregate, found, POLICY, LEASE).settled == ()


def test_a_seat_taken_while_its_booking_moved_is_given_up(book: Book, ledger: Ledger) -> None:
    """The booking left during the call: the seat stays behind as a departure, and the booking knows of none."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    store(ledger, said("e2", booked("b1", "b"), minute=1))
    for seat in ({"seat": True}, {"seat": True, "link": "x"}):
        ledger.record(claim, aggregate, [finding(booking("b1"), confirmed=seat)], POLICY, LEASE)
    release(ledger, claim)
    book.clock.advance(60)
    left, arrived = (ledger.load(claim_of(ledger, sitting(key)))[0] for key in ("a", "b"))
    [departure], [moved] = left.members, arrived.members
    assert (departure.ref, departure.confirmed) == (Ref(DEPARTURE, "b1@a"), {"seat": True, "link": "x"})
    assert (departure.open, departure.about) == (True, candidate("anna"))
    assert (moved.ref, moved.confirmed, moved.open) == (booking("b1"), {}, True)


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
def test_a_seat_is_remembered_through_every_move(book: Book, ledger: Ledger, *, at_once: bool) -> None:
    """A booking leaves its seat, comes back for a moment, and leaves again before anybody has looked."""
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking("b1"), confirmed={"seat": True}))
    release(ledger, claim)
    moves = [said(f"e{n}", booked("b1", where), minute=n) for n, where in ((2, "b"), (3, "a"), (4, "b"))]
    for batch in [moves] if at_once else [[move] for move in moves]:
        store(ledger, *batch)
    book.clock.advance(60)
    left, back = (ledger.load(claim_of(ledger, sitting(key)))[0] for key in ("a", "b"))
    [departure] = left.members
    assert (departure.ref, departure.open, departure.confirmed) == (Ref(DEPARTURE, "b1@a"), True, {"seat": True})
    assert {member.ref: member.confirmed for member in back.members} == {
        booking("b1"): {},
        Ref(DEPARTURE, "b1@b"): {},
    }


def test_a_departure_that_is_left_anew_is_not_settled_by_the_pass_before(book: Book, ledger: Ledger) -> None:
    """The booking came back during the call, and left again: the pass has not seen that."""
    record(ledger, claim_one(ledger), finding(booking("b1"), confirmed={"seat": True}))
    store(ledger, said("e2", booked("b1", "b"), minute=2))
    book.clock.advance(60)
    claim = claim_of(ledger, sitting("a"))
    aggregate, _ = ledger.load(claim)
    store(ledger, said("e3", booked("b1", "a"), minute=3), said("e4", booked("b1", "b"), minute=4))
    off = finding(Ref(DEPARTURE, "b1@a"), confirmed={})
    ledger.record(claim, aggregate, [off], POLICY, LEASE)
    [departure] = ledger.load(claim)[0].members
    assert (departure.open, departure.confirmed) == (True, {})


def test_a_departure_is_not_settled_by_older_news(book: Book, ledger: Ledger) -> None:
    """A finding that knew nothing of Cirrus changes nothing of a booking that has moved away."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    store(ledger, said("e2", booked("b1", "b"), minute=1))
    ledger.record(claim, aggregate, [finding(booking("b1"))], POLICY, LEASE)
    assert book.rows("SELECT key, home_key, status FROM records WHERE kind <> 'candidate' ORDER BY key") == [
        ("a", "a", "due"),
        ("b1", "b", "due"),
        ("b1@a", "a", "due"),
    ]


@pytest.mark.parametrize("decided", [Settled(), Dismissed(Reason("invalid-field", "No.")), Handed()])
def test_who_waits_is_woken_by_the_decision(book: Book, ledger: Ledger, decided: Settled) -> None:
    """When the candidate is settled, refused or left to a person, the sittings that wait for it are due."""
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking("b1"), WANTS_ANNA), finding(sitting("a")))
    release(ledger, claim)
    book.clock.advance(60)
    anna = claim_one(ledger)
    assert anna.ref == candidate("anna")
    record(ledger, anna, finding(candidate("anna"), Continues()))
    book.clock.advance(10)
    assert due(ledger) == []
    record(ledger, anna, finding(candidate("anna"), decided))
    release(ledger, anna)
    book.clock.advance(60)
    assert due(ledger) == ["sitting a"]


def test_a_demand_makes_the_candidate_work(book: Book, ledger: Ledger) -> None:
    """A candidate who was only mentioned, or is settled, is due when a booking needs it in Cirrus."""
    for _ in range(2):
        claim = claim_of(ledger, sitting("a"))
        record(ledger, claim, finding(booking("b1"), WANTS_ANNA))
        assert book.status(candidate("anna")) == "due"
        release(ledger, claim)
        settle_all(book, ledger)
        assert book.status(candidate("anna")) == "settled"
        store(ledger, said(f"again {book.clock()}", booked("b1", "a", n=str(book.clock())), minute=5))
        book.clock.advance(60)


def test_a_demand_is_made_once(book: Book, ledger: Ledger) -> None:
    """To wait on for the same does not wake the candidate again: nobody turns in circles."""
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking("b1"), WANTS_ANNA))
    release(ledger, claim, due_in=60.0)
    book.clock.advance(60)
    anna, again = claim_of(ledger, candidate("anna")), claim_of(ledger, sitting("a"))
    record(ledger, anna, finding(candidate("anna"), Waits(None, "the person's name")))
    release(ledger, anna)
    record(ledger, again, finding(booking("b1"), WANTS_ANNA))
    release(ledger, again)
    book.clock.advance(3600)
    assert due(ledger) == []


def test_a_demand_is_made_again_after_a_denial(book: Book, ledger: Ledger) -> None:
    """Cirrus denied knowing a candidate who was there: what was learnt ends the wait, and the next wait asks anew."""
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking("b1"), WANTS_ANNA))
    release(ledger, claim)
    settle_all(book, ledger)
    book.clock.advance(60)
    claim = claim_of(ledger, sitting("a"))
    aggregate, _ = ledger.load(claim)
    for found in (finding(booking("b1"), Continues(), confirmed={"denied": True}), finding(booking("b1"), WANTS_ANNA)):
        ledger.record(claim, aggregate, [found], POLICY, LEASE)
        aggregate = fold(aggregate, [found], book.clock())
    assert book.status(candidate("anna")) == "due"


def test_many_demands_fit_into_one_statement(book: Book, ledger: Ledger) -> None:
    """A sitting of 1,800 seats may ask for all its candidates at once."""
    many = [said(f"m{n}", person(f"p{n}", mention=True), booked(f"c{n}", "a", f"p{n}"), minute=1) for n in range(1800)]
    store(ledger, *many)
    claim = claim_of(ledger, sitting("a"))
    wants = [finding(booking(f"c{n}"), Waits(candidate(f"p{n}"), "it", demand=True)) for n in range(1800)]
    record(ledger, claim, *wants)
    assert book.rows("SELECT count(*) FROM records WHERE kind = 'candidate' AND status = 'due'") == [(1800,)]
    assert book.rows("SELECT count(*) FROM work WHERE due_at IS NOT NULL") == [(1801,)]


def test_a_task_is_raised_once_and_closed(book: Book, ledger: Ledger) -> None:
    """Raising again changes nothing, closing by name is final, and only in this sitting."""
    claim = claim_one(ledger)
    since = book.clock()
    raised = finding(booking("b1"), Handed(), tasks=(task(booking("b1")), task(booking("b1"), "other")))
    record(ledger, claim, raised)
    book.clock.advance(1)
    record(ledger, claim, raised)
    assert {(one.name, one.about, one.raised_at, one.closed_at) for one in ledger.tasks()} == {
        ("look", booking("b1"), since, None),
        ("other", booking("b1"), since, None),
    }
    record(ledger, claim, finding(booking("b1"), closes=("look",)))
    assert [one.name for one in ledger.tasks()] == ["other"]
    assert [open_task.name for open_task in ledger.load(claim)[0].tasks] == ["other"]
    assert sorted(one.name for one in ledger.tasks(closed=True)) == ["look", "other"]


def test_a_task_that_is_needed_again_is_open_again(book: Book, ledger: Ledger) -> None:
    """What was seen done and has come undone is a person's task once more, as the pass in memory has it."""
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking("b1"), Handed(), tasks=(task(booking("b1")),)))
    record(ledger, claim, finding(booking("b1"), closes=("look",)))
    assert ledger.tasks() == []
    book.clock.advance(1)
    record(ledger, claim, finding(booking("b1"), Handed(), tasks=(task(booking("b1")),)))
    assert [(one.name, one.raised_at) for one in ledger.tasks()] == [("look", book.clock())]


def test_findings_are_noted_in_the_journal(book: Book, ledger: Ledger) -> None:
    """A finding with a note is a line of the object's history; without one it is none."""
    record(ledger, claim_one(ledger), finding(booking("b1"), note="seated"), finding(sitting("a")))
    lines = ledger.explain("b1")[0].lines
    assert [(line.who, line.what, line.note) for line in lines][-1] == ("adapter", "settled", "seated")
    assert [line.who for line in ledger.explain("a")[0].lines] == ["sis"]


def test_passes_and_intake_at_once_lose_nothing(book: Book) -> None:
    """Sittings and candidates that wake each other while the SIS goes on talking end up settled, without an error."""
    workers = [book.worker(f"w{n}") for n in range(3)]
    people = 4

    def talk(worker: Ledger) -> None:
        for n in range(30):
            who = f"p{n % people}"
            store(
                worker,
                said(f"n{n}", person(who, last=str(n)), minute=n),
                said(f"k{n}", booked(f"b{n % 6}", f"s{n % 3}", who, n=n), minute=n),
            )

    def work_off(worker: Ledger) -> None:
        for _ in range(60):
            for claim in worker.claim(TENANT, 2, LEASE):
                aggregate, _ = worker.load(claim)
                members = [member for member in aggregate.members if member.open]
                waiting = [
                    Finding(m.ref, Waits(m.about, "it", demand=True)) for m in members if m.wanting is None and m.about
                ]
                settled = [finding(m.ref, confirmed={"seat": True}) for m in members if m.wanting is not None]
                root = [finding(claim.ref)] if aggregate.root is not None else []
                worker.record(claim, aggregate, [*waiting, *settled, *root], POLICY, LEASE)
                release(worker, claim, due_in=0.0 if waiting else None)

    book.clock.advance(3600)
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(talk, workers[0]), pool.submit(work_off, workers[1]), pool.submit(work_off, workers[2])]
        for future in running:
            future.result()
    for _ in range(20):
        book.clock.advance(60)
        work_off(workers[0])
    assert book.rows("SELECT DISTINCT status FROM records") == [("settled",)]
    assert due(workers[0]) == []
