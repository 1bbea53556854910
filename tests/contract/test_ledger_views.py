"""What people are shown of the ledger, and what is forgotten: one suite, run on SQLite and on PostgreSQL."""

from datetime import timedelta

import pytest

from adapter.domain.findings import Handed, Settled, Waits
from adapter.ledger import retention
from adapter.ledger.retention import Retention
from tests.contract.ledger_kit import (
    LEASE,
    NOW,
    OTHER_TENANT,
    TENANT,
    Book,
    booked,
    booking,
    candidate,
    change,
    claim_one,
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
from tests.values import replace

WEEK = timedelta(days=7)


def test_an_empty_ledger_counts_nothing(book: Book) -> None:
    """Every horizon of every tenant is there, at 0."""
    counts = book.worker().count((TENANT,))
    assert counts.unconfirmed == {(TENANT, name): 0 for name in ("1h", "24h", "7d", "later")}
    assert (counts.work_due, counts.work_waiting, counts.tasks_open, counts.next_unconfirmed) == ({}, {}, {}, {})
    assert (counts.outbox_pending, counts.outbox_oldest) == (0, None)


def test_unconfirmed_bookings_count_under_the_nearest_horizon(book: Book) -> None:
    """An exam that runs counts under an hour, one nobody has scheduled under later, one long over nowhere."""
    ledger = book.worker()
    hours = {"running": -2, "soon": 1, "tomorrow": 24, "week": 168, "far": 169, "over": -12}
    store(ledger, *(said(f"s{key}", scheduled(key, start=NOW + timedelta(hours=h))) for key, h in hours.items()))
    store(ledger, *(said(f"b{n}", booked(f"b{n}", key)) for n, key in enumerate([*hours, "far", "unknown"])))
    store(ledger, said("o", booked("b", "x"), scheduled("x", start=NOW + timedelta(hours=5)), tenant=OTHER_TENANT))
    counts = ledger.count((TENANT, OTHER_TENANT))
    assert {name: counts.unconfirmed[TENANT, name] for name in ("1h", "24h", "7d", "later")} == {
        "1h": 2,
        "24h": 1,
        "7d": 1,
        "later": 3,
    }
    assert counts.unconfirmed[OTHER_TENANT, "24h"] == 1
    assert counts.next_unconfirmed == {
        (TENANT,): NOW - timedelta(hours=2),
        (OTHER_TENANT,): NOW + timedelta(hours=5),
    }


def test_settled_bookings_are_not_unconfirmed(book: Book) -> None:
    """What is decided leaves the gauges."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a"), scheduled("a")))
    assert ledger.count((TENANT,)).unconfirmed[TENANT, "7d"] == 1
    settle_all(book, ledger)
    counts = ledger.count((TENANT,))
    assert set(counts.unconfirmed.values()) == {0}
    assert counts.next_unconfirmed == {}


def test_work_tasks_and_outbox_are_counted(book: Book) -> None:
    """What is due by kind, what waits and for what, open tasks by name, and the oldest event to be told."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a"), booked("b2", "a"), booked("b3", "a"), person("anna")))
    assert ledger.count((TENANT,)).work_due == {}
    book.clock.advance(60)
    assert ledger.count((TENANT,)).work_due == {("sitting",): 1, ("candidate",): 1}
    for claim in ledger.claim(TENANT, 10, LEASE):
        if claim.ref == sitting("a"):
            record(
                ledger,
                claim,
                finding(booking("b1"), Waits(candidate("ben"), "x"), outcomes=(outcome("b1"),)),
                finding(booking("b2"), Waits(None, "x")),
                finding(booking("b3"), Handed(), tasks=(task(booking("b3")),)),
            )
        release(ledger, claim)
    counts = ledger.count((TENANT,))
    assert counts.work_waiting == {("booking", "candidate"): 1, ("booking", "time"): 1}
    assert (counts.tasks_open, counts.work_due) == ({("look",): 1}, {})
    assert (counts.outbox_pending, counts.outbox_oldest) == (1, book.clock())


def test_what_was_changed_by_hand_is_counted_while_somebody_has_to_decide(book: Book) -> None:
    """Each seat, candidate and value counts, of sittings that wait for a person; those of other tenants do not."""
    ledger = book.worker()
    store(ledger, said("e1", scheduled("a")), said("e2", scheduled("b")))
    book.clock.advance(60)
    told = {"missing": [{}, {}], "surplus": ["s9"], "differing": []}
    for claim in ledger.claim(TENANT, 10, LEASE):
        state = Handed() if claim.ref == sitting("a") else Settled()
        record(ledger, claim, finding(claim.ref, state, confirmed={"drift": told}))
        release(ledger, claim)
    assert ledger.count((TENANT, OTHER_TENANT)).drift == {(TENANT, "sitting"): 3, (OTHER_TENANT, "sitting"): 0}


