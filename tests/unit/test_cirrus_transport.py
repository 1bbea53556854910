"""Tests of the client on a bad network: which phase failed decides what may be sent again."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapter.cirrus.client import ClientOptions
from adapter.cirrus.transport import LARGEST_ANSWER
from adapter.domain import steps
from adapter.domain.answers import Accepted, Done, Failing, Forbidden, Garbled, NoAnswer, Unreachable
from tests.unit.cirrus_stage import (
    HASTY,
    OK,
    SEAT,
    SITTING,
    Scene,
    calling,
    drips,
    holds,
    resets,
    says,
    scene,
    sends,
    staged,
)

ACTIVATE = steps.ActivateSchedule("S-1")
WHOLE = b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"Success":true,"Errors":null}'


def test_a_refused_connection_is_unreachable() -> None:
    """Nobody listens: nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with calling(f"http://127.0.0.1:{port}") as client:
        assert client.perform(ACTIVATE) == Unreachable()


@pytest.mark.parametrize("trouble", [socket.gaierror(socket.EAI_NONAME, "unknown"), UnicodeError("label too long")])
def test_a_name_without_an_address_is_unreachable(monkeypatch: pytest.MonkeyPatch, trouble: Exception) -> None:
    """DNS says no: nothing was sent."""

    def resolve(*_: object, **__: object) -> list[object]:
        raise trouble

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with calling("http://cirrus.invalid") as client:
        assert client.perform(ACTIVATE) == Unreachable()


