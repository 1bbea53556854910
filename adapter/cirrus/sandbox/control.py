"""A synchronous client of the sandbox's control API, for tests, benchmarks and the demo."""

from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import orjson

from adapter.cirrus.sandbox.answers import Json

_TIMEOUT_SECONDS = 30.0


class ControlError(Exception):
    """The sandbox refused a control call; the message says why."""


class SandboxControl:
    """Talks to one sandbox server; safe to use from several threads, each call is its own connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or 80

    def state(self) -> Json:
        """Return `{"now", "tenants": {name: {users, groups, assessments, schedules}}}`, links included."""
        return cast("Json", self._call("GET", "state"))

    def final_state(self) -> Json:
        """Return the tenants' state without links and clock: equal for two runs with the same effect."""
        return cast("Json", self._call("GET", "state", {"view": "final"}))

    def calls(self, *, bodies: bool = False, limit: int | None = None) -> list[Json]:
        """Return the newest calls, oldest first; queries and bodies only when asked for."""
        query = {"bodies": "1"} if bodies else {}
        if limit is not None:
            query["limit"] = str(limit)
        return cast("list[Json]", self._call("GET", "calls", query))

    def counts(self) -> dict[str, int]:
        """Return the number of calls per operation, such as `{"POST /schedule": 3}`."""
        return cast("dict[str, int]", self.tally()["operations"])

    def tally(self) -> Json:
        """Return all counts: operations, statuses, items, calls, most_at_once, and results (the allowance)."""
        return cast("Json", self._call("GET", "counts"))

    def fault(self, kind: str, **order: Any) -> None:  # noqa: ANN401 - the fields of `faults.Fault`
        """Arm a fault, e.g. `fault("reset", when="after", method="POST", path="^/schedule$")`."""
        self._call("POST", "faults", body={"kind": kind} | order)

    def faults(self) -> list[Json]:
        """Return the armed faults with how often each matched and was applied."""
        return cast("list[Json]", self._call("GET", "faults"))

    def clear_faults(self) -> None:
        """Disarm every fault."""
        self._call("DELETE", "faults")

    def reset(self) -> None:
        """Take the sandbox back to its start: no data, no faults, no calls, original tokens and clock."""
        self._call("POST", "reset")

    def seed_assessments(self, minutes: Mapping[str, int], *, tenant: str | None = None) -> None:
        """Publish assessments, given as external id to duration in minutes; for every tenant unless one is named."""
        listed = [{"id": key, "minutes": value} for key, value in minutes.items()]
        self._call("POST", "assessments", body={"assessments": listed} | _named(tenant))

    def rotate_token(self, tenant: str | None = None) -> str:
        """Expire a tenant's tokens and return its new one."""
        answer = self._call("POST", "token", body={"action": "rotate"} | _named(tenant))
        return str(cast("Json", answer)["token"])

    def expire_token(self, token: str) -> None:
        """Make a token invalid until it is restored."""
        self._call("POST", "token", body={"action": "expire", "token": token})

    def restore_token(self, token: str) -> None:
        """Make an expired token valid again."""
        self._call("POST", "token", body={"action": "restore", "token": token})

    def advance(self, seconds: float) -> str:
        """Move the sandbox clock and return its new moment."""
        return str(cast("Json", self._call("POST", "clock", body={"advance": seconds}))["now"])

    def ui(self, action: str, *, tenant: str | None = None, **wanted: Any) -> None:  # noqa: ANN401 - JSON
        """Act as a person in the Cirrus UI (`people.ACTIONS`), e.g. `ui("deactivate_schedule", schedule="S1")`."""
        self._call("POST", "ui", body={"action": action} | wanted | _named(tenant))

    def webhook(self, url: str, *, tenant: str | None = None, **options: Any) -> None:  # noqa: ANN401 - JSON
        """Set up a tenant's webhook, e.g. `webhook(url, payload="full", time_scale=0.01)` (`webhook.Webhook`)."""
        self._call("POST", "webhook", body={"url": url} | options | _named(tenant))

    def remove_webhook(self, *, tenant: str | None = None) -> None:
        """Take a webhook away, with its waiting deliveries; every tenant's unless one is named."""
        self._call("DELETE", "webhook", body=_named(tenant))

    def webhook_counts(self, *, tenant: str | None = None) -> dict[str, int]:
        """Return what became of the notices (`deliveries.Tally`, and `waiting`), of all tenants or one."""
        shown = cast("Json", self._call("GET", "webhook"))
        return cast("dict[str, int]", (shown if tenant is None else shown["tenants"][tenant])["counts"])

    def deliveries(self, *, limit: int | None = None) -> list[Json]:
        """Return the newest POSTs to webhooks, oldest first: n, tenant, candidate, schedule, try, status, time."""
        query = {} if limit is None else {"limit": str(limit)}
        return cast("list[Json]", self._call("GET", "deliveries", query))

    def _call(self, method: str, name: str, query: Mapping[str, str] | None = None, body: Json | None = None) -> object:
        connection = HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        try:
            raw = None if body is None else orjson.dumps(body)
            connection.request(method, f"/_sandbox/{name}?{urlencode(query or {})}", body=raw)
            response = connection.getresponse()
            value = cast("object", orjson.loads(response.read()))
        finally:
            connection.close()
        if response.status != 200:  # noqa: PLR2004 - HTTP OK
            raise ControlError(f"{method} {name}: {value}")
        return value


def _named(tenant: str | None) -> Json:
    return {} if tenant is None else {"tenant": tenant}