def test_the_sittings_to_come_are_listed_by_their_start(book: Book) -> None:
    """What has begun, and what belongs to others, is left out."""
    ledger = book.worker()
    hours = {"later": 5, "over": -1, "soon": 1}
    store(ledger, *(said(f"s{key}", scheduled(key, start=NOW + timedelta(hours=h))) for key, h in hours.items()))
    assert [each.ref for each in ledger.sittings_to_come([TENANT])] == [sitting("soon"), sitting("later")]
    assert ledger.sittings_to_come([OTHER_TENANT]) == []


def test_a_history_tells_who_did_what(book: Book) -> None:
    """The SIS's statements, our findings and what was told, oldest first, found by either id."""
    ledger = book.worker()
    store(ledger, said("e1", scheduled("a")))
    book.clock.advance(60)
    claim = claim_one(ledger)
    record(ledger, claim, finding(sitting("a"), outcomes=(outcome("a"),), note="draft"))
    release(ledger, claim)
    book.clock.advance(60)
    store(ledger, said("e2", scheduled("a", moved=True), minute=1))
    [history] = ledger.explain("Sa")
    assert ledger.explain("a") == [history]
    assert (history.tenant, history.record.ref) == (TENANT, sitting("a"))
    assert [(line.who, line.what, line.note) for line in history.lines] == [
        ("sis", "sis.test.v1", "applied (event e1)"),
        ("adapter", "settled", "draft"),
        ("told", "cirrus.test.v1", "to be published"),
        ("sis", "sis.test.v1", "applied (event e2)"),
    ]


def test_a_history_may_be_asked_of_one_tenant(book: Book) -> None:
    """The same id of two tenants is two histories; kinds are told apart, too."""
    ledger = book.worker()
    store(
        ledger,
        said("e1", scheduled("a")),
        said("e1", scheduled("a"), tenant=OTHER_TENANT),
        said("e2", replace(change(candidate("a"), "person"), external_id="Ca")),
    )
    assert [(one.tenant, one.record.ref.kind) for one in ledger.explain("a")] == [
        (OTHER_TENANT, "sitting"),
        (TENANT, "candidate"),
        (TENANT, "sitting"),
    ]
    assert [one.tenant for one in ledger.explain("a", OTHER_TENANT)] == [OTHER_TENANT]
    assert ledger.explain("nobody") == []


def test_tasks_are_listed_by_deadline(book: Book) -> None:
    """The nearest first; who is to do what is whole."""
    ledger = book.worker()
    store(ledger, said("e1", booked("b1", "a"), booked("b2", "a")))
    book.clock.advance(60)
    later = replace(task(booking("b1"), "later"), deadline=NOW + WEEK)
    record(ledger, claim_one(ledger), finding(booking("b1"), Handed(), tasks=(later, task(booking("b1")))))
    nearest, last = ledger.tasks()
    assert (nearest.name, last.name) == ("look", "later")
    assert (nearest.tenant, nearest.about, nearest.text) == (TENANT, booking("b1"), "Look at it.")
    assert (nearest.steps, nearest.deadline) == (("Open it.",), NOW + timedelta(days=1))


def test_what_is_past_its_retention_is_forgotten(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journal, message ids and told outcomes each have their age; what is still to be told stays."""
    monkeypatch.setattr(retention, "MOST", 2)
    ledger = book.worker()
    keep = Retention(journal=2 * WEEK, messages=WEEK, outbox=WEEK, notices=WEEK, documents=WEEK)
    store(ledger, *(said(f"e{n}", scheduled(f"s{n}")) for n in range(5)))
    book.clock.advance(60)
    for claim in ledger.claim(TENANT, 10, LEASE):
        record(ledger, claim, finding(claim.ref, outcomes=(outcome(claim.ref.key),)))
        release(ledger, claim)
    told = [item.seq for item in ledger.claim_outbox(3, LEASE)]
    ledger.mark_published(told, [])
    assert ledger.tidy(keep) == 0
    book.clock.advance(WEEK.total_seconds())
    store(ledger, said("new", scheduled("new"), minute=1))
    assert ledger.tidy(keep) == 5
    book.clock.advance(1)
    assert ledger.tidy(keep) == 3
    assert sizes(book) == {"messages": 1, "outbox": 2, "journal": 6, "records": 6}
    book.clock.advance(WEEK.total_seconds())
    assert ledger.tidy(keep) == 1 + 5
    assert sizes(book) == {"messages": 0, "outbox": 2, "journal": 1, "records": 6}


def sizes(book: Book) -> dict[str, int]:
    """Return how many rows each table has."""
    return {
        table: book.rows(f"SELECT count(*) FROM {table}")[0][0]
        for table in ("messages", "outbox", "journal", "records")
    }
