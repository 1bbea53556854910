"""The webhook as a whole: a port, the receiver behind it, and the writer behind that."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from adapter.domain.notices import Arrival
from adapter.observe.http_server import HttpServer, Limits
from adapter.webhook.authentication import Gatekeeper
from adapter.webhook.networks import Networks
from adapter.webhook.receiver import Answer, Receiver
from adapter.webhook.writer import NoticeWriter

LARGEST_HEAD = 16_384
CONNECTIONS = 500
REQUEST_SECONDS = 30.0
STOP_SECONDS = 15.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Options:
    """Where notices are received, and which; see `adapter.settings.webhook`."""

    host: str
    port: int
    threads: int
    largest_body: int
    content_types: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    keep_deadline: float
    request_seconds: float = REQUEST_SECONDS


class WebhookServer:
    """Receives notices between `start` and `stop`. `store` keeps a batch in one transaction, or raises."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        options: Options,
        *,
        store: Callable[[Sequence[Arrival]], None],
        observe: Callable[[str, float], None],
    ) -> None:
        self._host = options.host
        self._writer = NoticeWriter(store, deadline=options.keep_deadline)
        self._receiver = Receiver(
            gatekeeper,
            self._writer.keep,
            content_types=options.content_types,
            trusted_proxies=Networks.of(options.trusted_proxies),
            observe=observe,
            monotonic=time.monotonic,
        )
        self._server = HttpServer(
            self._receiver,
            options.host,
            options.port,
            name="webhook",
            limits=Limits(
                threads=options.threads,
                largest_body=options.largest_body,
                largest_head=LARGEST_HEAD,
                connections=CONNECTIONS,
                request_seconds=options.request_seconds,
            ),
            on_refusal=self._refused,
        )

    @property
    def port(self) -> int:
        """The port that is listened on; the one asked for until `start` has returned."""
        return self._server.port

    def start(self) -> None:
        """Listen; raises `OSError` when the port cannot be had, and then nothing is running."""
        self._writer.start()
        try:
            self._server.start()
        except OSError:
            self._writer.stop(STOP_SECONDS)
            raise
        _log.info("webhook listens", host=self._host, port=self.port)

    def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Take no more, store and answer what is there; return whether all of it was stored within `seconds`."""
        self._server.stop()
        return self._writer.stop(min(seconds, STOP_SECONDS))

    def problem(self) -> str | None:
        """Say why notices cannot be taken, None when they can; a readiness check."""
        if not self._server.alive():
            return "the webhook does not listen"
        return None if self._writer.alive() else "the writer of notices has ended; restart the process"

    def _refused(self, status: HTTPStatus) -> None:
        self._receiver.tell(Answer(status, "malformed, too large or too slow"), 0.0)
