"""What a batch of events does to the ledger: one suite, run on SQLite and on PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.exc import DataError

from adapter.domain.findings import Dismissed, Waits
from adapter.domain.records import DEPARTURE, Ref
from adapter.domain.verdict import Reason
from adapter.ledger import rows
from tests.contract.ledger_kit import (
    NOW,
    OTHER_TENANT,
    POLICIES,
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


def test_each_event_is_told_what_became_of_it(book: Book) -> None:
    """New content is applied, the same content unchanged, older content superseded."""
    ledger = book.worker()
    assert store(ledger, said("e1", scheduled("a", title="Physics"), minute=1)) == ["applied"]
    assert store(ledger, said("e2", scheduled("a", title="Physics"), minute=2)) == ["unchanged"]
    assert store(ledger, said("e3", scheduled("a", title="Chemistry"), minute=0)) == ["superseded"]
    assert store(ledger, said("e4", scheduled("a", title="Biology"), minute=3)) == ["applied"]


def test_an_event_id_is_known_again(book: Book) -> None:
    """The same event is a duplicate; the same id with other content is a conflict, and is not stored."""
    ledger = book.worker()
    event = said("e1", scheduled("a", title="Physics"))
    assert store(ledger, event) == ["applied"]
    assert store(ledger, event) == ["duplicate"]
    other = said("e1", scheduled("a", title="Chemistry"), minute=5, content="other")
    assert store(ledger, other) == ["conflict"]
    assert store(ledger, event) == ["duplicate"]


def test_one_batch_may_hold_all_of_it(book: Book) -> None:
    """Inside one batch events are compared with each other as they are with older ones."""
    event = said("e1", scheduled("a", title="Physics"), minute=1)
    handled = store(
        book.worker(),
        event,
        event,
        said("e1", scheduled("a"), content="other"),
        said("e2", scheduled("a", title="Chemistry"), minute=0),
        said("e3", scheduled("a", title="Biology"), minute=2),
    )
    assert handled == ["applied", "duplicate", "conflict", "superseded", "applied"]


def test_tenants_share_a_batch_and_nothing_else(book: Book) -> None:
    """The same ids of two tenants are two events about two sittings."""
    ledger = book.worker()
    handled = store(
        ledger,
        said("e1", scheduled("a", title="Physics")),
        said("e1", scheduled("a", title="Chemistry"), tenant=OTHER_TENANT),
        said("e1", scheduled("a", title="Physics")),
    )
    assert handled == ["applied", "applied", "duplicate"]
    settle_all(book, ledger)
    assert book.status(sitting("a")) == "settled"
    assert book.status(sitting("a"), OTHER_TENANT) == "due"
    assert due(ledger, OTHER_TENANT) == ["sitting a"]


def test_a_batch_of_any_size_is_stored(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query names only so many values at once: more are asked for in parts."""
    monkeypatch.setattr(rows, "MOST_NAMES", 7)
    ledger = book.worker()
    events = [
        said(f"e{n}", person(f"p{n}", name=n), booked(f"b{n}", "a", f"p{n}"), person(f"q{n}", name=n))
        for n in range(1500)
    ]
    assert store(ledger, *events) == ["applied"] * 1500
    assert store(ledger, *events) == ["duplicate"] * 1500
    assert book.rows("SELECT count(*) FROM records") == [(4500,)]


def test_thousands_of_ripples_fit_into_one_statement(book: Book) -> None:
    """A batch of many students' names is one transaction too; SQLite bounds the depth of an expression."""
    ledger = book.worker()
    assert set(store(ledger, *(said(f"e{n}", person(f"p{n}", name=n)) for n in range(2500)))) == {"applied"}


def test_a_mention_is_known_and_is_no_work(book: Book) -> None:
    """A candidate that a booking speaks of is no reason to call Cirrus."""
    ledger = book.worker()
    assert store(ledger, said("e1", person("anna", mention=True, last="A"), booked("b1", "a"))) == ["applied"]
    assert book.status(candidate("anna")) == "known"
    book.clock.advance(60)
    assert due(ledger) == ["sitting a"]


def test_a_mention_of_a_candidate_in_cirrus_is_work(book: Book) -> None:
    """What Cirrus has been asked about is brought up to date, whoever tells the news."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", last="A")))
    settle_all(book, ledger)
    assert store(ledger, said("e2", person("anna", mention=True, last="B"), minute=1)) == ["unchanged"]
    book.clock.advance(60)
    assert due(ledger) == ["candidate anna"]


def test_a_repetition_touches_nothing(book: Book) -> None:
    """An event that says the same again makes nothing due."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", last="A"), booked("b1", "a"), scheduled("a")))
    settle_all(book, ledger)
    store(ledger, said("e2", person("anna", last="A"), booked("b1", "a"), scheduled("a"), minute=1))
    book.clock.advance(60)
    assert due(ledger) == []


