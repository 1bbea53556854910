"""Tests of the operations server: its pages, its independence from what it reports, and its end."""

import gc
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics
from adapter.observe.ops_server import OpsServer

Answer = tuple[int, http.client.HTTPMessage, bytes]


class World:
    """A process around the server: its clock, its metrics and its checks, all moved by the test."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.beats = Heartbeats(
            ("intake", "converge"),
            self.metrics,
            lambda: datetime(2026, 1, 1, tzinfo=UTC),
            lambda: self.seconds,
        )
        self.reasons: dict[str, str | None] = {"ledger": None, "broker": None}
        self.checks: dict[str, Callable[[], str | None]] = {
            "ledger": lambda: self.reasons["ledger"],
            "broker": lambda: self.reasons["broker"],
        }
        self.note: str | None = None

    def server(self) -> OpsServer:
        """Return a server that has not been started."""
        notes = {"intake": lambda: self.note}
        return OpsServer("127.0.0.1", 0, self.registry, self.beats, self.checks, notes=notes, stall_after=60)


@pytest.fixture
def world() -> World:
    """Return a healthy process."""
    return World()


@pytest.fixture
def server(world: World) -> Iterator[OpsServer]:
    """Return a running server."""
    server = world.server()
    server.start()
    yield server
    server.stop()


def ask(server: OpsServer, path: str, method: str = "GET", accept: str = "*/*") -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers={"Accept": accept})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_metrics_are_served(world: World, server: OpsServer) -> None:
    """/metrics shows the injected registry in the text format of Prometheus."""
    world.metrics.outbox_pending.set(7)
    status, headers, body = ask(server, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    assert b"cirrus_adapter_outbox_pending 7.0" in body


def test_metrics_are_served_as_openmetrics_on_request(server: OpsServer) -> None:
    """A scraper that asks for OpenMetrics gets it."""
    _, headers, body = ask(server, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_live_while_the_loops_turn(world: World, server: OpsServer) -> None:
    """/livez turns to 503 and names the loop that has not ticked within the limit."""
    assert ask(server, "/livez")[0] == 200
    world.seconds = 50
    world.beats.beat("intake")
    world.seconds = 70
    status, _, body = ask(server, "/livez")
    assert status == 503
    assert json.loads(body) == {"status": "stalled", "loops": ["converge"]}


def test_an_outage_elsewhere_is_not_our_death(world: World, server: OpsServer) -> None:
    """/livez stays 200 while ledger and broker are away: a restart would not help."""
    world.reasons |= {"ledger": "no connection", "broker": "no connection"}
    assert ask(server, "/readyz")[0] == 503
    assert ask(server, "/livez")[0] == 200


def test_ready_when_every_check_passes(server: OpsServer) -> None:
    """/readyz is 200 when no check gives a reason."""
    status, headers, body = ask(server, "/readyz")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"status": "ready"}


def test_a_note_leaves_a_ready_process_ready(world: World, server: OpsServer) -> None:
    """What operators should know is shown by /readyz, with 200 and with 503."""
    world.note = "paused because most messages fail as bad-data"
    status, _, body = ask(server, "/readyz")
    assert (status, json.loads(body)) == (200, {"status": "ready", "notes": {"intake": world.note}})
    world.reasons["ledger"] = "away"
    status, _, body = ask(server, "/readyz")
    shown = {"status": "not ready", "failing": {"ledger": "away"}, "notes": {"intake": world.note}}
    assert (status, json.loads(body)) == (503, shown)


def test_not_ready_names_the_failing_check(world: World, server: OpsServer) -> None:
    """/readyz is 503 with the name and the reason of each check that fails, and only of those."""
    world.reasons["ledger"] = "at migration 3, this version needs 4"
    status, _, body = ask(server, "/readyz")
    assert status == 503
    assert json.loads(body) == {
        "status": "not ready",
        "failing": {"ledger": "at migration 3, this version needs 4"},
    }


def test_a_check_that_raises_is_a_failing_check(world: World, server: OpsServer) -> None:
    """The error's type is shown, its text (which may hold a password) only in the masked log."""

    def broken() -> str | None:
        raise OSError("postgresql://adapter:hunter2@db")

    world.checks["ledger"] = broken
    other = world.server()
    other.start()
    try:
        status, _, body = ask(other, "/readyz")
    finally:
        other.stop()
    assert status == 503
    assert "OSError" in json.loads(body)["failing"]["ledger"]
    assert b"hunter2" not in body


