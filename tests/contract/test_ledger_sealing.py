"""What the ledger holds of people, sealed: one suite, run on SQLite and on PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapter.domain.findings import Dismissed, Document, Task, Waits
from adapter.domain.notices import Arrival
from adapter.domain.outcomes import Outcome
from adapter.domain.verdict import Reason
from adapter.errors import LedgerSealed
from adapter.ledger.ledger import Ledger
from adapter.ledger.resealing import PLAIN, STORES
from adapter.ledger.schema import metadata
from adapter.ledger.sealing import MARK, Seal, key_id, new_key, read_key
from tests.contract.ledger_kit import (
    TENANT,
    Book,
    book_at,
    booked,
    booking,
    cancelled,
    candidate,
    claim_one,
    finding,
    person,
    record,
    release,
    said,
    scheduled,
    sitting,
    store,
)

CANARY = "canary"
UNUSED = {"erasures", "peppers"}
"""Tables that nobody fills who is not being erased."""

OLD, NEW = new_key(), new_key()
OLD_ID, NEW_ID = key_id(read_key(OLD)), key_id(read_key(NEW))


def live(ledger: Ledger, book: Book, name: str = "1") -> None:
    """Fill every table with something personal."""
    who, seat, exam = f"p{name}", f"b{name}", f"o{name}"
    other = booked(f"k{name}", exam, f"q{name}")
    told = (person(who, last=CANARY), booked(seat, exam, who, seat=CANARY), scheduled(exam), other)
    store(ledger, said(f"e{name}", *told))
    ledger.keep_notices([Arrival(TENANT, CANARY.encode(), "application/json")])
    book.clock.advance(60)
    for _ in range(2):
        claim = claim_one(ledger)
        if claim.ref == candidate(who):
            refused = Dismissed(Reason("refused", f"no {CANARY}"))
            record(ledger, claim, finding(claim.ref, refused, confirmed={"seen": CANARY}, note=CANARY))
        else:
            task = Task(booking(seat), "look", "v1", CANARY, (CANARY,))
            heard = Outcome("cirrus.test.v1", seat, "v1", {"score": CANARY})
            kept = Document(f"booking/{seat}", 1, None, {"score": CANARY})
            waits = finding(booking(seat), Waits(None, CANARY), outcomes=(heard,), tasks=(task,), documents=(kept,))
            record(ledger, claim, finding(sitting(exam)), waits)
        release(ledger, claim)
    store(ledger, cancelled(f"c{name}", f"k{name}", exam, who=f"q{name}", reason=CANARY))


def values(book: Book) -> dict[str, list[object]]:
    """Return all that stands in each table."""
    return {name: [value for row in book.rows(f"SELECT * FROM {name}") for value in row] for name in metadata.tables}


def readable(book: Book) -> set[str]:
    """Return the tables in which the canary can be read."""
    return {name for name, held in values(book).items() if any(CANARY in _text(value) for value in held)}


def _text(value: object) -> str:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def read_all(ledger: Ledger) -> None:
    """Read all that was stored, as workers and commands do."""
    history = {line.record.ref: line for line in ledger.explain("p1") + ledger.explain("b1")}
    known = history[candidate("p1")]
    assert known.record.facets["person"].data["last"] == known.record.confirmed["seen"] == CANARY
    assert known.record.reason == Reason("refused", f"no {CANARY}")
    assert known.lines[-1].note == CANARY
    waiting = history[booking("b1")].record.wanting
    assert waiting is not None
    assert waiting.reason == CANARY
    assert [(task.text, task.steps) for task in ledger.tasks()] == [(CANARY, (CANARY,))]
    assert [each.content for each in ledger.documents(TENANT, booking("b1"))] == [{"score": CANARY}]
    assert [each.body for each in ledger.notices("new")] == [CANARY.encode()]


def seal_again(ledger: Ledger) -> int:
    """Bring everything under the newest key; return how many rows that were."""
    done = sum(batch.resealed for batch in ledger.reseal())
    assert ledger.settle_keys() == {}
    return done


def test_with_a_key_no_table_shows_anything_of_a_person(book: Book) -> None:
    """Without a key the same tables do, so the canary sings."""
    live(book.worker("w1"), book)
    assert readable(book) == {"records", "removals", "outbox", "journal", "tasks", "notices", "documents"}
    with book.database().transaction("test") as tx:
        for table in metadata.sorted_tables:
            tx.connection.execute(table.delete())
    ledger = book.worker("w2", NEW)
    live(ledger, book)
    assert readable(book) == set()
    read_all(ledger)
    in_use = {table: set(keys) for table, keys in ledger.keys_in_use().items() if table not in UNUSED}
    assert in_use == {store.table.name: {NEW_ID} for store in STORES if store.table.name not in UNUSED}


def test_what_was_stored_before_there_was_a_key_is_read_and_resealed(book: Book) -> None:
    """New values are sealed at once, old ones when asked for; the second time there is nothing to do."""
    live(book.worker("w1"), book)
    ledger = book.worker("w2", NEW)
    read_all(ledger)
    assert seal_again(ledger) > 0
    assert readable(book) == set()
    read_all(ledger)
    assert seal_again(ledger) == 0


def test_nothing_in_plain_is_left_in_the_file(tmp_path: Path) -> None:
    """SQLite: neither free pages nor its log hold what was resealed."""
    with book_at(f"sqlite:///{tmp_path / 'ledger.db'}") as lent:
        live(lent.worker("w1"), lent)
        assert CANARY.encode() in held_in(tmp_path)
        seal_again(lent.worker("w2", NEW))
        assert CANARY.encode() not in held_in(tmp_path)


def held_in(folder: Path) -> bytes:
    """Return all bytes of all files."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_a_key_is_replaced_and_then_needed_no_more(book: Book) -> None:
    """The new key stands in front, everything is resealed, and a worker starts without the former one."""
    former = book.worker("w1", OLD)
    former.check_keys()
    live(former, book)
    both = book.worker("w2", NEW, OLD)
    both.check_keys()
    with pytest.raises(LedgerSealed):
        book.worker("w3", NEW).check_keys()
    assert seal_again(both) > 0
    assert {key for keys in both.keys_in_use().values() for key in keys} == {NEW_ID}
    newest = book.worker("w4", NEW)
    newest.check_keys()
    read_all(newest)


