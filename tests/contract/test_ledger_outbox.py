"""What has to be told, until the broker has it: one suite, run on SQLite and on PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest
import sqlalchemy as sa

from adapter.domain.outcomes import PERSON_ERASED, Outcome
from adapter.errors import ConfigurationError
from adapter.ledger.ledger import Ledger
from adapter.ledger.outbox import STEP_BACK, Pending, Writer, claim_pending
from adapter.ledger.schema import outbox
from adapter.ledger.sealing import Seal, new_key, place
from tests.contract.ledger_kit import (
    NOW,
    TENANT,
    Book,
    book_at,
    claim_one,
    finding,
    outcome,
    record,
    release,
    said,
    scheduled,
    sitting,
    store,
)
from tests.values import replace

LEASE = timedelta(seconds=60)


def tell(book: Book, ledger: Ledger, *outcomes: Outcome, at: str = "a", days: int = 7) -> None:
    """Tell these outcomes in a pass over a sitting that starts in so many days."""
    store(ledger, said(f"e {at} {book.clock()}", scheduled(at, start=NOW + timedelta(days=days), n=str(book.clock()))))
    book.clock.advance(60)
    claim = claim_one(ledger)
    assert claim.ref == sitting(at)
    record(ledger, claim, finding(sitting(at), outcomes=outcomes))
    release(ledger, claim)


def taken(ledger: Ledger, limit: int = 100) -> list[Pending]:
    """Claim what waits to be published."""
    return ledger.claim_outbox(limit, LEASE)


def subjects(ledger: Ledger) -> list[str]:
    """Claim what waits to be published and return whom it is about."""
    return [str(orjson.loads(item.body or b"")["subject"]) for item in taken(ledger)]


def test_an_outcome_is_a_cloud_event_with_a_lasting_id(book: Book) -> None:
    """The body is the whole event, dated when it became true, and its id follows from what it says."""
    ledger = book.worker()
    told = outcome("b1")
    tell(book, ledger, told)
    [item] = taken(ledger)
    event = orjson.loads(item.body or b"")
    assert (event["id"], event["source"], event["tenant"]) == (str(told.id(TENANT)), "urn:test", TENANT)
    assert (event["time"], item.id, item.type) == ("2026-03-01T09:01:00Z", event["id"], "cirrus.test.v1")
    assert "secret" not in repr(item)


def test_what_was_said_is_not_said_again(book: Book) -> None:
    """The same outcome told again, in one pass or a later one, published or not, is one event."""
    ledger = book.worker()
    tell(book, ledger, outcome("b1"), outcome("b1"))
    tell(book, ledger, outcome("b1"), outcome("b2"))
    pending = taken(ledger)
    assert len(pending) == 2
    ledger.mark_published([item.seq for item in pending], [])
    assert book.rows("SELECT lease_until, failure FROM outbox") == [(None, None)] * 2
    tell(book, ledger, outcome("b1"), outcome("b1", "v2"))
    assert [item.id for item in taken(ledger)] == [str(outcome("b1", "v2").id(TENANT))]


def test_one_objects_events_leave_in_order(book: Book) -> None:
    """Of each object only the oldest event is handed out, however many publish."""
    ledger, other = book.worker(), book.worker("w2")
    tell(book, ledger, outcome("b1", "v1"), outcome("b1", "v2"), outcome("b2", "v1"))
    first = taken(ledger)
    assert [item.id for item in first] == [str(outcome(key, "v1").id(TENANT)) for key in ("b1", "b2")]
    assert taken(other) == []
    ledger.mark_published([item.seq for item in first], [])
    assert [item.id for item in taken(other)] == [str(outcome("b1", "v2").id(TENANT))]


def test_the_most_urgent_exam_is_told_first(book: Book) -> None:
    """Events go by the start of their exam, then by age."""
    ledger = book.worker()
    tell(book, ledger, outcome("late"), at="a", days=9)
    tell(book, ledger, outcome("soon 1"), outcome("soon 2"), at="b", days=1)
    assert subjects(ledger) == ["soon 1", "soon 2", "late"]


def test_what_stands_before_an_urgent_event_leaves_with_it(book: Book) -> None:
    """An object's older event, told for an exam far off, does not keep the urgent one behind everything else."""
    ledger = book.worker()
    tell(book, ledger, outcome("moved", "far"), outcome("other", "far"), at="far", days=90)
    tell(book, ledger, outcome("between"), at="between", days=1)
    tell(book, ledger, outcome("moved", "near"), at="near", days=0)
    for expected in (["moved", "between", "other"], ["moved"]):
        pending = taken(ledger)
        assert [str(orjson.loads(item.body or b"")["subject"]) for item in pending] == expected
        ledger.mark_published([item.seq for item in pending], [])


