"""A past for the command line to look back on: exams lived through by the real passes, on a ledger with a moved clock.

Cirrus is the pure one. The command line reads the same ledger by this machine's time, which is where the past ends.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from adapter.cirrus.results import ResultFields
from adapter.domain.answers import AttemptSeen, Phrase, Refused, ResultSeen
from adapter.domain.notices import Arrival
from adapter.domain.pace import Limits
from adapter.domain.records import KINDS
from adapter.domain.steps import ReadResults, Step
from adapter.flow.gate import Gate
from adapter.flow.leases import LEASE
from adapter.flow.one_pass import Passes, Tenancy
from adapter.flow.pacing import Pacer
from adapter.flow.retries import Budget, Retries
from adapter.ledger.database import Database
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from adapter.ledger.schema import work
from adapter.ledger.sealing import Seal
from adapter.observe.metrics import Metrics
from adapter.settings import load
from handlers import ALL
from handlers.results.hear import hear
from tests.contract.ledger_kit import MovedClock
from tests.integration import cli_kit as kit
from tests.services import postgres as pg
from tests.unit.builders import MAPPING, Event, booked, booking_cancelled, changes, scheduled
from tests.unit.pure_cirrus import PureCirrus, refused
from tests.values import replace

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_TURNS = 500


@dataclass
class Past:
    """One tenant's adapter, at a time of its own."""

    file: Path
    clock: MovedClock
    cirrus: PureCirrus = field(default_factory=PureCirrus)

    def __post_init__(self) -> None:
        """Open the ledger, which has to be migrated."""
        settings = load(self.file, {})
        (tenant,) = settings.tenants.values()
        self.policy = tenant.to_policy()
        self.fields: ResultFields = tenant.results.to_fields()
        self.database = Database(
            settings.ledger.read_url(), self.clock, monotonic, observe=lambda *_: None, virtual=True
        )
        seal = Seal(settings.ledger.read_seal_keys())
        self.ledger = Ledger(self.database, source="urn:test", seal=seal, worker="past")
        metrics = Metrics(CollectorRegistry())
        told = [outcome for handler in ALL for outcome in handler.outcomes]
        metrics.expect(tenants=(kit.TENANT,), event_types=(), kinds=KINDS, outcome_types=told)
        self._passes = Passes(
            tenancy=Tenancy(
                kit.TENANT,
                self.policy,
                self.cirrus,
                Gate(monotonic, lambda _: None),
                Pacer(kit.TENANT, Limits(), self.ledger, monotonic),
                Budget(Retries(), monotonic),
            ),
            ledger=self.ledger,
            handlers={handler.kind: handler for handler in ALL},
            metrics=metrics,
            monotonic=lambda: 0.0,
            jitter=lambda: 0.0,
            told=lambda: None,
            stop=threading.Event(),
        )

    def say(self, *events: Event) -> None:
        """Store events of the SIS."""
        mapping = replace(MAPPING, external_attempts=self.policy.external_attempts)
        incoming = [Incoming(event.envelope, changes(event, mapping), event.envelope.id) for event in events]
        self.ledger.store_batch(incoming, {kit.TENANT: self.policy})

    def publish(self, schedule_id: str, candidate_id: str, *results: ResultSeen) -> None:
        """Let Cirrus publish results and announce them."""
        self.cirrus.results[schedule_id, candidate_id] = results
        self.announce(orjson.dumps({"CandidateExtId": candidate_id, "ScheduleExtId": schedule_id}))

    def announce(self, *bodies: bytes) -> None:
        """Let notices arrive, and make of them what the adapter does."""
        self.ledger.keep_notices([Arrival(kit.TENANT, body, "application/json") for body in bodies])
        self.ledger.digest_notices(100, lambda _, body: self.fields.named(body), hear, {kit.TENANT: self.policy})

    def work(self, until: datetime) -> None:
        """Work on what is due, moving the clock on to what falls due until then."""
        for _ in range(MOST_TURNS):
            for claim in self.ledger.claim(kit.TENANT, 100, LEASE):
                self._passes.run(claim)
                self.ledger.let_go(claim)
            due_at = self._next()
            if due_at is None or due_at > until:
                self.clock.now = max(self.clock.now, until)
                return
            self.clock.now = max(self.clock.now, due_at)
        raise AssertionError("the past never comes to rest")

    def _next(self) -> datetime | None:
        with self.database.transaction("test") as tx:
            due_at: datetime | None = tx.connection.execute(sa.select(sa.func.min(work.c.due_at))).scalar_one()
        return due_at

    def read(self) -> Sequence[str]:
        """Return whose results Cirrus was asked for, with the attempt if one was named, and forget it."""
        steps = [step for step in self.cirrus.steps if isinstance(step, ReadResults)]
        self.cirrus.steps.clear()
        return [f"{each.schedule_id}/{each.candidate_id} {each.attempt_id or ''}".strip() for each in steps]


