"""A whole day in a ledger with a key: whoever reads its tables learns nothing of anybody."""

import pytest

from adapter.ledger.sealing import new_key
from tests.scenarios.conftest import Begin
from tests.scenarios.exams import announce, publish, sat
from tests.scenarios.sis import HOUR, candidate
from tests.scenarios.world import World

CANARIES = ("Surname p", "Given", "example.org", "61.75", "62.25", "grade-of-p1", "https://")


def live(world: World) -> None:
    """Let a day pass: a profile, bookings, links, extra time, a task, results and a correction, and an odd notice."""
    world.connect_webhook(payload="full")
    world.say(world.sis.enrolled("p1"), world.sis.enrolled("p3"), world.sis.accommodation("p3", 25))
    sat(world, "exam", "p1", "p2")
    world.say(world.sis.scheduled("later", 2 * HOUR), world.sis.booked("b-p3", "later", "p3"))
    world.heard("launch-link.issued", "b-p3")
    world.say(world.sis.cancelled("b-p3", "later", "p3"))
    world.heard("task.raised", "b-p3")
    world.cirrus.ui("mark", tenant="uni", schedule="exam", candidate=candidate("p1"), score=61.75, grade="grade-of-p1")
    publish(world, "exam")
    world.heard("result.published", "b-p1")
    world.cirrus.ui("rescore", tenant="uni", schedule="exam", candidate=candidate("p1"), score=62.25)
    world.heard("result.corrected", "b-p1")
    announce(world.webhook_url(), b'{"Student": "Surname p1", "Mail": "p1@example.org"}')
    world.until(lambda: world.ledger.notices("unreadable"), "an unreadable notice")
    world.settle()


@pytest.mark.parametrize("key", [None, new_key()], ids=["plain", "sealed"])
def test_a_dump_of_the_ledger_holds_no_name_mail_score_or_link(begin: Begin, key: str | None) -> None:
    """Without a key all of them stand there, so the search is one that finds."""
    world = begin(seal_key=key, recheck_min=60)
    live(world)
    dump = "\n".join(world.tables().values())
    found = {canary for canary in CANARIES if canary in dump}
    assert found == (set() if key else set(CANARIES))
