"""The webhook as a whole: its start, its end, and when it says that it is ready."""

import threading
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection

import pytest

from adapter.domain.notices import Arrival
from adapter.settings.webhook import WebhookSettings
from adapter.webhook import Credentials, Gatekeeper, WebhookServer
from tests.unit.webhook_kit import BODY, JSON, OPTIONS, PATH, SECRET, Store, logged, receiving
from tests.values import replace


def webhook(store: Store, host: str = "127.0.0.1", port: int = 0) -> WebhookServer:
    """Return a webhook that has not been started."""
    gatekeeper = Gatekeeper({"uni": Credentials.of("uni.example", WebhookSettings(path_secret=SECRET))})
    return WebhookServer(gatekeeper, replace(OPTIONS, host=host, port=port), store=store, observe=lambda *_: None)


def test_it_is_ready_while_it_runs() -> None:
    """Neither before the start nor after the stop, which may come twice."""
    server = webhook(Store())
    assert server.problem() == "the webhook does not listen"
    server.start()
    assert server.problem() is None
    assert server.stop()
    assert server.problem() == "the webhook does not listen"
    assert server.stop()


def test_no_thread_is_left() -> None:
    """Neither of the server nor of the writer."""
    before = set(threading.enumerate())
    with receiving() as running:
        assert running.send().status == 200
        started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def test_a_port_that_is_taken_is_an_error_at_start() -> None:
    """Loudly, and with nothing left running."""
    with receiving() as running:
        before = set(threading.enumerate())
        second = webhook(Store(), port=running.port)
        with pytest.raises(OSError, match="in use"):
            second.start()
        assert set(threading.enumerate()) == before


def test_it_listens_on_ipv6() -> None:
    """And knows an IPv4 address in an IPv6 one."""
    server = webhook(store := Store(), host="::1")
    server.start()
    try:
        with closing(HTTPConnection("::1", server.port, timeout=10)) as connection:
            connection.request("POST", PATH, BODY, JSON)
            assert connection.getresponse().status == 200
    finally:
        server.stop()
    assert len(store.arrivals) == 1


def test_a_stop_answers_what_is_under_way() -> None:
    """A notice whose commit is under way is stored and answered before the port is closed."""
    reached, opened = threading.Event(), threading.Event()

    class Slow(Store):
        def __call__(self, batch: Sequence[Arrival]) -> None:
            reached.set()
            assert opened.wait(20)
            super().__call__(batch)

    server = webhook(store := Slow())
    server.start()
    statuses: list[int] = []

    def send() -> None:
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
            connection.request("POST", PATH, BODY, JSON)
            statuses.append(connection.getresponse().status)

    sender = threading.Thread(target=send)
    sender.start()
    assert reached.wait(20)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    opened.set()
    stopper.join()
    sender.join()

    assert statuses == [200]
    assert len(store.arrivals) == 1


def test_counting_that_fails_costs_no_notice() -> None:
    """What is stored is answered with 200; the fault is in the log by its name, and neither its words nor the path."""

    def broken(_status: str, _seconds: float) -> None:
        raise ValueError("no such label")

    gatekeeper = Gatekeeper({"uni": Credentials.of("uni.example", WebhookSettings(path_secret=SECRET))})
    server = WebhookServer(gatekeeper, OPTIONS, store=Store(), observe=broken)
    with logged() as log:
        server.start()
        try:
            with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
                connection.request("POST", PATH, BODY, JSON)
                assert connection.getresponse().status == 200
        finally:
            server.stop()
    assert "ValueError" in log.getvalue()
    assert "no such label" not in log.getvalue()
    assert SECRET not in log.getvalue()