def test_urgent_work_is_due_at_once_and_the_rest_lingers(book: Book) -> None:
    """Within an hour of the exam nothing waits for more to arrive."""
    ledger = book.worker()
    store(
        ledger,
        said("e1", scheduled("later", start=NOW + timedelta(days=3))),
        said("e2", scheduled("soon", start=NOW + timedelta(minutes=30))),
    )
    assert due(ledger) == ["sitting soon"]
    book.clock.advance(POLICY.linger.total_seconds())
    assert due(ledger) == ["sitting soon", "sitting later"]


def test_a_ripple_reopens_what_depends_on_it(book: Book) -> None:
    """When a candidate changes, the settled and the refused bookings are looked at again."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a"), booked("b2", "b"), scheduled("a"), scheduled("b")))
    book.clock.advance(60)
    for claim in ledger.claim(TENANT, 10, timedelta(seconds=15)):
        refused = Dismissed(Reason("invalid-id", "No."))
        mine = finding(booking("b1")) if claim.ref == sitting("a") else finding(booking("b2"), refused)
        record(ledger, claim, mine, finding(claim.ref))
        release(ledger, claim)
    assert due(ledger) == []
    store(ledger, said("e2", person("anna", last="A"), minute=1))
    book.clock.advance(60)
    assert sorted(due(ledger)) == ["candidate anna", "sitting a", "sitting b"]
    assert [book.status(booking(key)) for key in ("b1", "b2")] == ["due", "due"]
    assert book.status(sitting("a")) == "settled"


def test_a_waiting_record_is_released_by_what_it_waits_for(book: Book) -> None:
    """A booking that waits for a student is looked at when the student is told of."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a", "ben")))
    book.clock.advance(60)
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking("b1"), Waits(candidate("carl"), "somebody else")))
    release(ledger, claim)
    store(ledger, said("e2", replace(person("carl", last="C"), ripples=False), minute=1))
    book.clock.advance(60)
    assert due(ledger) == ["sitting a", "candidate carl"] or due(ledger) == ["candidate carl", "sitting a"]


def test_an_external_id_belongs_to_who_came_first(book: Book) -> None:
    """A second record with the same external id is marked with its rival, also in one batch."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", "7"), person("ben", "7")))
    store(ledger, said("e2", person("carl", "7"), minute=1), said("e3", person("anna", "7", last="A"), minute=2))
    assert rivals(book) == {"anna": None, "ben": "anna", "carl": "anna"}


def test_kinds_and_tenants_have_external_ids_of_their_own(book: Book) -> None:
    """Only a record of the same kind and tenant is a rival."""
    ledger = book.worker()
    store(
        ledger,
        said("e1", person("anna", "Sx"), scheduled("x")),
        said("e1", person("anna", "Sx"), tenant=OTHER_TENANT),
    )
    assert book.rows("SELECT count(*) FROM records WHERE rival IS NOT NULL") == [(0,)]


def test_an_external_id_that_is_given_up_goes_to_the_next(book: Book) -> None:
    """When the holder gets another id, the first of those refused has it, and its bookings look again."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", "7"), booked("b1", "a", "ben"), scheduled("a")))
    store(ledger, said("e2", person("ben", "7"), minute=1))
    book.clock.advance(1)
    store(ledger, said("e3", person("carl", "7"), minute=2))
    settle_all(book, ledger)
    store(ledger, said("e4", person("anna", "8"), minute=3))
    assert rivals(book) == {"anna": None, "ben": None, "carl": "ben"}
    book.clock.advance(60)
    assert sorted(due(ledger)) == ["candidate anna", "candidate ben", "sitting a"]


def test_two_records_may_exchange_their_external_ids(book: Book) -> None:
    """A correction of two mixed-up numbers in one batch leaves no rivals."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", "7"), person("ben", "8")))
    store(ledger, said("e2", person("anna", "8"), minute=1), said("e3", person("ben", "7"), minute=1))
    assert rivals(book) == {"anna": None, "ben": None}
    assert book.rows("SELECT key, external_id FROM records ORDER BY key") == [("anna", "8"), ("ben", "7")]


def test_a_booking_that_moves_leaves_its_seat_behind(book: Book) -> None:
    """A seat in the former sitting becomes a departure there, and both sittings are looked at."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a"), scheduled("a"), scheduled("b")))
    book.clock.advance(60)
    for claim in ledger.claim(TENANT, 10, timedelta(seconds=15)):
        if claim.ref == sitting("a"):
            record(ledger, claim, finding(booking("b1"), confirmed={"seat": True}), finding(sitting("a")))
        release(ledger, claim)
    store(ledger, said("e2", booked("b1", "b"), minute=1))
    book.clock.advance(60)
    left, arrived = sorted(ledger.claim(TENANT, 10, timedelta(seconds=15)), key=lambda claim: claim.ref)
    [departure] = ledger.load(left)[0].members
    assert (departure.ref, departure.home) == (Ref(DEPARTURE, "b1@a"), sitting("a"))
    assert (departure.about, departure.confirmed) == (candidate("anna"), {"seat": True})
    [moved] = ledger.load(arrived)[0].members
    assert (moved.ref, moved.confirmed, moved.open) == (booking("b1"), {}, True)


