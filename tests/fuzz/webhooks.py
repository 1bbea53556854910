"""Two surfaces of the webhook: the receiver with all that a request can hold, and the port that it stands behind."""

import hmac
import io
import json
import select
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from adapter.cirrus.results import ResultFields
from adapter.domain.notices import Arrival
from adapter.settings.webhook import WebhookSettings
from adapter.webhook import Credentials, Gatekeeper
from adapter.webhook.networks import Networks
from adapter.webhook.receiver import LONGEST_CONTENT_TYPE, Receiver
from tests.fuzz import nasties
from tests.fuzz.answers import RESULTS
from tests.fuzz.promises import CANARY, Broken, Feed, Surface, heard, joined, parts, promise, unquoted
from tests.unit.webhook_kit import LARGEST, Webhook, everything, logged, receiving

PATH_SECRET = f"{CANARY}-0123456789"
PATH = f"/webhook/uni/{PATH_SECRET}"
TENANTS = {
    "uni": WebhookSettings(path_secret=PATH_SECRET),
    "all": WebhookSettings(
        path_secret=PATH_SECRET,
        header_name="X-Key",
        header_value=CANARY,
        basic_user="cirrus",
        basic_password=CANARY,
        hmac_secret=CANARY,
        hmac_encoding="base64",
        hmac_prefix="sha256=",
        allow_from=("192.0.2.0/24", "2001:db8::/32"),
    ),
}
ANSWERED = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.LENGTH_REQUIRED,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    }
)
REFUSED = frozenset({400, 405, 408, 413, 431, 501, 505})
"""What the server says of its own accord to what is no request."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

LOOK = 0.05
"""Seconds to wait for an answer before the other side is told that nothing more will come."""


class _Office:
    """The receiver, and what it was asked to keep."""

    def __init__(self, log: io.StringIO) -> None:
        self._log = log
        self._kept: list[Arrival] = []
        gatekeeper = Gatekeeper({slug: Credentials.of(f"{slug}.example", asked) for slug, asked in TENANTS.items()})
        self._receiver = Receiver(
            gatekeeper,
            self._kept.append,
            content_types=("application/json", "text/plain", "application/x-www-form-urlencoded"),
            trusted_proxies=Networks.of(["127.0.0.1", "10.0.0.0/8"]),
            observe=lambda _status, _seconds: None,
            monotonic=lambda: 0.0,
        )

    def take(self, given: bytes) -> str:
        """Let one request come in."""
        self._kept.clear()
        head, body = parts(given, 2)
        said: list[tuple[str, list[tuple[str, str]]]] = []
        environ = _environ(head, body)
        chunks = self._receiver(environ, lambda status, headers: said.append((status, headers)))
        (status, headers), answer = said[0], b"".join(chunks)
        code = int(status[:3])
        promise(code in ANSWERED, f"the answer {status}")
        promise(all(not set(f"{name}{value}") & set("\r\n\x00") for name, value in headers), "a header that is two")
        unquoted("the answer", status, headers, answer)
        promise(bool(self._kept) == (code == HTTPStatus.OK), "it is answered otherwise than it is kept")
        for arrival in self._kept:
            promise(arrival.body == body, "the body is not kept whole")
            promise(len(arrival.content_type) <= LONGEST_CONTENT_TYPE, "a content type without an end")
            named = ResultFields().named(arrival.body)
            unquoted("the reason", named if isinstance(named, str) else "")
        heard(self._log)
        return status


def _environ(head: bytes, body: bytes) -> dict[str, Any]:
    """Return a WSGI environment as the server makes it: every text is bytes, one for each character (PEP 3333)."""
    try:
        said: Any = json.loads(head)
    except (ValueError, RecursionError):
        said = {}
    said = said if isinstance(said, dict) else {}
    headers = said.get("headers")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": _latin(said.get("method", "POST")),
        "PATH_INFO": _latin(said.get("path", PATH)),
        "QUERY_STRING": _latin(said.get("query", "")),
        "REMOTE_ADDR": _latin(said.get("address", "127.0.0.1")),
        "wsgi.input": io.BytesIO(body),
    }
    if said.get("length", True):
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in (headers if isinstance(headers, dict) else {}).items():
        key = _latin(name).upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = _latin(value)
    return environ


def _latin(value: object) -> str:
    return str(value).encode("utf-8", "surrogatepass").decode("latin-1")


@contextmanager
def webhook() -> Iterator[Feed]:
    """Feed requests to the receiver: all but the body in the first part, the body in the second."""
    with logged() as log:
        yield _Office(log).take


@contextmanager
def http() -> Iterator[Feed]:
    """Feed bytes to the port; what is divided is sent piece by piece."""
    with logged() as log, receiving(TENANTS, request_seconds=5.0) as running:
        log.truncate(0)
        yield partial(_sent, running, log)


def _sent(running: Webhook, log: io.StringIO, given: bytes) -> str:
    kept = len(running.store.arrivals)
    reply = _conversation(running.port, given.split(b"\x1e"))
    good = running.send(PATH, b"{}")
    promise(good.status == HTTPStatus.OK, f"after it a good notice is answered {good.status}")
    promise(all(len(arrival.body) <= LARGEST for arrival in running.store.arrivals[kept:]), "a body too large is kept")
    running.store.batches.clear()
    heard(log)
    reply = reply.removeprefix(CONTINUE)
    if not reply:
        return "closed"
    promise(reply.startswith((b"HTTP/1.0 ", b"HTTP/1.1 ")), "an answer that is no HTTP")
    code = int(reply[9:12])
    promise(code in REFUSED or HTTPStatus(code) in ANSWERED, f"the answer {code}")
    return str(code)


def _conversation(port: int, pieces: list[bytes]) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            for piece in pieces[:20]:
                connection.sendall(piece)
            if not select.select([connection], [], [], LOOK)[0]:
                connection.shutdown(socket.SHUT_WR)
            first = connection.recv(65_536)
            connection.shutdown(socket.SHUT_WR)
            return first + everything(connection)
        except TimeoutError as error:
            raise Broken("the connection is held open for nobody") from error
        except OSError:
            return b""  # what is not read any more resets the connection


def _head(**said: object) -> bytes:
    return json.dumps(said).encode()


def _requests() -> Iterator[bytes]:
    json_type = {"Content-Type": "application/json; charset=utf-8"}
    for body in RESULTS.seeds:
        yield joined(_head(method="POST", path=PATH, query=f"a={CANARY}", headers=json_type), body)
    signed = {
        **json_type,
        "X-Key": CANARY,
        "Authorization": f"Basic {b64encode(f'cirrus:{CANARY}'.encode()).decode()}",
        "X-Signature": f"sha256={b64encode(hmac.digest(CANARY.encode(), b'{}', 'sha256')).decode()}",
        "X-Forwarded-For": "192.0.2.7, 10.0.0.1, [2001:db8::1]:443",
    }
    yield joined(_head(method="POST", path=f"/webhook/all/{PATH_SECRET}", headers=signed), b"{}")
    flood = {f"X-{number}": CANARY for number in range(300)} | {"X-Forwarded-For": "10.0.0.1," * 2000}
    yield joined(_head(method="POST", path=PATH, headers=flood), b"{}")
    for name, bomb in (("gzip", "gzip bomb"), ("deflate", "deflate bomb"), ("br", "gzip in gzip")):
        headers = {**json_type, "Content-Encoding": name}
        yield joined(_head(method="POST", path=PATH, headers=headers), nasties.HEAVY[bomb]())
    for path in ("/", "/webhook/uni", "/webhook/nobody/x", "/webhook/../uni", "/.env", f"/webhook/UNI/{PATH_SECRET}"):
        yield joined(_head(method="GET", path=path, length=False, headers={}), b"")


def _raw() -> Iterator[bytes]:
    line = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
    typed = line + b"Content-Type: application/json\r\n"
    body = b'{"CandidateExtId":"c1","ScheduleExtId":"S-1","LastName":"' + CANARY.encode() + b'"}'
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    yield typed + length + body
    yield typed + b"\x1eContent-Length: 10\r\n\x1e\r\n{\x1e}"
    yield typed + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    yield typed + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n\x1e" * 15 + b"0\r\nT: x\r\n\r\n"
    yield typed + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n-1\r\nabc"
    yield typed + b"Content-Length: 500\r\n\r\n{}"
    yield typed + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg"
    yield typed + b"Content-Length: 99999999999999999999\r\n\r\n{}"
    yield typed + b"Content-Length: 10000000\r\n\r\n" + b"a" * 10_000_000
    yield typed + b"Expect: 100-continue\r\n" + length + body
    yield typed + b"X-Flood: " + b"a" * 30_000 + b"\r\n" + length + body
    yield typed + b"".join(b"X-%d: a\r\n" % number for number in range(3_000)) + length + body
    yield typed + b"Content-Encoding: gzip\r\nContent-Length: 60000\r\n\r\n" + nasties.HEAVY["gzip bomb"]()
    yield line + b"Content-Type: " + b"\xff" * 300 + b"\r\n" + length + body
    yield line.replace(b"POST", b"GET") + b"\r\n" + typed + length + body
    yield line.replace(b"HTTP/1.1", b"HTTP/1.0") + length + body
    yield f"POST http://[{PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    yield b"\r\n" * 100 + typed + length + body


WEBHOOK = Surface("webhook", webhook, tuple(_requests()))
HTTP = Surface("http", http, tuple(_raw()), share=0.02)
