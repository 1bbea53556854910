"""Lends RabbitMQ, with a topology of its own, to each test of a trap."""

from collections.abc import Iterator

import pytest

from tests.contract.broker_kit import Broker, broker_at
from tests.scenarios.conftest import begin, world
from tests.services.rabbit import RabbitServer, create_vhost, delete_vhost

__all__ = ["begin", "broker", "private_url", "world"]


@pytest.fixture
def broker(amqp_url: str) -> Iterator[Broker]:
    """Lend RabbitMQ."""
    with broker_at(amqp_url) as lent:
        yield lent


@pytest.fixture
def private_url(rabbit: RabbitServer) -> Iterator[str]:
    """Lend an empty virtual host of the server that a test may set up as it likes."""
    rabbit.ensure_running()
    url = create_vhost(rabbit.admin_url, rabbit.url)
    yield url
    rabbit.ensure_running()
    delete_vhost(rabbit.admin_url, url)
