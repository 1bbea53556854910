"""What the webhook does with what no Cirrus sends, and that nothing of a request is ever logged."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from adapter.errors import LedgerUnavailable
from adapter.settings.webhook import WebhookSettings
from tests.services.processes import wait_until
from tests.unit.webhook_kit import JSON, LARGEST, PATH, SECRET, Webhook, everything, logged, receiving

HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n"
SECRETS = (SECRET, "k3y-value", "Lovelace", "ada@student.example", "S1000001", "qu3ry", "PATH_INFO", "/webhook/")


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """Lend a webhook that asks for the secret in the path alone."""
    with receiving() as running:
        yield running


def chunks(*sizes: int) -> bytes:
    """Return a chunked body."""
    return b"".join(b"%x\r\n%s\r\n" % (size, b"a" * size) for size in sizes) + b"0\r\n\r\n"


def test_the_largest_body_is_taken(webhook: Webhook) -> None:
    """The limit itself is no excess."""
    assert webhook.send(body=b"a" * LARGEST).status == 200
    assert webhook.send_raw(CHUNKED.encode() + chunks(900, 900)).startswith(b"HTTP/1.1 200 ")
    assert [len(arrival.body) for arrival in webhook.store.arrivals] == [LARGEST, 1800]


@pytest.mark.parametrize(
    "request_",
    [
        HEAD.encode() + b"Content-Length: %d\r\n\r\n" % (LARGEST + 1),
        HEAD.encode() + b"Content-Length: 99999999999999999999\r\n\r\n",
        CHUNKED.encode() + chunks(LARGEST + 1),
        CHUNKED.encode() + chunks(*[500] * 5),
    ],
)
def test_a_larger_one_is_refused_and_counted(webhook: Webhook, request_: bytes) -> None:
    """413, declared or in chunks, before it is whole; and the operators hear of it: it may be a notice."""
    with logged("info") as log:
        reply = webhook.send_raw(request_)

    assert reply.startswith(b"HTTP/1.1 413 ")
    assert webhook.statuses == ["413"]
    assert '"status":413' in log.getvalue()
    assert webhook.store.arrivals == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"post " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (HEAD.encode() + b"Content-Length: -1\r\n\r\n", b"400"),
        (HEAD.encode() + b"Content-Length: 1e3\r\n\r\n", b"400"),
        (HEAD.encode() + b"Content-Length: 2, 2\r\n\r\nab", b"400"),
        (HEAD.encode() + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab", b"400"),
        (HEAD.encode() + b"Bad Header: x\r\n\r\n", b"400"),
        (HEAD.encode() + b"X: a\nY: b\r\n\r\n", b"400"),
        (HEAD.encode() + b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (CHUNKED.encode() + b"zz\r\n", b"400"),
        (CHUNKED.encode() + b"-5\r\n", b"400"),
        (HEAD.encode() + b"X-Flood: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
        (HEAD.encode() + b"".join(b"X-%d: a\r\n" % number for number in range(3_000)) + b"\r\n", b"431"),
        (b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_refused(webhook: Webhook, request_: bytes, status: bytes) -> None:
    """The connection ends, nothing is stored, and the next notice is taken."""
    with logged() as log:
        reply = webhook.send_raw(request_)

    assert reply.startswith(b"HTTP/1.") or status == b"431"  # what is not read any more may reset the connection
    assert status in reply[:15] or reply == b""
    assert webhook.statuses == [status.decode()]
    assert webhook.store.arrivals == []
    assert SECRET not in log.getvalue()
    assert webhook.send().status == 200


def test_an_address_that_the_server_cannot_take_apart_is_not_logged(webhook: Webhook) -> None:
    """Such a request ends its own connection and no other."""
    with logged() as log:
        webhook.send_raw(f"POST http://[{PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert SECRET not in log.getvalue()
    assert webhook.send().status == 200


def test_many_slow_clients_do_not_keep_cirrus_waiting(webhook: Webhook) -> None:
    """Whoever has not sent a whole request takes no thread."""
    with ExitStack() as held:
        for _ in range(50):
            slow = held.enter_context(socket.create_connection(("127.0.0.1", webhook.port)))
            slow.sendall(HEAD.encode() + b"Content-Length: 100\r\n\r\n{")
        assert [webhook.send().status for _ in range(20)] == [200] * 20


def test_a_client_that_dribbles_is_cut_off() -> None:
    """A byte now and then holds no connection for ever; a request has to be whole in time."""
    with receiving(request_seconds=0.5) as webhook:
        slow = socket.create_connection(("127.0.0.1", webhook.port), timeout=10)
        slow.sendall(HEAD.encode())
        ended = threading.Event()

        def dribble() -> None:
            while not ended.wait(0.05):
                try:
                    slow.sendall(b"X: a\r\n")
                except OSError:
                    return

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            assert everything(slow) == b""
        finally:
            ended.set()
            thread.join()
            slow.close()
        assert webhook.statuses == ["408"]
        assert webhook.send().status == 200


def test_a_connection_is_used_for_many_notices() -> None:
    """A client that keeps its connection open for longer than one request may take is not cut off."""
    with receiving(request_seconds=0.5) as webhook:
        connection = HTTPConnection("127.0.0.1", webhook.port, timeout=10)
        until = time.monotonic() + 2.5
        sent = 0
        while time.monotonic() < until:
            connection.request("POST", PATH, b"{}", JSON)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"OK\n")
            sent += 1
        connection.close()
        assert len(webhook.store.arrivals) == sent


def test_a_client_that_hangs_up_is_no_error() -> None:
    """Its notice is stored, and no line names the path."""
    with receiving() as webhook, logged() as log:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", webhook.port)) as hasty:
                hasty.sendall(HEAD.encode() + b"Content-Length: 2\r\n\r\n{}")
        wait_until(lambda: len(webhook.store.arrivals) == 20, patience=10, what="the notices")
        assert webhook.send().status == 200
    assert not [line for line in log.getvalue().splitlines() if '"level":"error"' in line]
    assert SECRET not in log.getvalue()


def test_nothing_of_a_request_is_logged() -> None:
    """Not a name, not a mail address, not a secret, not the path: for whatever is answered."""
    settings = WebhookSettings(
        path_secret=SECRET, header_name="X-Key", header_value="k3y-value", hmac_secret="s1gn-k3y-value"
    )
    body = b'{"CandidateExtId": "S1000001", "LastName": "Lovelace", "Email": "ada@student.example"}'
    key = {**JSON, "X-Key": "k3y-value"}
    with receiving({"uni": settings, "plain": WebhookSettings(path_secret=SECRET)}) as webhook, logged() as log:
        plain = f"/webhook/plain/{SECRET}?token=qu3ry"
        webhook.send(plain, body)
        webhook.send(plain, body, {"Content-Type": "text/Lovelace"})
        webhook.send(plain, body, method="PUT")
        webhook.send_raw(f"POST {plain}{'x' * 20_000} HTTP/1.1\r\n\r\n".encode())  # what is not read may reset it
        webhook.send(plain, b"")
        webhook.send(plain.replace("?", "x?"), body)
        webhook.send(plain.replace("plain", "nobody"), body)
        webhook.send(body=body)
        webhook.send(body=body, headers={**JSON, "X-Key": "k3y-value-guess"})
        webhook.send(body=body, headers={**key, "X-Signature": "k3y-value"})
        webhook.store.failures += [LedgerUnavailable("the ledger is away"), ValueError(body.decode())]
        webhook.send(plain, body)
        webhook.send(plain, body)

    text = log.getvalue()
    statuses = ["200", "415", "405", "431", "400", "404", "404", "401", "401", "401", "503", "503"]
    assert webhook.statuses == statuses
    assert [line.count('"status"') for line in text.splitlines() if "webhook_answered" in line] == [1] * len(statuses)
    assert [secret for secret in SECRETS if secret in text] == []


def test_strangers_write_no_lines() -> None:
    """Whoever looks for holes is answered and forgotten; who knows a tenant and not its secret is a warning."""
    with receiving() as webhook, logged("info") as log:
        webhook.send("/.env")
        webhook.send("/webhook/nobody/guess-guess-guess-guess")
        webhook.send_raw(b"nonsense\r\n\r\n")
        webhook.send("/webhook/uni/guess-guess-guess-guess")
    (line,) = [line for line in log.getvalue().splitlines() if "webhook_answered" in line]
    assert '"tenant":"uni"' in line
    assert '"status":404' in line
    assert "guess" not in line
