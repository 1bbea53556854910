"""S30: the ledger or the receiver is away while results are announced: Cirrus repeats what was not taken."""

import pytest

from tests.scenarios.conftest import Begin
from tests.scenarios.exams import publish, sat
from tests.services.postgres import PostgresServer

PEOPLE = tuple(f"p{number}" for number in range(8))


def test_notices_that_cannot_be_stored_are_repeated(begin: Begin, postgres: PostgresServer, postgres_url: str) -> None:
    """S30: while the ledger is away the receiver answers 503, and nothing is lost."""
    if str(postgres.port) not in postgres_url:
        pytest.skip("the database of this run is not ours to stop")
    world = begin()
    world.connect_webhook(time_scale=0.05)
    sat(world, "exam", *PEOPLE)
    postgres.kill()
    publish(world, "exam")
    world.until(lambda: world.cirrus.webhook_counts()["retried"] >= len(PEOPLE), "notices are sent again")
    assert world.cirrus.webhook_counts()["delivered"] == 0
    postgres.start()
    for who in PEOPLE:
        world.heard("result.published", f"b-{who}", patience=60)
    assert world.cirrus.webhook_counts()["given_up"] == 0


def test_notices_for_a_receiver_that_is_down_are_repeated(begin: Begin) -> None:
    """S30: a restart of the adapter costs no notice."""
    world = begin()
    world.connect_webhook(time_scale=0.05)
    sat(world, "exam", *PEOPLE)
    world.stop()
    publish(world, "exam")
    world.until(lambda: world.cirrus.webhook_counts()["retried"] >= len(PEOPLE), "notices are sent again")
    world.start()
    for who in PEOPLE:
        world.heard("result.published", f"b-{who}", patience=60)
    world.settle()
    assert world.types()["result.published"] == len(PEOPLE)
