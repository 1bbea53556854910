"""Lends the world of the scenarios, with passwords that are canaries."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest
import sqlalchemy as sa

from tests.leaks.canaries import BROKER_PASSWORD, LEDGER_PASSWORD
from tests.scenarios.conftest import begin
from tests.services import postgres as pg
from tests.services import rabbit as rmq

__all__ = ["begin"]

USER = "canary-keeper"


@pytest.fixture
def amqp_url(rabbit: rmq.RabbitServer) -> Iterator[str]:
    """Lend the URL of an empty virtual host, for a user whose password is a canary."""
    rabbit.ensure_running()
    url = rmq.create_vhost(rabbit.admin_url, rabbit.url)
    parts = urlsplit(url)
    rabbit.ctl("add_user", USER, BROKER_PASSWORD)
    rabbit.ctl("set_permissions", "--vhost", parts.path[1:], USER, ".*", ".*", ".*")
    yield urlunsplit(parts._replace(netloc=f"{USER}:{BROKER_PASSWORD}@{parts.hostname}:{parts.port}"))
    rabbit.ctl("delete_user", USER)
    rmq.delete_vhost(rabbit.admin_url, url)


@pytest.fixture
def postgres_url(postgres: pg.PostgresServer) -> Iterator[str]:
    """Lend the URL of an empty database, with a canary for a password; the server asks for none."""
    postgres.ensure_running()
    url = pg.create_database(postgres.url)
    yield sa.make_url(url).set(password=LEDGER_PASSWORD).render_as_string(hide_password=False)
    pg.drop_database(postgres.url, url)
