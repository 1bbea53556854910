"""Tests of the database rights on config/PRIVILEGES.md: they suffice, and each is needed and missed by name."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import psycopg
import pytest
import sqlalchemy as sa

from adapter.domain.allowance import Allowance, Need
from adapter.domain.findings import Document, Erases, Handed
from adapter.domain.notices import Arrival, Named
from adapter.domain.outcomes import PERSON_ERASED, Outcome
from adapter.domain.pace import Limits
from adapter.domain.policy import GuardPolicy
from adapter.errors import LedgerUnavailable
from adapter.ledger import migrate
from adapter.ledger.database import Database
from adapter.ledger.holds import Selection
from adapter.ledger.ledger import Ledger
from adapter.ledger.retention import Retention
from adapter.ledger.sealing import Seal, new_key
from handlers.results.hear import hear
from tests.contract.ledger_kit import (
    LEASE,
    POLICIES,
    TENANT,
    booked,
    cancelled,
    candidate,
    finding,
    outcome,
    person,
    record,
    release,
    said,
    scheduled,
    store,
    task,
)
from tests.ops.privileges import Grant, grants, statements
from tests.values import replace

ROLES = ("adapter_migrate", "adapter_run", "adapter_webhook")
FAR = datetime(2999, 1, 1, tzinfo=UTC)
NOTHING_KEPT = Retention(*(timedelta(seconds=-1) for _ in range(5)))
RUN = grants("adapter_run")
WEBHOOK = grants("adapter_webhook")
MIGRATE = grants("adapter_migrate")


def now() -> datetime:
    """Return a time that PostgreSQL's own stands in for."""
    return datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """One empty database, and the roles of the page without any right in it."""

    url: str

    def execute(self, *commands: str, role: str = "postgres") -> None:
        """Run statements as one role."""
        url = sa.make_url(self.url).set(drivername="postgresql", username=role).render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            for command in commands:
                connection.execute(command.encode())

    def database(self, role: str) -> Database:
        """Open the database as one role."""
        url = sa.make_url(self.url).set(username=role).render_as_string(hide_password=False)
        return Database(url, now, monotonic, observe=lambda *_: None)

    def ledger(self, role: str, *keys: str) -> Ledger:
        """Open the ledger as one role, sealed with the first of these keys."""
        return Ledger(self.database(role), source="urn:test", seal=Seal(keys), worker=role)


