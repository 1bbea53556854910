"""S19: a result is corrected, then voided."""

from tests.scenarios.exams import publish, sat
from tests.scenarios.sis import candidate
from tests.scenarios.world import World


def test_a_result_is_published_corrected_and_voided(world: World) -> None:
    """S19: each version supersedes the one before, and says what was said before."""
    world.connect_webhook()
    sat(world, "exam", "p1", "p2")
    publish(world, "exam")
    first = world.heard("result.published", "b-p1")
    world.heard("result.published", "b-p2")
    assert first.data["resultVersion"] == 1
    assert first.data["result"]["score"] is not None

    p1 = {"tenant": "uni", "schedule": "exam", "candidate": candidate("p1")}
    world.cirrus.ui("rescore", **p1, score=99, outcome="SATISFACTORY")
    corrected = world.heard("result.corrected", "b-p1")
    assert (corrected.data["resultVersion"], corrected.data["supersedes"]) == (2, first.id)
    assert corrected.data["result"]["score"] == 99
    assert corrected.data["previous"]["score"] == first.data["result"]["score"]

    world.cirrus.ui("void_result", **p1)
    voided = world.heard("result.voided", "b-p1")
    assert (voided.data["resultVersion"], voided.data["supersedes"]) == (3, corrected.id)
    world.settle()
    assert world.types()["result.published"] == 2
    assert len(world.readings()) == 4


def test_a_result_that_is_withdrawn_is_voided(world: World) -> None:
    """S19: gone from Cirrus, and gone again when it was looked for once more."""
    world.connect_webhook()
    sat(world, "exam", "p1")
    publish(world, "exam")
    first = world.heard("result.published", "b-p1")
    world.cirrus.ui("withdraw_result", tenant="uni", schedule="exam", candidate=candidate("p1"), announce=True)
    voided = world.heard("result.voided", "b-p1")
    assert voided.data["supersedes"] == first.id
    assert voided.data["reason"] == "the result is no longer published in Cirrus"
