"""The simulated Cirrus without its HTTP server: tenants, tokens, clock and rules, one call at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from adapter.cirrus.sandbox.answers import Answer, Refusal, refused
from adapter.cirrus.sandbox.options import SandboxOptions
from adapter.cirrus.sandbox.routes import build_router
from adapter.cirrus.sandbox.routing import Call, Route
from adapter.cirrus.sandbox.state import Tenant
from adapter.cirrus.sandbox.timeline import settle
from adapter.cirrus.sandbox.tokens import Tokens

_NOT_ALLOWED = "Not allowed to use external API"
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is aimed at: whose data, which endpoint, which external id."""

    tenant: Tenant | None
    route: Route | None
    operation: str
    external_id: str


class Sandbox:
    """Several tenants behind their tokens; not thread-safe, the server calls it from one event loop."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self._router = build_router(options)
        self.reset()

    def reset(self) -> None:
        """Forget everything that happened: data, rotated tokens, the clock's offset."""
        self._offset = timedelta()
        self.tokens = Tokens(self.options)
        now = self.now()
        names = dict.fromkeys(self.options.tokens.values())
        self.tenants = {name: Tenant(name, self.options, now) for name in names}

    def now(self) -> datetime:
        """Return the sandbox's present moment."""
        return self.options.now() + self._offset

    def advance(self, seconds: float) -> datetime:
        """Move the clock and return the new moment."""
        self._offset += timedelta(seconds=seconds)
        self.settle()
        return self.now()

    def settle(self) -> None:
        """Let every tenant's preparation and archiving catch up with the clock."""
        now = self.now()
        for tenant in self.tenants.values():
            settle(tenant, now)

    def aim(self, method: str, path: str, authorization: str | None) -> Target:
        """Resolve a request's path (relative to the API base) and its authorization."""
        name = self.tokens.tenant_of(authorization)
        tenant = None if name is None else self.tenants[name]
        found = self._router.find(method, path)
        if found is None:
            return Target(tenant, None, "unknown", "")
        route, operation, external_id = found
        return Target(tenant, route, operation, external_id)

    def answer(self, target: Target, query: Mapping[str, str], raw: bytes) -> Answer:
        """Answer one call; everything it changes is changed when this returns."""
        if target.tenant is None:
            return self.not_allowed()
        if target.route is None:
            return Answer(404, {"Message": "Url not found"})
        settle(target.tenant, self.now())
        try:
            return target.route.rule(target.tenant, Call(target.external_id, query, raw))
        except Refusal as refusal:
            return refused(refusal, message=target.route.message)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str,
        query: Mapping[str, str] = _NOTHING,
    ) -> Answer:
        """Answer one call given as Python values, as `Authorization: EAPI <token>` would get it."""
        raw = b"" if body is None else orjson.dumps(body)
        return self.answer(self.aim(method, path, f"EAPI {token}"), query, raw)

    def not_allowed(self) -> Answer:
        """Answer for a token that opens nothing (§0)."""
        return refused(Refusal(_NOT_ALLOWED, status=self.options.refused_status), message=False)