def test_a_lost_key_is_named_and_nothing_is_touched(book: Book) -> None:
    """Neither a start nor an event nor resealing destroys what cannot be read; with the key all is there again."""
    owner = book.worker("w1", OLD)
    owner.check_keys()
    live(owner, book)
    before = values(book)
    for keys in ((), (NEW,)):
        stranger = book.worker("w2", *keys)
        with pytest.raises(LedgerSealed, match=rf"not configured \({OLD_ID}\); put that key behind the first one"):
            stranger.check_keys()
        with pytest.raises(LedgerSealed, match=OLD_ID):
            store(stranger, said("e9", person("p1", last="other"), minute=1))
    assert values(book) == before
    assert sum(batch.unread for batch in stranger.reseal()) > 0
    assert set(stranger.settle_keys()) == {OLD_ID}
    assert values(book) == before
    read_all(owner)


def test_a_value_opens_in_its_own_place_only(book: Book) -> None:
    """Whoever may write to the database cannot give one person what was said of another."""
    ledger = book.worker("w1", NEW)
    live(ledger, book)
    live(ledger, book, "2")
    with book.database().transaction("test") as tx:
        taken = "(SELECT facets FROM records WHERE key = 'p2')"
        tx.connection.execute(sa.text(f"UPDATE records SET facets = {taken} WHERE key = 'p1'"))
    with pytest.raises(LedgerSealed, match=r"'records uni\.example candidate p1 facets' what was not sealed there"):
        ledger.explain("p1")


def test_what_is_used_of_a_notice_is_no_longer_there_to_be_sealed(book: Book) -> None:
    """An empty body is nobody's, and is counted under no key."""
    plain = book.worker("w1")
    plain.keep_notices([Arrival(TENANT, b"", "application/json")])
    assert plain.keys_in_use()["notices"] == {}
    assert seal_again(book.worker("w2", NEW)) == 0


def test_resealing_goes_on_beside_workers_and_where_it_was_ended(book: Book) -> None:
    """Workers that write all the while lose nothing, and a run that was broken off is not begun anew."""
    live(book.worker("w1", OLD), book)
    people = [f"q{n}" for n in range(40)]
    store(book.worker("w1", OLD), *(said(f"f{who}", person(who, last=CANARY)) for who in people))
    workers = [book.worker(f"w{n}", NEW, OLD) for n in (2, 3)]
    start = threading.Barrier(3)

    def write(number: int) -> None:
        start.wait()
        for who in people[number::2]:
            store(workers[number], said(f"g{who}", person(who, last=f"{CANARY} again"), minute=5))

    def run() -> None:
        start.wait()
        broken_off = workers[0].reseal()
        next(broken_off)
        seal_again(book.worker("w4", NEW, OLD))

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(write, 0), pool.submit(write, 1), pool.submit(run)]:
            done.result()
    seal_again(workers[0])
    newest = book.worker("w5", NEW)
    read_all(newest)
    for who in people:
        (history,) = newest.explain(who)
        assert history.record.facets["person"].data["last"] == f"{CANARY} again"


def test_resealing_goes_through_tables_of_any_length(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch by batch, each row once."""
    monkeypatch.setattr("adapter.ledger.resealing.AT_ONCE", 3)
    plain = book.worker("w1")
    store(plain, *(said(f"e{n}", person(f"q{n}", last=CANARY)) for n in range(10)))
    assert [(batch.table, batch.resealed) for batch in book.worker("w2", NEW).reseal() if batch.resealed] == [
        ("records", 3),
        ("records", 3),
        ("records", 3),
        ("records", 1),
        ("journal", 3),
        ("journal", 3),
        ("journal", 3),
        ("journal", 1),
    ]


def test_no_text_of_others_looks_sealed() -> None:
    """Cirrus may answer what it likes: without a key, a text that begins like a sealed one stays readable."""
    odd = f"{MARK}00000000:abc"
    assert Seal().open_text(Seal().close_text(odd, "here"), "here").strip() == odd
    assert Seal((NEW,)).open_text(Seal((NEW,)).close_text(odd, "here"), "here") == odd


@pytest.mark.parametrize("changed", ["cut", "flipped", "not base64"])
def test_a_damaged_value_is_told_with_its_place(changed: str) -> None:
    """It is told what to restore, and no part of it is returned."""
    seal = Seal((NEW,))
    text = seal.close_text("value", "records\x1fhere")
    damaged = {"cut": text[:20], "flipped": text[:-4] + "AAA=", "not base64": text[:-3] + "\u20ac\u20ac\u20ac"}[changed]
    with pytest.raises(LedgerSealed, match=r"'records here' what was not sealed there; restore that value"):
        seal.open_text(damaged, "records\x1fhere")


def test_the_same_text_is_never_sealed_alike() -> None:
    """Nobody sees from outside that two students have the same name."""
    seal = Seal((NEW,))
    assert len({seal.close(b"value", "here") for _ in range(100)}) == 100
    assert PLAIN not in seal.key_ids
