"""The receiver: answers 200 once a notice is durable, and anything else when it is not.

Cirrus sends again what was not answered with 200, ten times in about three hours, and then never (cirrus-api.md,
section C). So whoever is believed gets 200 for whatever the notice says: what it means is found out later. Nothing
of a request is logged: its path holds a secret, its body may name a candidate.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog

from adapter.domain.notices import Arrival
from adapter.errors import ConfigurationError, LedgerError
from adapter.webhook.authentication import Credentials, Gatekeeper
from adapter.webhook.networks import Networks, sender

LONGEST_CONTENT_TYPE = 200
RETRY_AFTER = "30"
"""Seconds that whoever sends a notice is asked to wait before the next try."""

ANY = "*/*"

_PATH = re.compile(r"/webhook/(?P<slug>[a-z0-9_]{1,60})(?:/(?P<segment>[A-Za-z0-9_-]{1,4096}))?")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and for our log alone, why; `tenant` is the slug, None when the path is nobody's."""

    status: HTTPStatus
    reason: str
    tenant: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Receiver:
    """The WSGI application. `keep` makes a notice durable or raises; `observe` is told statuses and seconds."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        keep: Callable[[Arrival], None],
        *,
        content_types: Iterable[str],
        trusted_proxies: Networks,
        observe: Callable[[str, float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._gatekeeper = gatekeeper
        self._keep = keep
        self._content_types = frozenset(kind.lower() for kind in content_types)
        self._trusted_proxies = trusted_proxies
        self._observe = observe
        self._monotonic = monotonic

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        started = self._monotonic()
        try:
            answer = self._answer(environ)
        except Exception:  # noqa: BLE001 - the server would log it with the path, which holds a secret
            _log.exception("webhook_receiver_failed")
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the adapter")
        self.tell(answer, self._monotonic() - started)
        body = f"{answer.status.phrase}\n".encode()
        headers = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *answer.headers,
        ]
        start_response(f"{answer.status.value} {answer.status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def tell(self, answer: Answer, seconds: float) -> None:
        """Count and log an answer, also one that was given before the request came this far."""
        try:
            self._observe(str(answer.status.value), seconds)
        except Exception:  # noqa: BLE001 - a notice that is stored is answered, whatever is wrong with the counting
            _log.exception("webhook_observer_failed")
        # Whoever looks for holes in the internet gets no line of ours; but what is too large may be a notice.
        heard = answer.tenant is not None or answer.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        log = _log.warning if heard and answer.status is not HTTPStatus.OK else _log.debug
        log("webhook_answered", tenant=answer.tenant, status=answer.status.value, reason=answer.reason)

    def _answer(self, environ: dict[str, Any]) -> Answer:
        path = _PATH.fullmatch(environ["PATH_INFO"])
        if path is None:
            return Answer(HTTPStatus.NOT_FOUND, "no such path")
        slug = path["slug"] if self._gatekeeper.knows(path["slug"]) else None
        try:
            credentials = self._gatekeeper.find(path["slug"], path["segment"])
            if credentials is None or slug is None:
                return Answer(HTTPStatus.NOT_FOUND, "the secret in the path is wrong", slug)
            return self._refused(slug, credentials, environ) or self._received(slug, credentials, environ)
        except ConfigurationError as error:
            if slug is None:
                return Answer(HTTPStatus.NOT_FOUND, "no such path")
            _log.error("webhook_secret_unreadable", tenant=slug, problem=str(error))
            return _unavailable(slug, "a secret cannot be read")

    def _refused(self, slug: str, credentials: Credentials, environ: dict[str, Any]) -> Answer | None:
        """Look at all but the body."""
        if environ["REQUEST_METHOD"] != "POST":
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, "not a POST", slug, (("Allow", "POST"),))
        address = sender(environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""), self._trusted_proxies)
        if not credentials.fit_address(address):
            return Answer(HTTPStatus.FORBIDDEN, "the sender's address is not allowed", slug)
        if not credentials.fit_headers(environ):
            return _unauthorized(slug, credentials, "a header is missing or wrong")
        if "CONTENT_LENGTH" not in environ:
            return Answer(HTTPStatus.LENGTH_REQUIRED, "no body", slug)
        return None

    def _received(self, slug: str, credentials: Credentials, environ: dict[str, Any]) -> Answer:
        """Look at the body, and keep it."""
        body: bytes = environ["wsgi.input"].read()
        content_type = str(environ.get("CONTENT_TYPE", ""))
        kind = content_type.partition(";")[0].strip().lower()
        if not credentials.fit_signature(environ, body):
            return _unauthorized(slug, credentials, "the signature is missing or wrong")
        if not body:
            return Answer(HTTPStatus.BAD_REQUEST, "an empty body", slug)
        if kind and kind not in self._content_types and ANY not in self._content_types:
            return Answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a content type that is not accepted", slug)
        try:
            self._keep(Arrival(credentials.tenant, body, content_type[:LONGEST_CONTENT_TYPE]))
        except LedgerError as error:
            return _unavailable(slug, f"not stored: {error}")
        except Exception as error:  # noqa: BLE001 - its text may hold what the database did not take
            _log.error("webhook_notice_not_storable", tenant=slug, error=type(error).__name__)
            return _unavailable(slug, "it cannot be stored")
        return Answer(HTTPStatus.OK, "stored", slug)


def _unauthorized(slug: str, credentials: Credentials, reason: str) -> Answer:
    basic = credentials.asked.basic_user is not None
    return Answer(HTTPStatus.UNAUTHORIZED, reason, slug, (("WWW-Authenticate", "Basic"),) if basic else ())


def _unavailable(slug: str, reason: str) -> Answer:
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE, reason, slug, (("Retry-After", RETRY_AFTER),))
