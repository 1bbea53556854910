"""S18: whatever arrives and whatever becomes of it, no log line says anything about a student."""

import io
from collections.abc import Iterator

import pytest

from tests.scenarios.exams import announce, publish, sat, thin
from tests.scenarios.sis import candidate
from tests.scenarios.world import PATH_SECRET, World
from tests.unit.webhook_kit import logged


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Lend everything that is logged, down to the least important line."""
    with logged() as written:
        yield written


def test_no_log_line_says_anything_about_a_student(log: io.StringIO, world: World) -> None:
    """Neither ids nor names, mail addresses, scores or secrets, whether a notice is good, bad, or cannot be read."""
    world.connect_webhook(payload="full")
    sat(world, "exam", "p1", "p2")
    world.cirrus.ui("mark", tenant="uni", schedule="exam", candidate=candidate("p1"), score=61.75, grade="grade-of-p1")
    publish(world, "exam")
    world.heard("result.published", "b-p1")
    announce(world.webhook_url(), b'{"Student": "Surname p1", "Mail": "p1@example.org"}')
    announce(world.webhook_url() + "x", thin("p1"))
    announce(world.webhook_url(), b"p1@example.org" * 100_000)
    world.cirrus.fault("status", path="^/results$", status=500)
    world.cirrus.ui("rescore", tenant="uni", schedule="exam", candidate=candidate("p1"), score=62.25)
    world.heard("result.corrected", "b-p1")
    world.until(lambda: world.ledger.notices("unreadable"), "an unreadable notice")
    world.settle()
    lines = log.getvalue()
    for event in ("webhook_answered", "notices_understood", "notices_unreadable", "cirrus call"):
        assert event in lines
    for told in (candidate("p1"), "b-p1", "Surname", "Given", "example.org", "61.75", "62.25", "grade-of", PATH_SECRET):
        assert [line for line in lines.splitlines() if told in line] == []
