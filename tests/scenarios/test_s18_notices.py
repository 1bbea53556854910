"""S18: notices of results that are repeated, out of order, forged, or lost."""

import hashlib
import hmac
from datetime import timedelta

import orjson
import pytest

from tests.scenarios.conftest import Begin
from tests.scenarios.exams import announce, publish, sat, thin
from tests.scenarios.sis import candidate
from tests.scenarios.world import World

PEOPLE = tuple(f"p{number}" for number in range(12))
SOON = 2 / 3600
"""Hours until results that are missing are looked for."""


def test_repeated_and_shuffled_notices_are_one_result_each(begin: Begin) -> None:
    """S18: each notice comes up to ten times, in any order; each result is read once and told once."""
    world = begin(results={"quiet_s": 2, "quiet_longest_s": 30})
    world.connect_webhook(repeats=[1, 10], spread_seconds=1)
    sat(world, "exam", *PEOPLE)
    publish(world, "exam")
    for who in PEOPLE:
        world.heard("result.published", f"b-{who}")
    world.settle(quiet=3)
    assert world.cirrus.webhook_counts()["delivered"] > len(PEOPLE)
    assert world.types()["result.published"] == len(PEOPLE)
    assert len(world.readings()) == len(PEOPLE)


def test_a_notice_that_was_overtaken_changes_nothing(world: World) -> None:
    """S18: an old notice tells no old result: what counts is what Cirrus shows when it is read."""
    world.connect_webhook()
    sat(world, "exam", "p1")
    publish(world, "exam")
    world.heard("result.published", "b-p1")
    world.cirrus.ui("rescore", tenant="uni", schedule="exam", candidate=candidate("p1"), score=99)
    world.heard("result.corrected", "b-p1")
    assert announce(world.webhook_url(), thin("p1")) == 200
    world.until(lambda: len(world.readings()) == 3, "the third reading")
    world.settle()
    assert world.types()["result.corrected"] == 1


def test_lost_notices_are_found_inside_the_allowance(begin: Begin) -> None:
    """S18: two of twelve are never sent; once the others have come, exactly those are looked for."""
    world = begin(results={"missing_after_h": SOON})
    world.connect_webhook(lost=1 / 6)
    sat(world, "exam", *PEOPLE, ends_in=timedelta(seconds=8))
    publish(world, "exam")
    for who in PEOPLE:
        world.heard("result.published", f"b-{who}", patience=40)
    world.settle()
    assert world.cirrus.webhook_counts()["lost"] == 2
    assert len(world.readings()) == len(PEOPLE)


def test_who_sat_is_told_after_the_end(world: World) -> None:
    """S18: attendance comes from Cirrus once the exam is over; who stayed away is not looked for."""
    sat(world, "exam", "p1", "p2", ends_in=timedelta(seconds=4), absent=("p2",))
    assert world.heard("attendance.recorded", "b-p1").data["attendance"] == "present"
    assert world.heard("attendance.recorded", "b-p2").data["attendance"] == "notStarted"
    world.settle()
    assert len(world.calls("GET /external/schedule/{id}/attempt-info")) == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/webhook/uni/0123456789-path-secreT", 404),
        ("/webhook/uni", 404),
        ("/webhook/nobody/0123456789-path-secret", 404),
        ("/webhook/uni/0123456789-path-secret/more", 404),
        ("/webhook/uni/%30123456789-path-secret?a=b", 200),
    ],
)
def test_a_forged_notice_is_refused(world: World, path: str, status: int) -> None:
    """S18: without the secret of the path there is nothing there; nothing is stored."""
    url = f"http://127.0.0.1:{world.settings.webhook.port}{path}"
    assert status == announce(url, thin("p1"))
    counts = world.ledger.count(("uni.example",)).notices
    assert (counts["new"] + counts["unreadable"] > 0 or len(world.ledger.notices("understood")) > 0) is (status == 200)


def test_a_signature_that_is_asked_for_has_to_fit(begin: Begin) -> None:
    """S18: with a secret known to both sides, the body is proved as well."""
    secret = "shared-secret-of-both"
    world = begin(tenant={"webhook": {"path_secret": "0123456789-path-secret", "hmac_secret": secret}})
    body = orjson.dumps(thin("p1"))
    header = {"X_Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    assert announce(world.webhook_url(), body) == 401
    assert announce(world.webhook_url(), body + b" ", **header) == 401
    assert announce(world.webhook_url(), body, **header) == 200


def test_an_oversized_notice_is_refused(world: World) -> None:
    """S18: nothing of it is read further than the limit."""
    assert announce(world.webhook_url(), b"[" + b" " * 2_000_000 + b"]") == 413


def test_a_malformed_notice_is_kept_and_shown(world: World) -> None:
    """S18: it was authenticated, so it may be a result in a form that nobody has seen yet: nothing is dropped."""
    assert announce(world.webhook_url(), b"<Result/>") == 200
    world.until(lambda: world.ledger.notices("unreadable"), "an unreadable notice")
    (kept,) = world.ledger.notices("unreadable")
    assert (kept.body, kept.reason) == (b"<Result/>", "it is neither JSON nor a form")
    assert world.metric("notices_total", outcome="unreadable") == 1


def test_a_replayed_notice_costs_less_and_less(begin: Begin) -> None:
    """S18: whoever knows the secret can repeat a notice for ever; each vain reading is waited for longer."""
    world = begin(results={"quiet_s": 0.2, "quiet_longest_s": 0.4})
    world.connect_webhook()
    sat(world, "exam", "p1")
    publish(world, "exam")
    world.heard("result.published", "b-p1")
    for number in range(2, 5):
        announce(world.webhook_url(), thin("p1"))
        world.until(lambda number=number: len(world.readings()) == number, f"{number} readings")
    for _ in range(40):
        announce(world.webhook_url(), thin("p1"))
    world.settle()
    assert len(world.readings()) < 10
    assert world.types()["result.published"] == 1
    assert world.types()["result.corrected"] == 0


def test_only_satisfactory_results_are_announced_and_the_rest_is_found(begin: Begin) -> None:
    """S18: with Cirrus' filter on, failed results are never announced: the sweep finds them."""
    world = begin(results={"missing_after_h": SOON})
    world.connect_webhook(only_satisfactory=True)
    sat(world, "exam", "p1", "p2", ends_in=timedelta(seconds=5))
    for who, outcome in (("p1", "SATISFACTORY"), ("p2", "NOT_SATISFACTORY")):
        world.cirrus.ui("mark", tenant="uni", schedule="exam", candidate=candidate(who), score=60, outcome=outcome)
    publish(world, "exam")
    assert world.heard("result.published", "b-p1").data["result"]["pass"] == "passed"
    assert world.heard("result.published", "b-p2", patience=30).data["result"]["pass"] == "failed"