def test_a_connection_that_does_not_come_about_in_time_is_unreachable() -> None:
    """The listener's queue is full, so the handshake is never answered: nothing was sent."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex(address)
        with calling(f"http://127.0.0.1:{address[1]}", HASTY) as client:
            assert client.perform(ACTIVATE) == Unreachable()
        for each in crowd:
            each.close()


def test_a_server_that_speaks_no_tls_is_unreachable() -> None:
    """The TLS handshake fails before the request and the token are sent."""
    with staged() as (stage, url), calling(url.replace("http:", "https:")) as client:
        assert client.perform(ACTIVATE) == Unreachable()
        assert stage.requests == []


def test_a_certificate_nobody_vouches_for_is_unreachable(tmp_path: Path) -> None:
    """A self-made certificate is refused, and accepted only when it is named as the CA bundle."""
    certificate, key = _self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}"
        answers = []
        for options in (ClientOptions(read_timeout=5.0), ClientOptions(read_timeout=5.0, ca_bundle=str(certificate))):
            server = threading.Thread(target=_serve_tls_once, args=(listener, context), daemon=True)
            server.start()
            with calling(url, options) as client:
                answers.append(client.perform(ACTIVATE))
            server.join(5)
    assert answers == [Unreachable(), Accepted(Done())]


def _serve_tls_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listener.accept()
    try:
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(WHOLE)
            connection.recv(1)
    except OSError:
        plain.close()


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # noqa: TID251 - the TLS library compares with the real clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    crt, pem = folder / "ca.pem", folder / "key.pem"
    crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return crt, pem


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(resets(), id="reset before any answer"),
        pytest.param(resets(WHOLE[:60]), id="reset in the middle of the body"),
        pytest.param(sends(b""), id="closed without an answer"),
        pytest.param(sends(WHOLE[:25]), id="closed in the headers"),
        pytest.param(sends(WHOLE[:-5]), id="closed before the announced length"),
        pytest.param(
            sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
            id="closed in the middle of a chunk",
        ),
        pytest.param(sends(b"SSH-2.0-OpenSSH_9.2\r\n"), id="not HTTP"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\nX: " + b"x" * 70000), id="endless header"),
    ],
)
def test_a_break_after_sending_is_no_answer_and_nothing_is_sent_again(fault: Scene) -> None:
    """The request left, so whether Cirrus carried it out is unknown: exactly one request is made."""
    with scene(fault, says(OK)) as (client, stage):
        assert client.perform(SEAT) == NoAnswer()
        assert len(stage.requests) == 1
        assert client.perform(ACTIVATE) == Accepted(Done()), "the next call has a fresh connection"


def test_silence_is_no_answer_after_the_read_timeout() -> None:
    """A server that says nothing holds a thread for the read timeout only."""
    done = threading.Event()
    with scene(holds(done), options=HASTY) as (client, stage):
        begun = time.monotonic()
        assert client.perform(SEAT) == NoAnswer()
        assert time.monotonic() - begun < 2
        assert len(stage.requests) == 1
        done.set()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000, id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 90, id="headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 300, id="chunks"),
    ],
)
def test_a_slow_drip_ends_at_the_deadline_of_the_whole_answer(raw: bytes) -> None:
    """Each byte is in time, the answer is not: after twice the read timeout the call gives up."""
    with scene(drips(raw, 0.02), options=HASTY) as (client, _):
        begun = time.monotonic()
        assert client.perform(SEAT) == NoAnswer()
        assert 0.3 < time.monotonic() - begun < 2


def test_a_kept_connection_is_used_again() -> None:
    """Ten calls of one thread cost one connection."""
    with scene() as (client, stage):
        assert [client.perform(ACTIVATE) for _ in range(10)] == [Accepted(Done())] * 10
        assert stage.connections == 1


def test_each_thread_has_a_connection_of_its_own() -> None:
    """Calls of several threads do not wait for each other; close() closes what they leave behind."""
    with staged() as (stage, url), calling(url) as client:
        meet = threading.Barrier(4)
        answers = []

        def call() -> None:
            meet.wait(5)
            answers.append(client.perform(ACTIVATE))
            meet.wait(5)

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert answers == [Accepted(Done())] * 4
        assert stage.connections == 4


def test_a_kept_connection_that_the_server_has_closed_is_replaced_before_anything_is_sent() -> None:
    """The closed connection is noticed while idle, so the write goes out once, on a new one."""
    with scene(sends(WHOLE), says(OK)) as (client, stage):
        assert client.perform(ACTIVATE) == Accepted(Done())
        assert stage.closed.wait(5)
        assert client.perform(SEAT) != NoAnswer()
        assert [each.method for each in stage.requests] == ["PUT", "POST"]
        assert stage.connections == 2


def test_a_kept_connection_that_breaks_under_a_write_is_no_answer() -> None:
    """When the server drops a kept connection only after the request has left, the write is not sent again."""
    with scene(says(OK), resets(), says(OK)) as (client, stage):
        assert client.perform(ACTIVATE) == Accepted(Done())
        assert client.perform(SEAT) == NoAnswer()
        assert len(stage.requests) == 2


def test_an_answer_that_announces_too_much_is_garbled() -> None:
    """More than 10 MB is not read at all."""
    huge = f"HTTP/1.1 200 OK\r\nContent-Length: {LARGEST_ANSWER + 1}\r\n\r\n".encode()
    with scene(sends(huge)) as (client, _):
        assert client.perform(ACTIVATE) == Garbled(0)


def test_an_answer_that_does_not_end_is_garbled() -> None:
    """Without a length, reading stops at 10 MB."""
    with scene(sends(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LARGEST_ANSWER + 4096)), options=HASTY) as (client, _):
        assert client.perform(ACTIVATE) == Garbled(0)


def test_chunked_answers_are_read_whole() -> None:
    """Transfer in chunks is HTTP like any other."""
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw += b'10\r\n{"Success":true,\r\ne\r\n"Errors":null}\r\n0\r\n\r\n'
    with scene(sends(raw, keep=True)) as (client, stage):
        assert [client.perform(ACTIVATE), client.perform(ACTIVATE)] == [Accepted(Done())] * 2
        assert stage.connections == 1


def test_closing_wakes_a_call_that_waits() -> None:
    """At shutdown nobody waits for the read timeout of the last call."""
    done, answers = threading.Event(), []
    with scene(holds(done)) as (client, stage):
        thread = threading.Thread(target=lambda: answers.append(client.perform(SEAT)))
        thread.start()
        while not stage.requests and thread.is_alive():
            time.sleep(0.005)
        begun = time.monotonic()
        client.close()
        thread.join(4)
        assert answers == [NoAnswer()]
        assert time.monotonic() - begun < 3
        done.set()


def test_the_environment_sets_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY of some shell does not lead exam data elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with scene() as (client, _):
        assert client.perform(ACTIVATE) == Accepted(Done())


def test_a_refusal_without_a_length_and_without_a_body_is_an_answer() -> None:
    """A gateway's bare 401 stops the tenant; only a bare success is too little to go by."""
    with scene(sends(b"HTTP/1.1 401 Unauthorized\r\n\r\n")) as (client, _):
        assert client.perform(SEAT) == Forbidden(401)
    with scene(sends(b"HTTP/1.1 200 OK\r\n\r\n")) as (client, _):
        assert client.perform(steps.ChangeSchedule(SITTING)) == NoAnswer()


def test_a_failing_server_keeps_its_status_and_its_pause() -> None:
    """A 503 page of a load balancer is an answer, whatever its body."""
    with scene(says(b"<html>Service Unavailable</html>", 503, Retry_After="120")) as (client, _):
        assert client.perform(SEAT) == Failing(503, 120.0)
