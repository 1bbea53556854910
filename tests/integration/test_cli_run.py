"""`run` as a process of its own, against a real broker, a real database and the sandbox."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kombu import Connection, Queue

from adapter.broker import Topology
from adapter.cirrus.sandbox import SandboxServer
from adapter.ledger.migrate import needed
from tests.integration import cli_kit as kit
from tests.services import proxy
from tests.services.processes import wait_until

NOBODY = "amqp://guest:guest@127.0.0.1:1/%2F"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Run a sandbox."""
    with kit.cirrus() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, amqp_url: str, postgres_url: str, sandbox: SandboxServer) -> Path:
    """Write settings for a migrated ledger on PostgreSQL and a real broker."""
    file = kit.write_settings(tmp_path, broker=amqp_url, ledger=postgres_url, api=sandbox.url)
    assert kit.command("ledger", "migrate", file=file).returncode == 0
    return file


def test_an_exam_and_a_booking_go_all_the_way(settings: Path, amqp_url: str, sandbox: SandboxServer) -> None:
    """What the SIS publishes is booked in Cirrus and confirmed to the SIS; SIGTERM then ends with 0."""
    kit.listen(amqp_url)
    with kit.running(settings) as adapter:
        adapter.wait_ready()
        assert adapter.get("/livez")[0] == 200
        kit.publish(amqp_url, [kit.exam(), kit.booking()])
        told: list[str] = []

        def confirmed() -> bool:
            told.extend(event["type"] for event in kit.heard(amqp_url))
            return "cirrus.booking.confirmed.v1" in told and "cirrus.exam.confirmed.v1" in told

        try:
            wait_until(confirmed, patience=30, what="confirmed")
        except TimeoutError:
            pytest.fail(f"not confirmed: {told}\n{adapter.text()}")
        code, _ = adapter.terminate()
        assert code == 0, adapter.text()
        assert adapter.logged("stopped")[0]["finished"] is True
        assert kit.MAIL not in adapter.text()
    assert "co-1" in sandbox.control.state()["tenants"][kit.TENANT]["schedules"]


def test_a_stop_finishes_the_call_that_is_under_way(settings: Path, amqp_url: str, sandbox: SandboxServer) -> None:
    """SIGTERM during a call to Cirrus waits for its answer, and what it confirmed is still told."""
    kit.listen(amqp_url)
    sandbox.control.fault("latency", method="POST", path="^/schedule$", latency_ms=2000)
    with kit.running(settings) as adapter:
        adapter.wait_ready()
        kit.publish(amqp_url, [kit.exam(), kit.booking()])
        wait_until(lambda: sandbox.control.faults()[0]["matched"] > 0, patience=30, what="a call")
        code, _ = adapter.terminate()
        assert code == 0, adapter.text()
    assert "cirrus.launch-link.issued.v1" in [event["type"] for event in kit.heard(amqp_url)]


def test_a_stop_without_a_broker_takes_no_longer_than_it_may(
    tmp_path: Path, amqp_url: str, postgres_url: str, sandbox: SandboxServer
) -> None:
    """SIGTERM while the broker is gone ends the process in time."""
    place = urlsplit(amqp_url)
    assert place.hostname is not None
    assert place.port is not None
    with proxy.opened(place.hostname, place.port) as way:
        broker = amqp_url.replace(f":{place.port}/", f":{way.port}/")
        file = kit.write_settings(tmp_path, broker=broker, ledger=postgres_url, api=sandbox.url)
        assert kit.command("ledger", "migrate", file=file).returncode == 0
        with kit.running(file) as adapter:
            adapter.wait_ready()
            way.refuse()
            wait_until(lambda: adapter.get("/readyz")[0] == 503, patience=20, what="not ready")
            assert adapter.get("/livez")[0] == 200
            code, seconds = adapter.terminate()
            assert code == 0, adapter.text()
            assert seconds < 20


