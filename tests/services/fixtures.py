"""Pytest plug-in: `rabbit`, `postgres` (private servers), `amqp_url`, `postgres_url` (a fresh place per test).

The servers start in the background as soon as the collected tests turn out to need them. Where a server cannot be
had, tests are skipped on a laptop and fail in CI (`CI=true`).
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn, TypeVar

import pytest

from tests.services import postgres as pg
from tests.services import rabbit as rmq
from tests.services.packages import UnavailableError
from tests.services.processes import Leash

AMQP_URL = "CIRRUS_ADAPTER_TEST_AMQP_URL"
AMQP_ADMIN_URL = "CIRRUS_ADAPTER_TEST_AMQP_ADMIN_URL"
POSTGRES_URL = "CIRRUS_ADAPTER_TEST_POSTGRES_URL"

Server = TypeVar("Server")


class PrivateServers:
    """The private servers of one session: each is started once, when first asked for."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._leash: Leash | None = None
        self._rabbit: Future[rmq.RabbitServer] | None = None
        self._postgres: Future[pg.PostgresServer] | None = None

    def rabbit(self) -> Future[rmq.RabbitServer]:
        """Return the RabbitMQ server, starting or started."""
        if self._rabbit is None:
            self._rabbit = self._pool.submit(_start_rabbit, self._held())
        return self._rabbit

    def postgres(self) -> Future[pg.PostgresServer]:
        """Return the PostgreSQL server, starting or started."""
        if self._postgres is None:
            self._postgres = self._pool.submit(_start_postgres, self._held())
        return self._postgres

    def close(self) -> None:
        """End both servers and remove their data."""
        self._pool.shutdown(cancel_futures=True)
        for future in (self._rabbit, self._postgres):
            if future is not None and not future.cancelled() and future.exception() is None:
                future.result().kill()
        if self._leash is not None:
            self._leash.close()

    def _held(self) -> Leash:
        if self._leash is None:
            self._leash = Leash()
        return self._leash


SERVERS = pytest.StashKey[PrivateServers]()


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the session's servers and see to their end, also after Ctrl-C."""
    servers = config.stash[SERVERS] = PrivateServers()
    config.add_cleanup(servers.close)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Install what is missing and start both servers while the first tests run."""
    if session.config.getoption("collectonly"):
        return
    names = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    servers = session.config.stash[SERVERS]
    try:
        # Installed here, where no test's time limit counts.
        if "rabbit" in names or ("amqp_url" in names and AMQP_URL not in os.environ):
            _install(session.config, "RabbitMQ", rmq.installed, rmq.ensure_installed)
            servers.rabbit()
        if "postgres" in names or ("postgres_url" in names and POSTGRES_URL not in os.environ):
            _install(session.config, "PostgreSQL", pg.installed, pg.ensure_installed)
            servers.postgres()
    except UnavailableError:
        return  # each test that asks for the server reports it


@pytest.fixture(scope="session")
def rabbit(pytestconfig: pytest.Config) -> rmq.RabbitServer:
    """Lend a private RabbitMQ that a test may stop, kill, freeze and put under alarm."""
    return or_skip(pytestconfig.stash[SERVERS].rabbit())


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> pg.PostgresServer:
    """Lend a private PostgreSQL that a test may stop, kill and freeze."""
    return or_skip(pytestconfig.stash[SERVERS].postgres())


@pytest.fixture
def amqp_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Lend the URL of an empty virtual host that is this test's own.

    An outside broker gives one only with its management API (CIRRUS_ADAPTER_TEST_AMQP_ADMIN_URL); without it tests
    share the virtual host of the URL.
    """
    outside = os.environ.get(AMQP_URL)
    if outside is not None:
        admin_url = os.environ.get(AMQP_ADMIN_URL)
        if admin_url is None:
            yield outside
            return
        url = rmq.create_vhost(admin_url, outside)
        yield url
        rmq.delete_vhost(admin_url, url)
        return
    server: rmq.RabbitServer = request.getfixturevalue("rabbit")
    server.ensure_running()
    url = rmq.create_vhost(server.admin_url, server.url)
    yield url
    server.ensure_running()
    rmq.delete_vhost(server.admin_url, url)


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Lend the SQLAlchemy URL of an empty database that is this test's own."""
    outside = os.environ.get(POSTGRES_URL)
    if outside is not None:
        url = pg.create_database(outside)
        yield url
        pg.drop_database(outside, url)
        return
    server: pg.PostgresServer = request.getfixturevalue("postgres")
    server.ensure_running()
    url = pg.create_database(server.url)
    yield url
    server.ensure_running()
    pg.drop_database(server.url, url)


def _install(config: pytest.Config, name: str, installed: Callable[[], bool], install: Callable[[], None]) -> None:
    terminal: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not installed():
        terminal.write_line(f"{name} is missing; trying to install it")
    install()


def _start_rabbit(leash: Leash) -> rmq.RabbitServer:
    rmq.ensure_installed()
    server = rmq.RabbitServer(leash)
    server.start()
    return server


def _start_postgres(leash: Leash) -> pg.PostgresServer:
    pg.ensure_installed()
    server = pg.PostgresServer(leash)
    server.start()
    return server


def or_skip(starting: Future[Server]) -> Server:
    """Return the started server; where it cannot be had, skip the test on a laptop and fail it in CI."""
    try:
        return starting.result()
    except UnavailableError as error:
        give_up(error)


def give_up(error: UnavailableError) -> NoReturn:
    """End a test that needs what cannot be had here: skipped on a laptop, failed in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(str(error), pytrace=False)
    pytest.skip(str(error))
