"""`cirrus-adapter webhook` as a process of its own: what it needs, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.contract.ledger_kit import Book, book_at
from tests.services.processes import wait_until

PROGRAM = [sys.executable, "-c", "from adapter.start import main; main()"]
SECRET = "p4th-secret-0123456789"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """Lend a migrated SQLite file."""
    with book_at(f"sqlite:///{tmp_path / 'ledger.db'}") as lent:
        yield lent


def configured(book: Book, folder: Path, port: int = 0, more: str = "") -> Path:
    """Write settings that have no broker in them: a host in front of the firewall does not reach it."""
    file = folder / "webhook.toml"
    file.write_text(
        f"""
[ledger]
url = "{book.url}"
[observe]
port = 0
[webhook]
port = {port}
[tenants.uni]
name = "uni.example"
base_url = "http://127.0.0.1:1"
token = "token-a"
[tenants.uni.mapping]
default_hierarchy = {{id = "EXAMS", name = "All exams"}}
{more or f'[tenants.uni.webhook]{chr(10)}path_secret = "{SECRET}"'}
""",
        encoding="utf-8",
    )
    return file


class Running:
    """The process, and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def text(self) -> str:
        """Return everything on stderr so far."""
        return self._log.read_text(encoding="utf-8")

    def started(self) -> dict[str, Any]:
        """Return the line that says so, once it is there."""
        wait_until(
            lambda: self.process.poll() is not None or '"event":"started"' in self.text(), patience=30, what="a start"
        )
        [line] = [json.loads(line) for line in self.text().splitlines() if '"event":"started"' in line]
        return dict(line)


@contextmanager
def running(file: Path) -> Iterator[Running]:
    """Run the receiver for the time of a `with` block."""
    log = file.parent / "webhook.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIRRUS_ADAPTER_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*PROGRAM, "webhook", "--config", str(file)],
            stderr=output,
            cwd=file.parent,
            env={**environment, "NO_COLOR": "1", "PYTHONPATH": str(Path.cwd())},
        )
    try:
        yield Running(process, log)
    finally:
        process.kill()
        process.wait()


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
    """Send one request."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_it_receives_without_a_broker_and_ends_in_order(book: Book, tmp_path: Path) -> None:
    """It is ready, counts, stores, and exits with 0 on SIGTERM; the secret in the path is nowhere in the log."""
    with running(configured(book, tmp_path)) as receiver:
        started = receiver.started()
        assert ask(started["port"], "GET", "/readyz")[0] == 200
        assert ask(started["webhook_port"], "POST", f"/webhook/uni/{SECRET}", b"{}") == (200, "OK\n")
        assert ask(started["webhook_port"], "POST", "/webhook/uni/wrong", b"{}") == (404, "Not Found\n")
        metrics = ask(started["port"], "GET", "/metrics")[1]
        receiver.process.send_signal(signal.SIGTERM)
        code = receiver.process.wait(30)

    assert code == 0, receiver.text()
    assert 'cirrus_adapter_webhook_requests_total{status="200"} 1.0' in metrics
    assert 'cirrus_adapter_webhook_request_seconds_count{status="404"} 1.0' in metrics
    assert book.rows("SELECT tenant, body FROM notices") == [("uni.example", b"{}")]
    assert SECRET not in receiver.text()
    assert '"level":"error"' not in receiver.text()


def test_a_port_that_is_taken_ends_it(book: Book, tmp_path: Path) -> None:
    """Exit code 4, with the port in the message."""
    with running(configured(book, tmp_path)) as first:
        port = first.started()["webhook_port"]
        second = tmp_path / "second"
        second.mkdir()
        with running(configured(book, second, port)) as receiver:
            assert receiver.process.wait(30) == 4
    assert f"('127.0.0.1', {port})" in receiver.text()


def test_without_a_tenant_that_sends_it_does_not_start(book: Book, tmp_path: Path) -> None:
    """Exit code 3: a port on which nobody is believed is a mistake."""
    with running(configured(book, tmp_path, more="[tenants.uni.policy]")) as receiver:
        assert receiver.process.wait(30) == 3
    assert "webhook" in receiver.text()
