"""A ledger for one test, on a clock that the test moves, and the few lines that every test of it needs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import sqlalchemy as sa

from adapter.domain.envelope import Envelope
from adapter.domain.findings import Finding, Settled, State, Task
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, SITTING, Change, Record, Ref
from adapter.domain.version import Rank, Statement, fingerprint
from adapter.ledger.database import Database
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from adapter.ledger.migrate import migrate
from adapter.ledger.sealing import Seal
from adapter.ledger.work import Claim, Release
from tests.values import replace

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TENANT = "uni.example"
OTHER_TENANT = "college.example"
POLICY = Policy()
POLICIES = {TENANT: POLICY, OTHER_TENANT: POLICY}
LEASE = timedelta(seconds=15)


class MovedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        """Start at `now`."""
        self.now = now

    def __call__(self) -> datetime:
        """Return the moment it shows."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Book:
    """One migrated database; every worker that opens it shares the clock."""

    url: str
    clock: MovedClock = field(default_factory=MovedClock)
    timeout: float = 5.0
    _opened: list[Database] = field(default_factory=list)

    def database(self, *, virtual: bool = True, timeout: float | None = None) -> Database:
        """Open the database once more; it is closed at the end of the test."""
        database = Database(
            self.url,
            self.clock,
            monotonic,
            observe=lambda *_: None,
            timeout=self.timeout if timeout is None else timeout,
            virtual=virtual,
        )
        self._opened.append(database)
        return database

    def worker(self, name: str = "w1", *keys: str, timeout: float | None = None) -> Ledger:
        """Open the ledger as one worker, with these sealing keys."""
        return Ledger(self.database(timeout=timeout), source="urn:test", seal=Seal(keys), worker=name)

    def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        """Read what no method of the ledger shows."""
        with self._opened[0].transaction("test") as tx:
            return [tuple(row) for row in tx.connection.execute(sa.text(query), values)]

    def status(self, ref: Ref, tenant: str = TENANT) -> str:
        """Return the status of a record."""
        [(status,)] = self.rows(
            "SELECT status FROM records WHERE tenant = :tenant AND kind = :kind AND key = :key",
            tenant=tenant,
            kind=ref.kind,
            key=ref.key,
        )
        return str(status)

    def close(self) -> None:
        """Close every connection that the test opened."""
        for database in self._opened:
            database.close()


@contextmanager
def book_at(url: str) -> Iterator[Book]:
    """Lend a migrated database."""
    book = Book(url)
    migrate(book.database())
    try:
        yield book
    finally:
        book.close()


def sitting(key: str) -> Ref:
    """Name a sitting."""
    return Ref(SITTING, key)


def booking(key: str) -> Ref:
    """Name a booking."""
    return Ref(BOOKING, key)


def candidate(key: str) -> Ref:
    """Name a candidate."""
    return Ref(CANDIDATE, key)


def said(
    event: str,
    *changes: Change,
    minute: int = 0,
    tenant: str = TENANT,
    content: object = None,
    rank: Rank = Rank.UPDATE,
) -> Incoming:
    """Return an event of the SIS with what it changes; its time is so many minutes after `NOW`."""
    moment = NOW + timedelta(minutes=minute)
    envelope = Envelope(
        id=event, source="urn:sis", type="sis.test.v1", subject=changes[0].ref.key, time=moment, tenant=tenant
    )
    dated = tuple(
        replace(change, statement=Statement.first(envelope.version(rank), change.statement.data)) for change in changes
    )
    return Incoming(envelope, dated, fingerprint([event, content]))


def change(ref: Ref, facet: str, **data: object) -> Change:
    """Return a change; `said` dates it."""
    return Change(ref, facet, Statement.first(Envelope("", "", "", "", NOW, "").version(Rank.UPDATE), data))


def scheduled(key: str, *, start: datetime | None = NOW + timedelta(days=7), **data: object) -> Change:
    """Return the timetable of a sitting."""
    return replace(change(sitting(key), "timetable", **data), external_id=f"S{key}", deadline=start)


