"""A webhook on a real port, with a store that the test moves, and a Cirrus that sends to it."""

import io
import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from typing import Any, NamedTuple

import structlog

from adapter.domain.notices import Arrival
from adapter.observe.logging import FOREIGN, Format, LineHandler, configure
from adapter.settings.webhook import WebhookSettings
from adapter.webhook import Credentials, Gatekeeper, Options, WebhookServer
from tests.values import replace

SECRET = "p4th-secret-0123456789"
PATH = f"/webhook/uni/{SECRET}"
JSON = {"Content-Type": "application/json"}
BODY = b'{"CandidateExtId": "S1000001", "ScheduleExtId": "SIT1"}'
LARGEST = 2_000
OPTIONS = Options(
    host="127.0.0.1",
    port=0,
    threads=4,
    largest_body=LARGEST,
    content_types=("application/json", "text/json", "text/plain"),
    trusted_proxies=(),
    keep_deadline=10.0,
)


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes


@dataclass
class Store:
    """A ledger of notices; the next calls raise what stands in `failures`, and each call waits for nothing else."""

    batches: list[list[Arrival]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def __call__(self, batch: Sequence[Arrival]) -> None:
        """Keep a batch, or fail as told."""
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(list(batch))

    @property
    def arrivals(self) -> list[Arrival]:
        """Everything that was kept."""
        return [arrival for batch in self.batches for arrival in batch]


@dataclass
class Webhook:
    """A running webhook: its port, what it stored, and what it counted."""

    port: int
    store: Store
    statuses: list[str]

    def send(
        self, path: str = PATH, body: bytes = BODY, headers: Mapping[str, str] = JSON, method: str = "POST"
    ) -> Reply:
        """Send one request on a connection of its own."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())

    def send_raw(self, text: bytes) -> bytes:
        """Send bytes as they are; return all that comes back until the server hangs up, or 10 seconds of silence."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(text)
            return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """Read until the other side hangs up."""
    parts: list[bytes] = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        parts.append(b"")
    return b"".join(parts)


@contextmanager
def receiving(
    tenants: Mapping[str, WebhookSettings] | None = None,
    store: Store | None = None,
    **options: Any,  # noqa: ANN401 - handed on to Options
) -> Iterator[Webhook]:
    """Run a webhook; the one tenant `uni` has a secret in its path unless told otherwise."""
    settings = {"uni": WebhookSettings(path_secret=SECRET)} if tenants is None else tenants
    gatekeeper = Gatekeeper({slug: Credentials.of(f"{slug}.example", asked) for slug, asked in settings.items()})
    kept = store if store is not None else Store()
    statuses: list[str] = []
    server = WebhookServer(
        gatekeeper,
        replace(OPTIONS, **options),
        store=kept,
        observe=lambda status, _seconds: statuses.append(status),
    )
    server.start()
    try:
        yield Webhook(server.port, kept, statuses)
    finally:
        server.stop()


@contextmanager
def logged(level: str = "debug", fmt: Format = "json") -> Iterator[io.StringIO]:
    """Log as the program does, into a text; the process's own logging is put back."""
    root = logging.getLogger()
    before, levels = root.level, {name: logging.getLogger(name).level for name in FOREIGN}
    stream = io.StringIO()
    configure(level, fmt, stream)
    try:
        yield stream
    finally:
        for handler in [handler for handler in root.handlers if isinstance(handler, LineHandler)]:
            root.removeHandler(handler)
        root.setLevel(before)
        for name, earlier in levels.items():
            logging.getLogger(name).setLevel(earlier)
        structlog.reset_defaults()
