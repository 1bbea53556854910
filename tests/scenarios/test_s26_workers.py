"""S26: workers that are killed, that share a ledger, or that are still at work when their lease has run out."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from adapter.cirrus.sandbox import SandboxServer
from adapter.domain.records import SITTING
from adapter.flow import converge, leases, one_pass
from adapter.ledger.schema import work
from tests.integration import cli_kit as kit
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, MINUTE, candidate
from tests.scenarios.workers import worker_beside
from tests.scenarios.world import World, ids
from tests.services.processes import wait_until

pytestmark = pytest.mark.timeout(300)

EXAMS = 25
PEOPLE = ("p0", "p1", "p2")
LATE: dict[str, Any] = {"kind": "latency", "latency_ms": 8000}
"""A call that takes effect at its end."""
EARLY: dict[str, Any] = {"kind": "hang", "when": "after", "hang_seconds": 8}
"""A call that takes effect at once, and whose answer does not come."""


def test_two_workers_on_one_ledger_do_everything_once(world: World) -> None:
    """S26: they share the queue and the work: each exam is made by one call, and each outcome has one id."""
    sis = world.sis
    exams = [f"off-{number}" for number in range(EXAMS)]
    with worker_beside(world):
        for exam in exams:
            booked = [sis.booked(f"{exam}-{who}", exam, who) for who in PEOPLE]
            world.say(sis.scheduled(exam, 3 * DAY), *booked)
        world.settle(patience=60)
        for exam in exams:
            assert world.seats(exam) == {candidate(who) for who in PEOPLE}
        calls = [call for call in world.calls() if call["operation"] == "POST /schedule"]
        assert Counter(call["sent"]["Schedule"]["ScheduleExtId"] for call in calls) == dict.fromkeys(exams, 1)
        assert world.types()["booking.confirmed"] == EXAMS * len(PEOPLE)
        heard = ids(world.outcomes())
        assert len(heard) == len(set(heard))


def claimed(world: World) -> tuple[int, str | None]:
    """Return the fence of the exam's work, and who holds it."""
    [row] = world.rows(sa.select(work.c.fence, work.c.lease_by).where(work.c.kind == SITTING, work.c.key == "off-1"))
    return row.fence, row.lease_by


@contextmanager
def overtaken(begin: Begin, trouble: dict[str, Any], read_ms: int) -> Iterator[tuple[World, int]]:
    """Let one worker take so long over a call that its lease runs out, and a second one take the work over.

    Yields once the former holder has met its fence, which is the number.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(leases, "EVERY", 3600.0)  # a worker that is frozen but for its call
        for module in (converge, one_pass):
            patched.setattr(module, "LEASE", MINUTE / 60)
        world = begin(tenant={"read_timeout_s": 60, "concurrency": 1})  # so that it does not overtake itself
        sis = world.sis
        world.cirrus.fault(**trouble, method="POST", path="^/schedule$")
        world.cirrus.fault("latency", method="GET", path="^/external/schedule/", latency_ms=read_ms)
        world.say(sis.scheduled("off-1", 10 * MINUTE), *(sis.booked(f"b-{who}", "off-1", who) for who in PEOPLE))
        world.until(lambda: world.cirrus.faults()[0]["matched"], "a call that takes its time")
        fence, _ = claimed(world)
        patched.setattr(leases, "EVERY", 0.2)
        with capture_logs() as logs, worker_beside(world):
            world.until(lambda: [line for line in logs if line["event"] == "lease_lost"], "the fence", patience=60)
            yield world, fence


@pytest.mark.parametrize("trouble", [LATE, EARLY])
def test_a_lease_that_expires_while_its_holder_still_works(begin: Begin, trouble: dict[str, Any]) -> None:
    """S26: the next worker reads Cirrus first; everybody is seated once, and told once, whoever came first."""
    with overtaken(begin, trouble, read_ms=0) as (world, _):
        for who in PEOPLE:
            world.heard("booking.confirmed", f"b-{who}")
        world.settle()
        assert world.seats("off-1") == {candidate(who) for who in PEOPLE}
        assert list(world.schedules()) == ["off-1"]
        assert "GET /external/schedule/{id}" in [call["operation"] for call in world.calls()]
        confirmed = world.outcomes("booking.confirmed")
        assert sorted(outcome.subject for outcome in confirmed) == sorted(f"b-{who}" for who in PEOPLE)


def test_the_former_holder_writes_nothing_while_the_next_one_works(begin: Begin) -> None:
    """S26: what the former holder learns too late is not stored, and the work is not given back in the other's name."""
    with overtaken(begin, EARLY, read_ms=10_000) as (world, former):
        fence, holder = claimed(world)
        assert holder is not None
        assert fence == former + 1
        assert world.outcomes() == []
        for who in PEOPLE:
            world.heard("booking.confirmed", f"b-{who}")
        world.settle()
        assert world.seats("off-1") == {candidate(who) for who in PEOPLE}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Run a sandbox."""
    with kit.cirrus() as server:
        yield server


@pytest.mark.parametrize("trouble", [LATE, EARLY])
def test_a_worker_killed_in_a_call_is_taken_over_from(
    tmp_path: Path, amqp_url: str, postgres_url: str, sandbox: SandboxServer, trouble: dict[str, Any]
) -> None:
    """S26: kill -9 before or after the call has taken effect: another process finds out, and nothing is done twice."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first, second = (
        kit.write_settings(folder, broker=amqp_url, ledger=postgres_url, api=sandbox.url) for folder in folders
    )
    assert kit.command("ledger", "migrate", file=first).returncode == 0
    kit.listen(amqp_url)
    sandbox.control.fault(**trouble, method="POST", path="^/schedule$")
    told: list[tuple[str, str]] = []

    def confirmed() -> bool:
        told.extend((event["type"], event["id"]) for event in kit.heard(amqp_url))
        return "cirrus.booking.confirmed.v1" in dict(told)

    with kit.running(first) as victim:
        victim.wait_ready()
        kit.publish(amqp_url, [kit.exam(), kit.booking()])
        wait_until(lambda: sandbox.control.faults()[0]["matched"] > 0, patience=60, what="a call")
        victim.process.kill()
    with kit.running(second) as survivor:
        wait_until(confirmed, patience=60, what="confirmed by the other")
        assert survivor.terminate()[0] == 0, survivor.text()
    confirmed()
    held = sandbox.control.state()["tenants"][kit.TENANT]["schedules"]
    assert {name: list(schedule["seats"]) for name, schedule in held.items()} == {"co-1": ["s1"]}
    assert len(set(told)) == len({kind for kind, _ in told})
