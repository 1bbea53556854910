"""The client: carries out one step through the REST API of Cirrus and says what came back, as an `Answer`.

It never raises for what Cirrus or the network does, never sends anything twice (but for a path that the
documentation gives in two spellings, after a 404 on the first), and decides nothing: that is `judge`'s.
Sources: cirrus-api.md sections 0, 1, 5, 6, 9 and D.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from time import monotonic
from urllib.parse import urlsplit

import structlog

from adapter import __version__
from adapter.cirrus.bodies import Dialect
from adapter.cirrus.calls import Call, call_for
from adapter.cirrus.classify import LOST, classify
from adapter.cirrus.paths import Paths, fill
from adapter.cirrus.results import ResultFields
from adapter.cirrus.transport import Lost, Timeouts, Transport
from adapter.cirrus.wire import Reading
from adapter.domain.answers import Accepted, Answer, Forbidden, Garbled, Refused
from adapter.domain.ports import Clock
from adapter.domain.steps import Step
from adapter.errors import ConfigurationError

log = structlog.get_logger(__name__)

Observe = Callable[[str, str, float, int], None]
"""Hears of each call: operation, HTTP status or a word for why there is none, seconds, candidates in it."""

NO_SUCH_PATH = Garbled(404)
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What a tenant's settings change about calls; times are in seconds.

    `external_attempts` and `upsert` are the options of section 5.1. `zone` is where times without a zone are
    read, `launch_origin` completes launch links that come without their host, `ca_bundle` is a file of
    certificates to trust instead of the public ones, `result_fields` are the names in results.
    """

    external_attempts: bool = False
    upsert: bool = False
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    zone: tzinfo = UTC
    launch_origin: str | None = None
    ca_bundle: str | None = None
    result_fields: ResultFields = field(default_factory=ResultFields)


class CirrusClient:
    """The REST API of Cirrus for one tenant; implements `adapter.domain.ports.Platform`.

    `base_url` is what every path follows (`adapter.cirrus.regions.base_url`). `token` is asked for the API
    token at each call, so that a rotated one is used at once. Safe to use from many threads.
    """

    def __init__(
        self,
        base_url: str,
        token: Callable[[], str],
        *,
        paths: Paths,
        options: ClientOptions,
        observe: Observe,
        clock: Clock,
    ) -> None:
        longest = options.read_timeout * 2
        self._transport = Transport(
            _checked(base_url), Timeouts(options.connect_timeout, options.read_timeout, longest), options.ca_bundle
        )
        self._token, self._paths, self._observe, self._clock = token, paths, observe, clock
        self._dialect = Dialect(options.external_attempts, options.upsert)
        self._reading = Reading(options.zone, options.launch_origin)
        self._fields = options.result_fields
        self._working: dict[str, str] = {}
        self._authorised: tuple[str, Mapping[str, str]] = ("", {})
        self._refused: Mapping[str, str] | None = None
        self._unreadable = ""

    def renewed(self) -> bool:
        """Tell whether the token of this moment is another one than Cirrus has refused, and could be sent."""
        headers = self._headers()
        return headers is not None and headers != self._refused

    def perform(self, step: Step) -> Answer:
        """Carry out one step and return what came back; blocks up to the connect and twice the read timeout."""
        call = call_for(step, self._dialect, self._reading, self._fields)
        if not isinstance(call, Call):
            return call
        headers = self._headers()
        if headers is None:
            self._refused = None
            return Forbidden(0)
        route = self._paths.routes[call.operation]
        answer: Answer = NO_SUCH_PATH
        for template in sorted(route.templates, key=lambda each: each != self._working.get(call.operation)):
            answer = self._send(call, route.method, fill(template, call.external_id, call.query), headers)
            if isinstance(answer, Forbidden):
                self._refused = headers
            if answer != NO_SUCH_PATH:
                if isinstance(answer, Accepted | Refused):
                    self._working[call.operation] = template
                break
        return answer

    def close(self) -> None:
        """Close pooled connections; a call under way ends as `NoAnswer`."""
        self._transport.close()

    def _send(self, call: Call, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        begun = monotonic()
        reply = self._transport.exchange(method, path, headers, call.body)
        seconds = monotonic() - begun
        status = reply.value if isinstance(reply, Lost) else str(reply.status)
        self._observe(call.operation, status, seconds, call.items)
        log.debug("cirrus call", operation=call.operation, status=status, seconds=round(seconds, 4), items=call.items)
        return LOST[reply] if isinstance(reply, Lost) else classify(reply, call, self._clock)

    def _headers(self) -> Mapping[str, str] | None:
        """Return the headers with the token of this moment, None when there is none that a header could carry."""
        token, headers = self._authorised
        try:
            now = self._token()
        except (ConfigurationError, OSError) as error:  # a secret that is away halts the tenant, not the process
            if str(error) != self._unreadable:  # said once: a halted tenant looks several times a second
                self._unreadable = str(error)
                log.warning("the token cannot be read", error=self._unreadable)
            return None
        self._unreadable = ""
        if now != token:
            if not _TOKEN.fullmatch(now):
                return None
            headers = {
                "Authorization": f"EAPI {now}",
                "Content-type": "application/json",
                "Accept": "application/json",
                "User-Agent": f"cirrus-adapter/{__version__}",
            }
            self._authorised = (now, headers)
        return headers or None


def _checked(base_url: str) -> str:
    """Return the URL without a final slash, raise `ConfigurationError` when no path could follow it."""
    try:
        parts = urlsplit(base_url)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole or any(mark in base_url for mark in "?#@"):
        raise ConfigurationError(
            "cirrus.base_url", "it is not a plain http(s) URL", "write it like https://api.example/api/v1/integrations"
        )
    return base_url.rstrip("/")
