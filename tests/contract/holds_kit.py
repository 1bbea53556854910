"""An exam with bookings that are cancelled, for the tests of what is kept back and held."""

from collections.abc import Iterable
from datetime import timedelta

import orjson

from adapter.domain.policy import GuardPolicy
from adapter.ledger.ledger import Ledger
from tests.contract.ledger_kit import (
    POLICY,
    TENANT,
    Book,
    booked,
    booking,
    cancelled,
    said,
    scheduled,
    settle_all,
    store,
)
from tests.values import replace

DELAY = 30.0
BOOKED = 40
LOGIN = "registrar"


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