def test_an_event_is_one_publishers_alone_until_its_lease_runs_out(book: Book) -> None:
    """What a publisher claimed and never marked is handed out again, under the same id."""
    ledger, other = book.worker(), book.worker("w2")
    tell(book, ledger, outcome("b1"))
    first = taken(ledger)
    assert taken(other) == []
    book.clock.advance(LEASE.total_seconds())
    assert taken(other) == first


def test_publishers_at_once_share_the_events(book: Book) -> None:
    """Each event goes to exactly one of them."""
    ledgers = [book.worker(f"w{n}") for n in range(3)]
    tell(book, ledgers[0], *(outcome(f"b{n}") for n in range(60)))
    start = threading.Barrier(len(ledgers))

    def run(ledger: Ledger) -> list[str]:
        start.wait()
        return [item.id for _ in range(10) for item in taken(ledger, 5)]

    with ThreadPoolExecutor(len(ledgers)) as pool:
        claimed = [one for ids in pool.map(run, ledgers) for one in ids]
    assert len(claimed) == len(set(claimed)) == 60


def test_a_publisher_under_way_holds_up_nobody(postgres_url: str) -> None:
    """PostgreSQL: rows that another one is just claiming are skipped, not waited for."""
    with book_at(postgres_url) as book:
        ledger = book.worker(timeout=1.0)
        tell(book, ledger, outcome("b1"), outcome("b2"))
        with book.database().transaction("test") as tx:
            assert len(claim_pending(tx, 1, LEASE)) == 1
            assert subjects(ledger) == ["b2"]


def test_what_failed_steps_back_with_its_reason(book: Book) -> None:
    """An event that the broker does not take lets the others pass, and says why in its object's history."""
    ledger = book.worker()
    tell(book, ledger, outcome("a"))
    [item] = taken(ledger)
    ledger.mark_published([], [(item.seq, "returned")])
    assert taken(ledger) == []
    assert ledger.explain("a")[0].lines[-1].note == "returned"
    book.clock.advance(STEP_BACK.total_seconds())
    assert taken(ledger) == [item]
    ledger.mark_published([item.seq], [])
    assert ledger.explain("a")[0].lines[-1].note == "published"


def test_institutions_do_not_wait_for_each_other(book: Book) -> None:
    """What is told of an object of one goes before nothing that is told of its namesake in another."""
    writer = Writer("urn:test")
    with book.database().transaction("test") as tx:
        writer.write(tx, TENANT, [outcome("b1")], NOW)
        writer.write(tx, "other.example", [replace(outcome("b1"), cause="e7")], NOW)
    first, second = taken(book.worker())
    assert (first.tenant, first.cause, first.created_at) == (TENANT, None, NOW)
    assert (second.tenant, second.cause, second.created_at) == ("other.example", "e7", NOW)