def booked(key: str, at: str, who: str = "anna", **data: object) -> Change:
    """Return a booking of a sitting by a candidate."""
    return replace(
        change(booking(key), "booking", live=True, sitting=at, **data), home=sitting(at), about=candidate(who)
    )


def cancelled(event: str, key: str, at: str, *, minute: int = 1, who: str = "anna", **data: object) -> Incoming:
    """Return the event by which a booking ends."""
    ended = change(booking(key), "booking", live=False, sitting=at, **data)
    return said(event, replace(ended, home=sitting(at), about=candidate(who)), minute=minute, rank=Rank.CANCEL)


def person(key: str, external_id: str | None = None, *, mention: bool = False, **data: object) -> Change:
    """Return a candidate's name, by its own event or in passing."""
    facet = "mention" if mention else "person"
    return replace(
        change(candidate(key), facet, **data), external_id=external_id or f"C{key}", mention=mention, ripples=True
    )


def finding(ref: Ref, state: State | None = None, **rest: Any) -> Finding:  # noqa: ANN401 - handed on to Finding
    """Return a finding, `Settled` unless told otherwise."""
    return Finding(ref, Settled() if state is None else state, **rest)


def outcome(subject: str, answers: str = "v1", *, kind: str = "cirrus.test.v1") -> Outcome:
    """Return an outcome event."""
    return Outcome(kind, subject, answers, {"link": "https://cirrus/secret"})


def task(ref: Ref, name: str = "look", answers: str = "v1") -> Task:
    """Return a manual task."""
    return Task(ref, name, answers, "Look at it.", ("Open it.",), NOW + timedelta(days=1))


def store(ledger: Ledger, *incoming: Incoming) -> list[str]:
    """Store one batch."""
    return ledger.store_batch(incoming, POLICIES)


def claim_one(ledger: Ledger, tenant: str = TENANT) -> Claim:
    """Claim the most urgent of what is due."""
    [claim] = ledger.claim(tenant, 1, LEASE)
    return claim


def record(ledger: Ledger, claim: Claim, *findings: Finding) -> None:
    """Load the claimed aggregate and record findings about it."""
    aggregate, _ = ledger.load(claim)
    ledger.record(claim, aggregate, findings, POLICY, LEASE)


def claim_of(ledger: Ledger, ref: Ref) -> Claim:
    """Claim everything that is due and return the claim of one aggregate; the rest is given back, still due."""
    found = None
    for claim in ledger.claim(TENANT, 1000, LEASE):
        if claim.ref == ref:
            found = claim
        else:
            release(ledger, claim, due_in=0.0)
    assert found is not None, f"{ref} is not due"
    return found


def release(ledger: Ledger, claim: Claim, **how: Any) -> None:  # noqa: ANN401 - handed on to Release
    """Give a claim back with nothing more to do, unless told otherwise, and hold it no longer."""
    ledger.release(claim, Release(**{"linger": POLICY.linger, **how}))
    ledger.let_go(claim)


def one_due(book: Book) -> Ledger:
    """Return a ledger in which one sitting is due, with a booking by a candidate who was only mentioned."""
    ledger = book.worker()
    store(ledger, said("e1", person("anna", mention=True, last="A"), booked("b1", "a"), scheduled("a")))
    book.clock.advance(60)
    return ledger


def settle_all(book: Book, ledger: Ledger, tenant: str = TENANT) -> None:
    """Settle everything that is due or will be after the linger."""
    book.clock.advance(POLICY.linger.total_seconds())
    for claim in ledger.claim(tenant, 1000, LEASE):
        aggregate, _ = ledger.load(claim)
        known: Sequence[Record | None] = (aggregate.root, *aggregate.members)
        findings = [finding(one.ref) for one in known if one is not None and one.open]
        ledger.record(claim, aggregate, findings, POLICY, LEASE)
        release(ledger, claim)


def due(ledger: Ledger, tenant: str = TENANT) -> list[str]:
    """Claim and give back everything that is due now; return its names in the order of the claims."""
    claims = ledger.claim(tenant, 1000, LEASE)
    for claim in claims:
        release(ledger, claim, due_in=0.0, attempt=claim.attempt)
    return [str(claim.ref) for claim in claims]
