"""Transport: one request and one whole answer, over `requests`, with one kept-alive connection per thread.

`requests` cannot tell a connection that never came about from one that broke after the request had left,
and its read timeout is per read. Both decide whether an exam booking may be sent again, so its sessions
carry an adapter of ours over `http.client` which knows the phase and bounds the answer as a whole. There
are no retries, no redirects, no cookies and no proxies, and a certificate is always verified.
"""

import enum
import io
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR, SocketIO, socket
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util import wait_for_read

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LARGEST_ANSWER = 10 * 1024 * 1024
LARGEST_RECEIVED = 2 * LARGEST_ANSWER
"""Bytes of a body with all that is around it: `http.client` bounds neither trailers nor a chunk of size -1."""

IDLE_LIMIT = 30.0
"""Seconds after which a kept connection is not used again: firewalls forget quiet connections without a word."""


class Lost(enum.StrEnum):
    """Why there is no whole answer."""

    UNREACHABLE = "unreachable"
    NO_ANSWER = "no-answer"
    OVERSIZED = "oversized"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; the body may hold personal data and is not shown."""

    status: int
    retry_after: str | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for a connection, for each read, and for the request and answer as a whole."""

    connect: float
    read: float
    whole: float


class _Lost(requests.RequestException):
    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.value)
        self.lost = lost


class _TimedReads(io.RawIOBase):
    """The receiving side of a socket for one answer; each read may take what is left of the deadline."""

    def __init__(self, raw: SocketIO, sock: socket, longest: float, deadline: float) -> None:
        self._raw, self._sock, self._longest, self._deadline = raw, sock, longest, deadline
        self._received = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        if self._received > LARGEST_RECEIVED:
            raise _Lost(Lost.OVERSIZED)
        self._sock.settimeout(min(self._longest, left))
        count = self._raw.readinto(buffer)
        self._received += count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What `http.client` needs of a socket, under one deadline for the request and its answer."""

    def __init__(self, sock: socket, longest: float) -> None:
        self.sock, self._longest, self.deadline = sock, longest, 0.0

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(self._longest)
        self.sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        raw = self.sock.makefile("rb", buffering=0)
        return io.BufferedReader(_TimedReads(raw, self.sock, self._longest, self.deadline))

    def close(self) -> None:
        self.sock.close()


class _OneConnection(BaseAdapter):
    """Sends over one kept-alive connection; used by one thread, closed from any."""

    def __init__(self, connection: HTTPConnection, timeouts: Timeouts) -> None:
        super().__init__()
        self._connection, self._timeouts = connection, timeouts
        self._socket: _TimedSocket | None = None
        self._idle_since = 0.0
        self._busy = threading.Lock()

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        with self._busy:
            try:
                sock = self._ready_socket()
                sock.deadline = monotonic() + self._timeouts.whole
                response = self._exchange(request)
            except BaseException:
                self._drop()
                raise
            self._idle_since = monotonic()
            return response

    def _ready_socket(self) -> _TimedSocket:
        if (kept := self._socket) is not None:
            usable = self._connection.sock is kept and monotonic() - self._idle_since < IDLE_LIMIT
            if usable and not wait_for_read(kept.sock, timeout=0):
                return kept
            self._drop()  # closed by the other side, or holding bytes nobody asked for
        try:
            self._connection.connect()
        except (OSError, HTTPException, UnicodeError):
            raise _Lost(Lost.UNREACHABLE) from None
        timed = _TimedSocket(self._connection.sock, self._timeouts.read)
        self._socket = self._connection.sock = timed
        return timed

    def _exchange(self, request: requests.PreparedRequest) -> requests.Response:
        """Send and read to the end; from the first byte on, whatever goes wrong is an unknown outcome."""
        assert request.method is not None
        try:
            self._connection.request(request.method, request.path_url, request.body, request.headers)
            with self._connection.getresponse() as answer:
                return _whole(answer)
        except _Lost:
            raise
        except (OSError, HTTPException, ValueError, OverflowError):  # a chunk's length may be any number
            raise _Lost(Lost.NO_ANSWER) from None

    def _drop(self) -> None:
        self._connection.close()
        self._socket = None

    def close(self) -> None:
        if self._busy.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._busy.release()
        elif (kept := self._socket) is not None:
            with suppress(OSError):  # wakes the thread that waits on it, which then closes it
                socket.shutdown(kept.sock, SHUT_RDWR)


def _whole(answer: HTTPResponse) -> requests.Response:
    if (answer.length or 0) > LARGEST_ANSWER:
        raise _Lost(Lost.OVERSIZED)
    body = answer.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise _Lost(Lost.OVERSIZED)
    headers_may_be_cut = answer.length is None and not answer.chunked and not body
    if answer.length or (headers_may_be_cut and answer.status < HTTPStatus.MULTIPLE_CHOICES):
        raise _Lost(Lost.NO_ANSWER)
    response = requests.Response()
    response.status_code = answer.status
    response._content = body  # noqa: SLF001 - how `requests` itself hands on a body that is read already
    if (after := answer.getheader("Retry-After")) is not None:
        response.headers["Retry-After"] = after
    return response


class Transport:
    """Sends requests to one host, and says which phase failed. Used by many threads at once."""

    def __init__(self, base_url: str, timeouts: Timeouts, ca_bundle: str | None = None) -> None:
        self._base_url, self._timeouts = base_url, timeouts
        self._address = urlsplit(base_url)
        self._tls = (
            ssl.create_default_context(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
            if self._address.scheme == "https"
            else None
        )
        self._local = threading.local()
        self._sessions: list[tuple[threading.Thread, requests.Session]] = []
        self._opening = threading.Lock()

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Reply | Lost:
        """Send one request and return its whole answer, or why there is none. Nothing is sent twice."""
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, self._base_url + path, body
        request.headers = headers  # type: ignore[assignment]  # read only by the adapter above, which needs a mapping
        try:
            response = self._session().send(request, stream=True, allow_redirects=False, proxies={})
        except _Lost as lost:
            return lost.lost
        return Reply(response.status_code, response.headers.get("Retry-After"), response.content)

    def close(self) -> None:
        """Close the connections of all threads; a call under way ends without an answer."""
        with self._opening:
            for _, session in self._sessions:
                session.close()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        return self._open_session() if session is None else session

    def _open_session(self) -> requests.Session:
        host, port, longest = self._address.hostname or "", self._address.port, self._timeouts.connect
        if self._tls is None:
            connection = HTTPConnection(host, port, timeout=longest)
        else:
            connection = HTTPSConnection(host, port, timeout=longest, context=self._tls)
        session = requests.Session()
        session.trust_env = False
        session.adapters.clear()
        session.mount(f"{self._address.scheme}://{self._address.netloc}/", _OneConnection(connection, self._timeouts))
        with self._opening:
            for _, orphan in (kept for kept in self._sessions if not kept[0].is_alive()):
                orphan.close()
            self._sessions = [kept for kept in self._sessions if kept[0].is_alive()]
            self._sessions.append((threading.current_thread(), session))
        self._local.session = session
        return session