@pytest.fixture
def place(postgres_url: str) -> Iterator[Place]:
    """Lend an empty database with the three roles."""
    place = Place(postgres_url)
    name = sa.make_url(postgres_url).database
    place.execute(*(f"CREATE ROLE {role} LOGIN" for role in ROLES), f'GRANT CONNECT ON DATABASE "{name}" TO PUBLIC')
    yield place
    place.execute(*(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}" for role in ROLES))


@pytest.fixture
def migrated(place: Place) -> Place:
    """Lend a database that was set up as the page says."""
    place.execute(*statements("adapter_migrate"))
    with closing(place.database("adapter_migrate")) as database:
        migrate.migrate(database)
    for role in ("adapter_run", "adapter_webhook"):
        place.execute(*statements(role), role="adapter_migrate")
    return place


def use_everything(ledger: Ledger, number: int) -> None:
    """Do once whatever a worker and an operator do with the ledger, with objects of its own each time."""
    ledger.check()
    ledger.check_keys()
    key, who = f"e{number}", f"who{number}"
    store(ledger, said(f"s{number}", scheduled(key), booked(f"b{number}", key, who), person(who)))
    store(ledger, said(f"r{number}", person(who, first="x"), minute=1))
    notice(ledger, key, who)
    for claim in ledger.claim(TENANT, 100, LEASE):
        ledger.renew_leases(LEASE)
        document = Document("part", 1, None, {"grade": "B"})
        heard = outcome(claim.ref.key, f"v{number}")
        raised = task(claim.ref, answers=str(number))
        record(ledger, claim, finding(claim.ref, Handed(), outcomes=(heard,), tasks=(raised,), documents=(document,)))
        record(ledger, claim, finding(claim.ref, closes=(raised.name,)))
        release(ledger, claim)
    publish(ledger)
    allowance = Allowance()
    ledger.spend(TENANT, allowance, Need.FIRST)
    ledger.give_back(TENANT, allowance, Need.FIRST)
    ledger.spendings([TENANT])
    ledger.take_slots(f"tenant {number}", Limits(1.0), 1, urgent=False)
    take_away(ledger, number)
    erase(ledger, number, who)
    for each in ledger.explain(f"b{number}"):
        ledger.documents(TENANT, each.record.ref)
    ledger.tasks()
    ledger.count((TENANT,))
    ledger.tidy(NOTHING_KEPT)


def notice(ledger: Ledger, key: str, who: str) -> None:
    """Receive two notices, one of which nobody can read, and look at that one again."""
    ledger.keep_notices([Arrival(TENANT, b"one", "text/plain"), Arrival(TENANT, b"none", "text/plain")])
    ledger.digest_notices(10, lambda _, body: (Named("C" + who, "S" + key),) if body == b"one" else "?", hear, POLICIES)
    ledger.read_notices_again()
    ledger.digest_notices(10, lambda *_: "?", hear, POLICIES)


def publish(ledger: Ledger) -> None:
    """Mark all that is to be told as published."""
    while pending := ledger.claim_outbox(100, LEASE):
        ledger.mark_published([one.seq for one in pending], [])


def take_away(ledger: Ledger, number: int) -> None:
    """Have the cancellation of a booking of an exam to come held, and say no to it."""
    to_come = scheduled(f"f{number}", start=FAR)
    store(ledger, said(f"f{number}", to_come), said(f"t{number}", booked(f"t{number}", f"f{number}")))
    store(ledger, cancelled(f"c{number}", f"t{number}", f"f{number}"))
    ledger.watch_removals(TENANT, replace(POLICIES[TENANT], guard=GuardPolicy(share=1, least=1)))
    ledger.decide(Selection(), "discarded", by="registrar", why="a mistake")
    ledger.release_removals(TENANT, POLICIES[TENANT], 10)


def erase(ledger: Ledger, number: int, who: str) -> None:
    """Have a person erased; on the way everything is brought under the newest key."""
    asked = replace(person(who, asked="now"), facet="erasure", ripples=False)
    hasty = {TENANT: replace(POLICIES[TENANT], linger=timedelta(0))}
    ledger.store_batch([said(f"a{number}", asked, minute=5)], hasty)
    for claim in ledger.claim(TENANT, 100, LEASE):
        if claim.ref == candidate(who):
            told = {"personId": who, "cirrus": {"state": "deleted", "nameOverwritten": True, "purgeFrom": None}}
            purge = task(claim.ref, "purge-user", answers=str(number))
            erases = Erases(Outcome(PERSON_ERASED, who, "v1", told), (who,), purge)
            record(ledger, claim, finding(claim.ref, erases))
        release(ledger, claim)
    for _batch in ledger.reseal():
        pass
    ledger.settle_keys()
    ledger.note_letters({(TENANT, who): frozenset({"letter"})})
    ledger.note_searched(ledger.erasures_to_search(LEASE), done=True)
    publish(ledger)
    ledger.erase_persons(10, POLICIES)


def problem(place: Place, number: int, keys: list[str]) -> str:
    """Use everything under a new key, and return what the ledger says is wrong; nothing when all is well."""
    keys.insert(0, new_key())
    with closing(place.ledger("adapter_run", *keys)) as ledger:
        try:
            use_everything(ledger, number)
        except LedgerUnavailable as error:
            return str(error)
    return ""


def named(grant: Grant) -> str:
    """Return what a message has to say when this right is missing."""
    return f"permission denied for {grant.kind.lower()} {grant.name}; grant what config/PRIVILEGES.md asks for"


def receive(ledger: Ledger) -> None:
    """Do what the receiver of notices does."""
    ledger.check()
    ledger.check_keys()
    ledger.keep_notices([Arrival(TENANT, b"one", "text/plain")])


def test_the_rights_of_the_page_suffice(migrated: Place) -> None:
    """Set up as the page says, the migration runs, a worker and an operator can do everything, the webhook its part."""
    keys = [new_key()]
    with closing(migrated.ledger("adapter_run", *keys)) as ledger:
        use_everything(ledger, 0)
    with closing(migrated.ledger("adapter_webhook", *keys)) as ledger:
        receive(ledger)


@pytest.mark.timeout(900)
def test_each_right_of_the_worker_is_needed_and_missed_by_name(migrated: Place) -> None:
    """Without any single one of them something fails, as an outage of the ledger that says what is not allowed."""
    missed: dict[Grant, str] = {}
    keys: list[str] = []
    for number, grant in enumerate(RUN):
        if grant.right == "INSERT":
            migrated.execute("DELETE FROM peppers", role="adapter_migrate")  # one is made, for good
        migrated.execute(grant.undone, role="adapter_migrate")
        missed[grant] = problem(migrated, 2 * number, keys)
        migrated.execute(grant.sql, role="adapter_migrate")
        assert problem(migrated, 2 * number + 1, keys) == ""
    assert {grant: said for grant, said in missed.items() if named(grant) not in said} == {}


@pytest.mark.parametrize("grant", WEBHOOK, ids=lambda grant: f"{grant.right} {grant.name}")
def test_each_right_of_the_webhook_is_needed_and_missed_by_name(grant: Grant, migrated: Place) -> None:
    """The receiver can leave notices, and says which right it lacks; it can read nothing that is personal."""
    migrated.execute(grant.undone, role="adapter_migrate")
    with closing(migrated.ledger("adapter_webhook", new_key())) as ledger:
        with pytest.raises(LedgerUnavailable, match=named(grant)):
            receive(ledger)
        with pytest.raises(LedgerUnavailable, match="permission denied for table records"):
            ledger.explain("anybody")


@pytest.mark.parametrize("grant", MIGRATE, ids=lambda grant: grant.right)
def test_each_right_of_the_migration_is_needed(grant: Grant, place: Place) -> None:
    """Without CREATE or USAGE of the schema nothing is migrated."""
    place.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC", *statements("adapter_migrate"), grant.undone)
    with closing(place.database("adapter_migrate")) as database, pytest.raises(LedgerUnavailable, match="PRIVILEGES"):
        migrate.migrate(database)


def test_the_worker_cannot_change_the_schema(migrated: Place) -> None:
    """Neither the worker nor the webhook may make or drop a table."""
    for role, statement in itertools.product(ROLES[1:], ("CREATE TABLE public.x ()", "DROP TABLE records")):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            migrated.execute(statement, role=role)