NOBODY = "amqp://guest:guest@127.0.0.1:1/%2F"
NOWHERE = "http://127.0.0.1:1"
PASSED = ResultSeen("passed", score=71.5, grade="B", attempt=1)
UNREADABLE = b'{"Weird": "\x1b[31m\xff", "Who": "s1"}'
WITH_DELETION = "[tenants.uni.results]\ndeleted_after_days = 120\n"


def refuse_dora(_cirrus: PureCirrus, step: Step) -> Refused | None:
    """Let Cirrus refuse to show one candidate's result."""
    return refused(Phrase.NO_RESULT) if isinstance(step, ReadResults) and step.candidate_id == "sd" else None


def sat(past: Past, sitting: str, end: datetime, *people: str) -> None:
    """Let people hand in an attempt."""
    for who in people:
        past.cirrus.attempts[f"o{sitting}", f"s{who}"] = (AttemptSeen(end - 2 * HOUR, end, "HANDED_IN"),)


def exam(sitting: str, end: datetime) -> Event:
    """Return an exam of three hours."""
    return scheduled(sitting, start=end - 3 * HOUR)


def live(past: Past, now: datetime) -> None:
    """Let exam 2 be over for 30 days, with a result that never came; exam 1 for two, with all sorts; and 3 to come.

    Of exam 1: a's result was told and corrected, b's has not come, c stayed away, d's is refused, e was cancelled,
    x was added by hand in Cirrus.
    """
    long_ago, lately = now - 30 * DAY, now - 2 * DAY
    past.say(exam("2", long_ago), booked("f", "f", "2"), exam("1", lately), *(booked(who, who) for who in "abcde"))
    past.say(exam("3", now + DAY), booked("g", "g", "3"), booking_cancelled("e", "e", minute=5))
    past.cirrus.script += [refuse_dora] * 9
    sat(past, "2", long_ago, "f")
    sat(past, "1", lately, "a", "b", "d")
    past.work(long_ago + DAY)
    past.announce(b'{"CandidateExtId": "sf", "ScheduleExtId": "o2"}')
    past.work(lately + HOUR)
    past.publish("o1", "sa", PASSED)
    past.publish("o1", "sx", replace(PASSED, score=12.0))
    past.announce(b'{"CandidateExtId": "sd", "ScheduleExtId": "o1"}')
    past.work(lately + 10 * HOUR)
    past.publish("o1", "sa", replace(PASSED, score=40.0, standing="failed", grade=None))
    past.announce(UNREADABLE)
    past.work(now)


@contextmanager
def past_on(folder: Path, ledger: str, now: datetime, *edits: tuple[str, str]) -> Iterator[Past]:
    """Lend a past of forty days in a ledger, and write the settings for the command line, with these edits."""
    file = kit.write_settings(folder, broker=NOBODY, ledger=ledger, api=NOWHERE)
    file.write_text(file.read_text() + WITH_DELETION)
    for before, after in edits:
        file.write_text(file.read_text().replace(before, after))
    assert kit.invoke("ledger", "migrate", file=file).exit_code == 0
    past = Past(file, MovedClock(now - 40 * DAY))
    try:
        yield past
    finally:
        past.ledger.close()


def lend_settings(
    request: pytest.FixtureRequest, folder: Path, postgres: pg.PostgresServer, now: datetime
) -> Iterator[Path]:
    """Lend the settings of a whole past to tests that only look, on the database that the parameter names."""
    on_postgres = request.param == "postgresql"
    ledger = pg.create_database(postgres.url) if on_postgres else f"sqlite:///{folder}/ledger.db"
    with past_on(folder, ledger, now) as past:
        live(past, now)
        yield past.file
    if on_postgres:
        pg.drop_database(postgres.url, ledger)


def results(file: Path, *arguments: str, code: int = 0) -> tuple[Any, str]:
    """Run one command with --json; return its data and what it noted."""
    done = kit.invoke("results", *arguments, "--json", file=file)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if done.stdout else None, done.stderr.strip()


def page(file: Path, *arguments: str) -> list[list[str]]:
    """Run one command for people; return the columns of its lines, which two spaces part."""
    done = kit.invoke("results", *arguments, file=file)
    assert done.exit_code == 0, done.output
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in done.stdout.splitlines()]
