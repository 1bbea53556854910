"""A gateway before the simulated Cirrus that answers some calls itself, and quotes what it was sent, rudely."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Rudeness:
    """An answer to the next `times` calls whose method and path match and whose body holds `about`.

    In `text`, `{token}` is the header Authorization, `{body}` what was sent, `{json}` the same inside a JSON text.
    """

    call: str
    status: int
    text: str
    about: str = ""
    content_type: str = "application/json"
    times: int = 1


@dataclass
class Gateway:
    """Forwards every call but those that `rude` matches; `spent` tells how each of these was answered."""

    url: str
    rude: list[Rudeness] = field(default_factory=list)
    spent: list[Rudeness] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, call: str, body: str) -> Rudeness | None:
        """Return what this call is answered with, None when it is forwarded."""
        with self._lock:
            for one in self.rude:
                if self.spent.count(one) < one.times and re.search(one.call, call) and one.about in body:
                    self.spent.append(one)
                    return one
            return None


@contextmanager
def gateway(target: str) -> Iterator[Gateway]:
    """Run a gateway on a free port before the server at `target`."""
    place = urlsplit(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            rude = running.take(f"{self.command} {self.path}", raw.decode())
            if rude is None:
                self._answer(*self._forwarded(raw))
            else:
                self._answer(rude.status, rude.content_type, _worded(rude.text, self.headers, raw.decode()))

        def _forwarded(self, raw: bytes) -> tuple[int, str, bytes]:
            connection = HTTPConnection(str(place.hostname), place.port, timeout=30)
            try:
                connection.request(self.command, self.path, raw or None, dict(self.headers))
                answer = connection.getresponse()
                return answer.status, answer.headers.get_content_type(), answer.read()
            finally:
                connection.close()

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - the names http.server calls

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Gateway(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, name="gateway", daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _worded(text: str, headers: Any, body: str) -> bytes:  # noqa: ANN401 - http.server's headers
    token = str(headers.get("Authorization", ""))
    words = text.replace("{token}", token).replace("{json}", json.dumps(body)[1:-1]).replace("{body}", body)
    return words.encode()