def test_what_could_not_be_published_is_owed_until_somebody_has(book: Book) -> None:
    """What waits for its turn is not, whoever publishes it in the end."""
    ledger = book.worker()
    tell(book, ledger, outcome("a"), outcome("b"))
    first, second = taken(ledger)
    assert not ledger.owes_outcomes()
    ledger.mark_published([second.seq], [(first.seq, "returned")])
    assert ledger.owes_outcomes()
    book.worker("w2").mark_published([first.seq], [])
    assert not ledger.owes_outcomes()
    assert book.rows("SELECT DISTINCT failure FROM outbox") == [(None,)]


def test_the_proof_of_an_erasure_is_forgotten_once_it_is_published(book: Book) -> None:
    """It names whom nothing is to name; a proof that waits, and whatever else is published, stays."""
    ledger = book.worker()
    tell(book, ledger, *(outcome(who, kind=PERSON_ERASED) for who in "ab"), outcome("c"))
    first, second, third = taken(ledger)
    ledger.mark_published([first.seq, third.seq], [])
    assert book.rows("SELECT seq FROM outbox ORDER BY seq") == [(second.seq,), (third.seq,)]


def test_a_sealed_body_belongs_to_its_event(book: Book) -> None:
    """It is sealed to its place, so that none can be put in the place of another."""
    key = new_key()
    ledger = book.worker("w1", key)
    tell(book, ledger, outcome("b1"), outcome("b2"))
    [(one, body), (other, _)] = book.rows("SELECT id, body FROM outbox ORDER BY seq")
    where = place("outbox", TENANT, one, "body")
    assert orjson.loads(Seal((key,)).open(bytes(body), where))["subject"] == "b1"
    with book.database().transaction("test") as tx:
        swapped = sa.update(outbox).where(outbox.c.id == other).values(body=bytes(body))
        tx.connection.execute(swapped)
    assert [item.body is None for item in taken(ledger)] == [False, True]


def test_what_is_told_is_sealed_at_rest(book: Book) -> None:
    """With a key, no body of an event is readable in the table."""
    key = new_key()
    ledger = book.worker("w1", key)
    tell(book, ledger, outcome("b1"), outcome("b2"))
    stored = [(sealed, bytes(body)) for sealed, body in book.rows("SELECT sealed, body FROM outbox")]
    assert [bool(sealed) for sealed, _ in stored] == [True, True]
    assert not [body for _, body in stored if b"https://cirrus/secret" in body]
    assert {orjson.loads(item.body or b"")["data"]["link"] for item in taken(ledger)} == {"https://cirrus/secret"}


def test_without_a_key_nothing_is_sealed(book: Book) -> None:
    """Sealing is the operator's choice."""
    ledger = book.worker()
    tell(book, ledger, outcome("b1"))
    assert subjects(ledger) == ["b1"]


def test_a_key_is_rotated_without_a_loss(book: Book) -> None:
    """The new key seals, the former one behind it still opens what it sealed."""
    old, new = (new_key() for _ in range(2))
    tell(book, book.worker("w1", old), outcome("b1"))
    tell(book, book.worker("w2", new, old), outcome("b2"))
    assert subjects(book.worker("w3", new, old)) == ["b1", "b2"]


@pytest.mark.parametrize("keys", [(), (new_key(),)])
def test_an_event_under_a_lost_key_keeps_in_no_other(book: Book, keys: tuple[str, ...]) -> None:
    """What none of the keys opens is handed out without a body; the rest can be published."""
    tell(book, book.worker("w1", new_key()), outcome("b1"), at="a")
    tell(book, book.worker("w2", *keys), outcome("b2"), at="b", days=8)
    locked, opened = taken(book.worker("w3", *keys))
    assert locked.body is None
    assert orjson.loads(opened.body or b"")["subject"] == "b2"


def test_a_key_that_is_none_is_refused() -> None:
    """The setting is named, and its value is not."""
    with pytest.raises(ConfigurationError, match=r"ledger\.seal_key: not 32 bytes in base64") as refused:
        Seal(("hunter2",))
    assert "hunter2" not in str(refused.value)
