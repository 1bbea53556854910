"""The operations server: /metrics, /livez and /readyz on a port of its own, for operators only."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Lock
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from adapter.observe.heartbeats import Heartbeats
from adapter.observe.http_server import HttpServer, Limits
from adapter.observe.redaction import scrub

Check = Callable[[], str | None]
"""Says why the process is not ready, or None when it is; must return within seconds."""

STALL_AFTER = 120.0
CHECK_TURN = 0.25
"""Seconds that a request for /readyz waits for another one to end."""
JSON = "application/json"

log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a page answers."""

    status: HTTPStatus
    content_type: str
    body: bytes = field(repr=False)


class OpsServer:
    """Serves the pages from threads of its own between `start` and `stop`.

    `checks` are asked by /readyz, by name; so are `notes`, which are shown and leave a ready process ready.
    /livez asks nothing but the heartbeats: were it to ask the broker, the ledger or Cirrus, an outage there would
    restart a process that waits correctly.
    """

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        heartbeats: Heartbeats,
        checks: Mapping[str, Check],
        *,
        notes: Mapping[str, Check] | None = None,
        stall_after: float = STALL_AFTER,
    ) -> None:
        pages = Pages(registry, heartbeats, checks, notes or {}, stall_after)
        self._server = HttpServer(pages, host, port, name="ops-server", limits=Limits())
        self._host = host

    @property
    def port(self) -> int:
        """The port that is listened on; the one asked for until `start` has returned."""
        return self._server.port

    def start(self) -> None:
        """Listen and serve; port 0 takes any free port. Raises `OSError` when the port cannot be had."""
        self._server.start()
        log.info("operations server listens", host=self._host, port=self.port)

    def stop(self) -> None:
        """Stop serving and close every socket; may be called twice."""
        self._server.stop()


class Pages:
    """The WSGI application behind the server."""

    def __init__(
        self,
        registry: CollectorRegistry,
        heartbeats: Heartbeats,
        checks: Mapping[str, Check],
        notes: Mapping[str, Check],
        stall_after: float,
    ) -> None:
        self._registry = registry
        self._heartbeats = heartbeats
        self._checks = dict(checks)
        self._notes = dict(notes)
        self._stall_after = stall_after
        self._checking = Lock()

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        method = environ["REQUEST_METHOD"]
        reply = self._reply(method, environ.get("PATH_INFO", ""), environ.get("HTTP_ACCEPT", ""))
        headers = [
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            ("Cache-Control", "no-store"),
        ]
        if reply.status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "GET, HEAD"))
        start_response(f"{reply.status.value} {reply.status.phrase}", headers)
        return [] if method == "HEAD" else [reply.body]

    def _reply(self, method: str, path: str, accept: str) -> Reply:
        if method not in ("GET", "HEAD"):
            return _state(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered here")
        match path:
            case "/metrics":
                encode, content_type = choose_encoder(accept)
                return Reply(HTTPStatus.OK, content_type, encode(self._registry))
            case "/livez":
                return self._live()
            case "/readyz":
                return self._ready()
            case _:
                return _state(HTTPStatus.NOT_FOUND, "the pages are /metrics, /livez and /readyz")

    def _live(self) -> Reply:
        stalled = self._heartbeats.stalled(self._stall_after)
        if stalled:
            return _state(HTTPStatus.SERVICE_UNAVAILABLE, "stalled", {"loops": stalled})
        return _state(HTTPStatus.OK, "live")

    def _ready(self) -> Reply:
        # One at a time: checks that hang must not take the threads that /livez and /metrics need.
        if not self._checking.acquire(timeout=CHECK_TURN):
            return _state(HTTPStatus.SERVICE_UNAVAILABLE, "an earlier check has not ended yet")
        try:
            reasons, notes = _answers(self._checks), _answers(self._notes)
        finally:
            self._checking.release()
        more = {"notes": notes} if notes else {}
        if reasons:
            return _state(HTTPStatus.SERVICE_UNAVAILABLE, "not ready", {"failing": reasons, **more})
        return _state(HTTPStatus.OK, "ready", more)


def _answers(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name: reason for name, check in checks.items() if (reason := _ask(name, check))}


def _ask(name: str, check: Check) -> str | None:
    try:
        reason = check()
    except Exception as error:
        log.exception("a readiness check raised", check=name)
        return f"the check raised {type(error).__name__}; see the log"
    return None if reason is None else scrub(reason)


def _state(status: HTTPStatus, text: str, more: Mapping[str, object] | None = None) -> Reply:
    body = json.dumps({"status": text, **(more or {})}) + "\n"
    return Reply(status, JSON, body.encode())