def test_a_ledger_that_is_not_migrated_is_refused(tmp_path: Path, amqp_url: str, postgres_url: str) -> None:
    """An empty database ends the start with 4 and the command that helps."""
    file = kit.write_settings(tmp_path, broker=amqp_url, ledger=postgres_url, api="http://127.0.0.1:1")
    done = kit.command("run", file=file)
    assert done.returncode == 4
    assert error_lines(done) == [
        f"error: the ledger is at migration none, this version needs {needed()}; run: cirrus-adapter ledger migrate"
    ]


def test_a_wrong_setting_is_refused(tmp_path: Path) -> None:
    """A setting that does not exist ends the start with 3, in one line."""
    file = kit.write_settings(
        tmp_path,
        broker=NOBODY,
        ledger="sqlite:///l.db",
        api="http://127.0.0.1:1",
        more="[intake]\nfuture_tolerence_s = 1",
    )
    done = kit.command("run", file=file)
    assert done.returncode == 3
    (line,) = error_lines(done)
    assert "intake.future_tolerence_s" in line


def test_a_broker_that_is_away_is_named(tmp_path: Path) -> None:
    """A broker that nobody can reach ends the start with 4, and the password is not shown."""
    broker = NOBODY.replace("guest:guest", "guest:s3cret")
    file = kit.write_settings(tmp_path, broker=broker, ledger="sqlite:///l.db", api="http://127.0.0.1:1")
    done = kit.command("run", file=file)
    assert done.returncode == 4
    (line,) = error_lines(done)
    assert "127.0.0.1:1" in line
    assert "s3cret" not in done.stderr


def test_a_queue_with_other_arguments_is_refused(tmp_path: Path, amqp_url: str) -> None:
    """An intake queue that is not as safe as it has to be ends the start with 4."""
    with Connection(amqp_url) as connection, connection.channel() as channel:
        Queue(Topology().intake_queue, durable=True, channel=channel).declare()
    file = kit.write_settings(tmp_path, broker=amqp_url, ledger="sqlite:///l.db", api="http://127.0.0.1:1")
    done = kit.command("run", file=file)
    assert done.returncode == 4
    (line,) = error_lines(done)
    assert "exists with other arguments" in line


def test_a_port_that_is_taken_is_named(tmp_path: Path, amqp_url: str) -> None:
    """An operations port that somebody else has ends the start with 4."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = kit.write_settings(tmp_path, broker=amqp_url, ledger="sqlite:///l.db", api="http://127.0.0.1:1")
        file.write_text(file.read_text().replace("port = 0", f"port = {port}"))
        assert kit.command("ledger", "migrate", file=file).returncode == 0
        done = kit.command("run", file=file)
    assert done.returncode == 4
    (line,) = error_lines(done)
    assert f"127.0.0.1:{port}" in line


BREAKS = {
    "main": "fail()",
    "thread": "thread = threading.Thread(target=fail, name='worker'); thread.start(); thread.join()",
    "finaliser": "Dying(); gc.collect()",
    "warning": "warnings.warn('nobody caught Lovelace')",
}


@pytest.mark.parametrize(("where", "event"), [
    ("main", "uncaught_exception"),
    ("thread", "uncaught_exception"),
    ("finaliser", "uncaught_exception"),
    ("warning", "python_warning"),
])  # fmt: skip
def test_what_nobody_catches_is_logged_in_no_words_of_its_own(where: str, event: str) -> None:
    """What nobody catches is one line of JSON that names nobody: in any thread, in a finaliser, as a warning."""
    script = f"""
import gc
import threading
import warnings
from adapter.cli.process import log_uncaught
from adapter.observe.logging import configure
configure("info", "json")
log_uncaught()
def fail():
    raise ValueError("nobody caught Lovelace")
class Dying:
    def __del__(self):
        fail()
{BREAKS[where]}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert said["event"] == event
    assert said["level"] == ("warning" if where == "warning" else "critical")
    assert "caught Lovelace" not in done.stderr
    assert done.returncode == (1 if where == "main" else 0)


def error_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines on stderr that are no log lines; a traceback would be among them."""
    return [line for line in done.stderr.splitlines() if not line.startswith("{")]