def test_a_booking_that_moves_before_its_seat_is_known_leaves_a_departure_too(book: Book) -> None:
    """A call that seats it may be under way, or have died unheard: whoever looks at the former sitting must know."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a")))
    store(ledger, said("e2", booked("b1", "b"), minute=1))
    rows = book.rows("SELECT key, home_key, status FROM records ORDER BY key")
    assert rows == [("b1", "b", "due"), ("b1@a", "a", "due")]
    book.clock.advance(60)
    assert due(ledger) == ["sitting a", "sitting b"]


def test_a_refusal_is_forgotten_when_the_record_changes(book: Book) -> None:
    """What was said of the former version does not stick to the new one."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", last="A")))
    book.clock.advance(60)
    claim = claim_one(ledger)
    record(ledger, claim, finding(candidate("anna"), Dismissed(Reason("invalid-field", "No."))))
    release(ledger, claim)
    store(ledger, said("e2", person("anna", last="B"), minute=1))
    book.clock.advance(60)
    root = ledger.load(claim_one(ledger))[0].root
    assert root is not None
    assert (root.status.value, root.reason) == ("due", None)


def test_two_workers_store_overlapping_batches_at_once(book: Book) -> None:
    """No update is lost, every event is applied by one of them only, and no collision comes out."""
    workers = [book.worker(f"w{n}") for n in range(4)]
    events = [
        said(f"e{n}", person(f"p{n % 5}", name=n), booked(f"b{n % 7}", f"s{n % 3}", f"p{n % 5}", n=n), minute=n)
        for n in range(40)
    ]
    start = threading.Barrier(len(workers))

    def run(number: int) -> list[str]:
        start.wait()
        mixed = events[number * 7 :] + events[: number * 7]
        return [
            outcome
            for at in range(0, len(mixed), 8)
            for outcome in workers[number].store_batch(mixed[at : at + 8], POLICIES)
        ]

    with ThreadPoolExecutor(len(workers)) as pool:
        handled = [outcome for outcomes in pool.map(run, range(len(workers))) for outcome in outcomes]
    assert len(handled) - handled.count("duplicate") == len(events)
    newest = {f"b{n % 7}": (n, f"s{n % 3}") for n in range(40)}
    found = {key: (facets, home) for key, facets, home in book.rows(BOOKINGS)}
    assert {key: home for key, (_, home) in found.items()} == {key: home for key, (_, home) in newest.items()}
    assert all(f'"n":{newest[key][0]}}}' in facets for key, (facets, _) in found.items())


BOOKINGS = "SELECT key, facets, home_key FROM records WHERE kind = 'booking'"


def test_two_workers_let_in_one_holder_of_an_external_id(book: Book) -> None:
    """Two new records with the same external id, stored at once, become a holder and a rival."""
    workers = [book.worker(f"w{n}") for n in range(2)]
    start = threading.Barrier(2)

    def run(number: int) -> None:
        start.wait()
        for n in range(20):
            store(workers[number], said(f"e{number}.{n}", person(f"p{n}.{number}", f"{n}")))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(2)))
    assert book.rows("SELECT count(*) FROM records WHERE rival IS NULL") == [(20,)]
    assert book.rows("SELECT count(*) FROM records WHERE rival IS NOT NULL") == [(20,)]


def test_what_the_database_can_never_hold_is_no_outage(postgres_url: str) -> None:
    """PostgreSQL takes no NUL in a text: that is the message's fault, and says nothing of its content."""
    with book_at(postgres_url) as book, pytest.raises(DataError) as refused:
        store(book.worker(), said("e1", person("anna\0secret", last="Secret")))
    assert "secret" not in str(refused.value).lower()


def test_the_journal_has_a_line_for_each_statement(book: Book) -> None:
    """What the SIS said is kept with what became of it; a mention is no statement of its own."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", mention=True), booked("b1", "a")))
    store(ledger, said("e2", booked("b1", "a", attempt=2), minute=-1))
    [history] = ledger.explain("b1")
    assert [(line.who, line.what, line.note) for line in history.lines] == [
        ("sis", "sis.test.v1", "applied (event e1)"),
        ("sis", "sis.test.v1", "superseded (event e2)"),
    ]
    assert ledger.explain("anna")[0].lines == ()


def rivals(book: Book) -> dict[str, str | None]:
    """Return the rival of each candidate."""
    return {str(key): rival for key, rival in book.rows("SELECT key, rival FROM records WHERE kind = 'candidate'")}
