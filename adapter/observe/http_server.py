"""An HTTP server in threads of its own, between `start` and `stop`: what every port of the adapter stands on."""

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event, Lock, Thread
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

LOOK_EVERY = 1.0

_UNHEARD = logging.getLogger(f"{__name__}.unheard")
_UNHEARD.disabled = True
"""Takes the line that the server would write with each request while all its threads are busy."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may cost: sizes in bytes, times in seconds.

    An answer waits for one of the `threads`. A request has to be whole `request_seconds` after its first byte:
    were silence alone a reason to hang up, a byte now and then would hold a connection for ever.
    """

    threads: int = 4
    largest_body: int = 1023
    largest_head: int = 262_144
    connections: int = 100
    idle_seconds: int = 30
    request_seconds: float = 60.0


def _nobody(status: HTTPStatus) -> None:
    _ = status


class HttpServer:
    """Serves one WSGI application.

    What is no request at all, or too large, is refused before the application hears of it: `on_refusal` is told
    with which status. The application must not raise, since the server would log the path with the error. It gets
    the headers that proxies set as they came, and has to decide itself whom it believes.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        host: str,
        port: int,
        *,
        name: str,
        limits: Limits,
        on_refusal: Callable[[HTTPStatus], None] = _nobody,
    ) -> None:
        self._app = app
        self._address = (host, port)
        self._name = name
        self._limits = limits
        self._on_refusal = on_refusal
        self._stopping = Event()
        self._waking = Lock()
        self._sockets: dict[int, Any] = {}
        self._server: Any = None
        self._thread: Thread | None = None
        self._unfinished: dict[Any, tuple[Any, float]] = {}
        self._looked_at = 0.0

    @property
    def port(self) -> int:
        """The port that is listened on; the one asked for until `start` has returned."""
        return self._address[1]

    def alive(self) -> bool:
        """Tell whether requests are answered."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Listen and serve; port 0 takes any free port. Raises `OSError`, which names it, when it cannot be had."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        try:
            listening = socket.create_server(self._address, family=family)
        except OSError as error:
            host, port = self._address
            raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._address = (self._address[0], listening.getsockname()[1])
        self._server = create_server(
            self._app,
            map=self._sockets,
            sockets=[listening],
            threads=self._limits.threads,
            ident=None,
            channel_timeout=self._limits.idle_seconds,
            connection_limit=self._limits.connections,
            max_request_header_size=self._limits.largest_head,
            max_request_body_size=self._limits.largest_body + 1,  # which is the first size that is refused
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,  # a client that hangs up is no error of ours, and the line would name the path
        )
        self._server.channel_class = self._channel
        self._server.task_dispatcher.queue_logger = _UNHEARD
        self._thread = Thread(target=self._serve, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every socket, after 5 s at most for what is being answered; may be called twice."""
        if self._thread is None:
            return
        with self._waking:
            self._stopping.set()
            if self._thread.is_alive():
                self._server.pull_trigger()
        self._thread.join()
        self._thread = None

    def _serve(self) -> None:
        # The sockets are closed by the thread that selects on them: nobody else may touch them.
        try:
            while not self._stopping.is_set():
                wasyncore.loop(timeout=LOOK_EVERY, use_poll=True, map=self._sockets, count=1)
                self._drop_the_slow(time.monotonic())
        finally:
            self._server.task_dispatcher.shutdown()
            with self._waking:
                pass  # whoever woke us has let go of the trigger, whose number may belong to another file soon
            wasyncore.close_all(self._sockets)

    def _channel(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - made and used by the server alone
        channel: Any = HTTPChannel(*arguments, **named)
        channel.error_task_class = self._refuse
        return channel

    def _refuse(self, channel: Any, request: Any) -> Any:  # noqa: ANN401 - made and used by the server alone
        self._on_refusal(HTTPStatus(request.error.code))
        return ErrorTask(channel, request)

    def _drop_the_slow(self, now: float) -> None:
        if now < self._looked_at + LOOK_EVERY:
            return
        self._looked_at = now
        unfinished: dict[Any, tuple[Any, float]] = {}
        for channel in tuple(self._server.active_channels.values()):
            request, since = self._unfinished.get(channel, (None, now))
            if channel.request is None or channel.requests:
                continue
            if channel.request is not request:
                since = now
            if now - since < self._limits.request_seconds:
                unfinished[channel] = (channel.request, since)
            else:
                self._on_refusal(HTTPStatus.REQUEST_TIMEOUT)
                channel.handle_close()
        self._unfinished = unfinished
