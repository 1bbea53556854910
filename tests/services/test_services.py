"""The private servers start, come back after every kind of trouble, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import kombu
import psutil
import psycopg
import pytest
import requests
from sqlalchemy import create_engine, make_url, text

from tests.services.clock import HostClock, ensure_installed
from tests.services.disk import opened as small_disk
from tests.services.fixtures import give_up, or_skip
from tests.services.packages import UnavailableError
from tests.services.postgres import PostgresServer
from tests.services.processes import Leash, runs, wait_until
from tests.services.proxy import opened
from tests.services.rabbit import RabbitServer

STANDARD_PORTS = {4369, 5432, 5672, 15672, 25672}
CLOCK_PROBE = """
import sys
import time

for _ in sys.stdin:
    print(time.time(), time.monotonic())
"""
PROBE = """
import sys
import time
from tests.services.fixtures import or_skip
from tests.services.packages import UnavailableError
from tests.services.postgres import PostgresServer
from tests.services.processes import Leash

server = PostgresServer(Leash())
server.start()
print(server.port, server._leash.folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def leash() -> Iterator[Leash]:
    """Lend a leash of the test's own, closed afterwards."""
    leash = Leash()
    yield leash
    leash.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _publish(url: str, queue: str) -> None:
    with kombu.Connection(url, connect_timeout=5, transport_options={"confirm_publish": True}) as connection:
        durable = connection.SimpleQueue(queue)
        durable.put({"n": 1})
        durable.close()


def _received(url: str, queue: str) -> object:
    with kombu.Connection(url, connect_timeout=5) as connection:
        durable = connection.SimpleQueue(queue)
        message = durable.get(timeout=10)
        message.ack()
        durable.close()
        return message.payload


def _write(url: str) -> None:
    with psycopg.connect(_conninfo(url)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
        connection.execute("INSERT INTO kept VALUES (1)")


def _rows(url: str) -> int:
    with psycopg.connect(_conninfo(url)) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
        assert row is not None
        return int(row[0])


def _conninfo(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def test_no_server_uses_a_standard_port(rabbit: RabbitServer, postgres: PostgresServer) -> None:
    """A private server never meets the machine's own instance."""
    assert STANDARD_PORTS.isdisjoint({rabbit.port, rabbit.admin_port, postgres.port})
    assert _listens(rabbit.port)
    assert _listens(postgres.port)


def test_each_test_has_a_vhost_of_its_own(amqp_url: str, rabbit: RabbitServer) -> None:
    """The lent URL works and names a virtual host that exists only for this test."""
    _publish(amqp_url, "kept")

    name = make_url(amqp_url).database
    assert name in rabbit.ctl("list_vhosts").split()
    assert _received(amqp_url, "kept") == {"n": 1}


def test_each_test_has_a_database_of_its_own(postgres_url: str) -> None:
    """The lent URL is SQLAlchemy's and names an empty database."""
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        tables = connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar()
    engine.dispose()

    assert tables == 0


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_postgres_keeps_what_was_committed(postgres: PostgresServer, postgres_url: str, end: str) -> None:
    """A restart and a kill both lose nothing that was committed."""
    _write(postgres_url)

    if end == "restart":
        postgres.restart()
    else:
        postgres.kill()
        assert not _listens(postgres.port)
        postgres.start()

    assert _rows(postgres_url) == 1


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_rabbit_keeps_what_was_confirmed(rabbit: RabbitServer, amqp_url: str, end: str) -> None:
    """A restart and a kill both lose no persistent message that was confirmed."""
    _publish(amqp_url, "kept")

    if end == "restart":
        rabbit.restart()
    else:
        rabbit.kill()
        assert not _listens(rabbit.port)
        rabbit.start()

    assert _received(amqp_url, "kept") == {"n": 1}


def test_a_frozen_postgres_answers_only_after_the_thaw(postgres: PostgresServer, postgres_url: str) -> None:
    """Frozen, a server holds its connections and stays silent; thawed, it answers what was asked."""
    answered = threading.Event()

    def ask() -> None:
        _write(postgres_url)
        answered.set()

    postgres.freeze()
    asking = threading.Thread(target=ask)
    asking.start()
    assert not answered.wait(0.3)
    postgres.thaw()
    asking.join(20)

    assert answered.is_set()
    assert _rows(postgres_url) == 1


def test_a_frozen_rabbit_answers_only_after_the_thaw(rabbit: RabbitServer, amqp_url: str) -> None:
    """Frozen, a broker takes connections and says nothing; thawed, it goes on."""
    rabbit.freeze()
    with socket.create_connection(("127.0.0.1", rabbit.port), timeout=0.3) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        rabbit.thaw()
        connection.settimeout(20)
        assert connection.recv(1) == b"\x01"
    _publish(amqp_url, "kept")


def test_a_memory_alarm_blocks_publishers_until_it_ends(rabbit: RabbitServer, amqp_url: str) -> None:
    """Under alarm no publisher is confirmed; afterwards publishing works again."""
    with rabbit.memory_alarm():
        assert "memory" in rabbit.ctl("eval", "rabbit_alarm:get_alarms().")

    assert "memory" not in rabbit.ctl("eval", "rabbit_alarm:get_alarms().")
    _publish(amqp_url, "kept")


def test_a_demoted_postgres_takes_no_writes(postgres: PostgresServer, postgres_url: str) -> None:
    """After the fail-over connections are gone and new ones can only read; promoted, it takes writes again."""
    _write(postgres_url)
    with psycopg.connect(_conninfo(postgres_url)) as before:
        postgres.demote()
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        _write(postgres_url)
    assert _rows(postgres_url) == 1

    postgres.promote()
    _write(postgres_url)
    assert _rows(postgres_url) == 2


def test_what_is_sent_over_a_half_open_connection_vanishes() -> None:
    """Connections are taken and kept, nothing arrives; given up, they are reset, and new ones work."""
    with socket.create_server(("127.0.0.1", 0)) as server, opened("127.0.0.1", server.getsockname()[1]) as proxy:
        proxy.swallow()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as half_open:
            far, _ = server.accept()
            far.settimeout(0.3)
            half_open.sendall(b"lost")
            with pytest.raises(TimeoutError):
                far.recv(1)
            assert proxy.give_up() == 1
            with pytest.raises(ConnectionResetError):
                half_open.recv(1)
        far.close()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as whole:
            far, _ = server.accept()
            whole.sendall(b"kept")
            assert far.recv(4) == b"kept"
            far.close()


def test_the_clock_of_one_process_is_wrong_while_it_runs(tmp_path: Path) -> None:
    """A step reaches a process that runs already, and leaves its monotonic clock alone."""
    ensure_installed()
    clock = HostClock(tmp_path / "clock")
    asked = [sys.executable, "-u", "-c", CLOCK_PROBE]
    with subprocess.Popen(
        asked, env={**os.environ, **clock.environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask() -> tuple[float, float]:
            process.stdin.write("\n")
            process.stdin.flush()
            wall, monotonic = process.stdout.readline().split()
            return float(wall), float(monotonic)

        wall, monotonic = ask()
        clock.step(-86_400)
        wait_until(lambda: ask()[0] < wall - 80_000, patience=20, what="a clock that is a day slow")
        assert 0 <= ask()[1] - monotonic < 60
        process.stdin.close()


def test_a_full_disk_takes_nothing_until_it_is_freed(tmp_path: Path) -> None:
    """Not a byte fits while it is full; freed, it takes files again."""
    try:
        with small_disk(tmp_path / "disk", megabytes=1) as disk:
            disk.fill()
            with pytest.raises(OSError, match="No space left"):
                (disk.folder / "file").write_bytes(b"1")
            disk.free()
            (disk.folder / "file").write_bytes(b"1")
    except UnavailableError as error:
        give_up(error)


def test_nothing_is_left_after_stop(leash: Leash) -> None:
    """A stopped node leaves neither a listener nor an epmd."""
    server = RabbitServer(leash)
    server.start()
    tree = [process for process in psutil.Process().children(recursive=True) if _belongs(process, leash)]
    assert tree

    server.stop()

    assert not _listens(server.port)
    assert not _listens(server.admin_port)
    assert not [process for process in tree if runs(process)]


def _belongs(process: psutil.Process, leash: Leash) -> bool:
    return str(leash.folder) in process.environ().get("HOME", "")


def test_nothing_is_left_when_pytest_is_killed() -> None:
    """Even SIGKILL, which no process can handle, leaves no server and no folder behind."""
    session = subprocess.Popen([sys.executable, "-c", PROBE], stdout=subprocess.PIPE, text=True)
    assert session.stdout is not None
    port, folder = session.stdout.readline().split()
    assert _listens(int(port))

    session.send_signal(signal.SIGKILL)
    session.communicate()

    wait_until(lambda: not Path(folder).exists(), patience=20, what="removal of the folder")
    wait_until(lambda: not _listens(int(port)), patience=20, what="end of the server")


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_server_that_cannot_be_had_fails_ci_only(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    """On a laptop the tests that need it are skipped; in CI nothing is skipped silently."""
    starting: Future[RabbitServer] = Future()
    starting.set_exception(UnavailableError("not installed: rabbitmq-server"))
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome, match="not installed"):
        or_skip(starting)


def test_the_network_is_closed_but_for_loopback() -> None:
    """A test cannot reach a real system by mistake."""
    with pytest.raises(RuntimeError, match="allowed"), pytest.warns(UserWarning, match="allowed"):
        requests.get("http://192.0.2.1/", timeout=1)


def test_root_does_not_lend_its_rights_to_postgres(postgres: PostgresServer) -> None:
    """The server runs as its own user, as it demands."""
    with psycopg.connect(_conninfo(postgres.url)) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        owner = psutil.Process(int(row[0])).uids().real

    assert owner != 0 or os.geteuid() != 0
