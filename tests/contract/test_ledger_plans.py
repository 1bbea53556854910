"""How SQLite goes about the ledger's queries: no step of the flow reads a whole table, however much is in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from adapter.domain.allowance import Need
from adapter.domain.findings import Document, Handed, Waits
from adapter.domain.notices import Arrival, Named
from adapter.domain.records import RESULT, Record, Ref
from adapter.ledger.ledger import Ledger
from adapter.ledger.sealing import Seal
from handlers.results.hear import hear
from tests.contract.ledger_kit import (
    LEASE,
    POLICIES,
    TENANT,
    Book,
    book_at,
    booked,
    booking,
    candidate,
    finding,
    outcome,
    person,
    record,
    release,
    said,
    scheduled,
    sitting,
    store,
    task,
)

IN_ORDER = "outbox USING INDEX outbox_pending|notices USING INDEX notices_new"
FINE = re.compile(rf"(SCAN|SEARCH) (json_each|{IN_ORDER}|constant|sqlite_schema)")
"""What may be read from one end: parameters, and what waits to be published or understood, in its order."""

WHOLE_KIND = re.compile(r"sqlite_autoindex_(records|work)_1 \(tenant=\? AND kind=\?\)")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """Lend a ledger without any statistics, as one that runs in production."""
    with book_at(f"sqlite:///{tmp_path / 'ledger.db'}") as lent:
        yield lent


def test_no_step_reads_a_whole_table(book: Book) -> None:
    """Intake, claims, passes, publishing and tidying find what they need by an index."""
    database = book.database()
    seen: dict[str, Any] = {}

    def keep(_c: object, _cursor: object, statement: str, parameters: object, _context: object, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            seen[statement] = parameters[0] if many else parameters  # type: ignore[index]

    event.listen(database.engine, "before_cursor_execute", keep)
    play(book, Ledger(database, source="urn:test", seal=Seal(), worker="w1"))
    event.remove(database.engine, "before_cursor_execute", keep)
    assert len(seen) > 20
    slow: list[str] = []
    with database.transaction("test") as tx:
        for statement, parameters in seen.items():
            plan = [
                str(row[-1]) for row in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]
            slow += [f"{step}: {statement}" for step in plan if is_slow(step)]
    assert slow == []


def is_slow(step: str) -> bool:
    """Tell whether a step of a plan reads all of a table, or all records of a kind."""
    return bool(WHOLE_KIND.search(step)) or (step.startswith("SCAN") and not FINE.match(step))


def play(book: Book, ledger: Ledger) -> None:
    """Let the ledger do everything that the loops ask of it."""
    store(ledger, said("e1", person("anna", mention=True), booked("b1", "a"), scheduled("a")))
    store(ledger, said("e2", person("ben", "Canna", last="B"), booked("b2", "a", "ben"), minute=1))
    store(ledger, said("e3", person("anna", "C2", last="A"), minute=2))
    book.clock.advance(60)
    for claim in ledger.claim(TENANT, 10, LEASE):
        if claim.ref == sitting("a"):
            wants = finding(booking("b1"), Waits(candidate("anna"), "x", demand=True), outcomes=(outcome("b1"),))
            record(ledger, claim, wants, finding(booking("b2"), Handed(), tasks=(task(booking("b2")),)))
            record(ledger, claim, finding(booking("b2"), closes=("look",)), finding(sitting("a")))
            ledger.load(claim)
        ledger.renew_leases(LEASE)
        release(ledger, claim)
    play_results(book, ledger)
    pending = ledger.claim_outbox(10, LEASE)
    ledger.mark_published([], [(item.seq, "returned") for item in pending])
    ledger.mark_published([item.seq for item in pending], [])


def play_results(book: Book, ledger: Ledger) -> None:
    """Let results be announced, by candidate and by attempt, and be read within the allowance."""
    named = {b"1": Named("Canna", "Sa"), b"2": Named(attempt_id="x1")}
    ledger.keep_notices([Arrival(TENANT, body, "text/plain") for body in (*named, b"3")])
    ledger.digest_notices(10, lambda _, body: (named[body],) if body in named else "no", hear, POLICIES)
    book.clock.advance(60)
    for claim in ledger.claim(TENANT, 10, LEASE):
        ledger.load(claim)
        ledger.spend(TENANT, POLICIES[TENANT].results.allowance, Need.FIRST)
        ref = Ref(RESULT, f"{claim.ref.key}/Canna")
        first = Record(ref, home=claim.ref)
        record(ledger, claim, finding(ref, first=first, documents=(Document("booking/b1", 1, None, {}),)))
        release(ledger, claim)
    ledger.documents(TENANT, Ref(RESULT, "Sa/Canna"))