def test_reasons_are_masked(world: World, server: OpsServer) -> None:
    """A reason that holds a connection string with its password is masked."""
    world.reasons["broker"] = "cannot reach amqp://guest:hunter2@broker:5672"
    assert b"hunter2" not in ask(server, "/readyz")[2]


def test_checks_that_hang_do_not_take_the_other_pages(world: World) -> None:
    """While a check hangs, further /readyz answer 503 and /livez and /metrics go on."""
    entered, release = threading.Event(), threading.Event()

    def hangs() -> str | None:
        entered.set()
        release.wait(20)
        return None

    world.checks["ledger"] = hangs
    server = world.server()
    server.start()
    first = threading.Thread(target=ask, args=(server, "/readyz"))
    first.start()
    try:
        assert entered.wait(10)
        waiting = [threading.Thread(target=ask, args=(server, "/readyz")) for _ in range(6)]
        for thread in waiting:
            thread.start()
        assert ask(server, "/livez")[0] == 200
        assert ask(server, "/metrics")[0] == 200
        status, _, body = ask(server, "/readyz")
        assert (status, json.loads(body)["status"]) == (503, "an earlier check has not ended yet")
        for thread in waiting:
            thread.join()
    finally:
        release.set()
        first.join()
        server.stop()


@pytest.mark.parametrize("path", ["/", "/metrics/", "/healthz", "/livez/x", "/metrics/../etc", "/METRICS"])
def test_other_paths_are_not_found(path: str, server: OpsServer) -> None:
    """There are three pages and nothing else."""
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_get_and_head_are_answered(method: str, server: OpsServer) -> None:
    """Any other method is refused with what is allowed."""
    status, headers, _ = ask(server, "/metrics", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/nothing"])
def test_head_answers_like_get_without_the_body(path: str, server: OpsServer) -> None:
    """HEAD has the status and the length of GET."""
    got, head = ask(server, path), ask(server, path, "HEAD")
    assert (head[0], head[1]["Content-Length"]) == (got[0], got[1]["Content-Length"])
    assert head[2] == b""


def test_the_server_does_not_say_what_it_is_made_of(server: OpsServer) -> None:
    """No product name in the answers."""
    assert "waitress" not in str(ask(server, "/livez")[1]).casefold()


def test_stop_closes_everything(world: World) -> None:
    """After `stop` the port is free, no thread is left and no socket is forgotten, even one held open."""
    before = set(threading.enumerate())
    server = world.server()
    server.start()
    idle = socket.create_connection(("127.0.0.1", server.port))
    assert ask(server, "/livez")[0] == 200
    started = set(threading.enumerate()) - before
    server.stop()
    server.stop()
    for thread in started:
        thread.join(10)
        assert not thread.is_alive(), thread.name
    idle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    del server
    gc.collect()


def test_a_port_that_is_taken_is_an_error_at_start(world: World, server: OpsServer) -> None:
    """A second process on one port fails at once and loudly."""
    second = OpsServer("127.0.0.1", server.port, world.registry, world.beats, {})
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()


def test_it_listens_on_ipv6(world: World) -> None:
    """An IPv6 host works like any other."""
    server = OpsServer("::1", 0, world.registry, world.beats, {})
    server.start()
    try:
        connection = http.client.HTTPConnection("::1", server.port, timeout=10)
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        server.stop()
