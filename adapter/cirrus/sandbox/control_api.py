"""The control API under `/_sandbox/`: inspect, break, move the clock, and act as a person in the Cirrus UI."""

from collections.abc import Callable, Mapping
from typing import cast

from adapter.cirrus.sandbox import inspection
from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.calls import CallLog
from adapter.cirrus.sandbox.faults import FaultPlan, read_fault
from adapter.cirrus.sandbox.people import ACTIONS
from adapter.cirrus.sandbox.postman import Postman
from adapter.cirrus.sandbox.reading import number, required_text, rows
from adapter.cirrus.sandbox.sandbox import Sandbox
from adapter.cirrus.sandbox.state import Assessment, Tenant
from adapter.cirrus.sandbox.webhook import read_webhook

Query = Mapping[str, str]

MISTAKES = (Refusal, ValueError, TypeError, KeyError)
"""What a control call raises when the caller is wrong."""


class ControlApi:
    """Answers control calls; `MISTAKES` are the caller's."""

    def __init__(self, sandbox: Sandbox, faults: FaultPlan, log: CallLog, postman: Postman) -> None:
        self._sandbox = sandbox
        self._faults = faults
        self._log = log
        self._postman = postman
        self._calls: dict[tuple[str, str], Callable[[Query, object], object]] = {
            ("GET", "state"): self._state,
            ("GET", "calls"): self._list_calls,
            ("GET", "counts"): self._counts,
            ("GET", "faults"): self._list_faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "reset"): self._reset,
            ("POST", "assessments"): self._seed_assessments,
            ("POST", "token"): self._token,
            ("POST", "clock"): self._clock,
            ("POST", "ui"): self._act,
            ("POST", "webhook"): self._set_webhook,
            ("GET", "webhook"): self._show_webhook,
            ("DELETE", "webhook"): self._remove_webhook,
            ("GET", "deliveries"): self._list_deliveries,
        }

    def answer(self, method: str, name: str, query: Query, body: object) -> object:
        """Answer one control call with a JSON-ready value; LookupError if there is no such call."""
        return self._calls[method, name](query, body)

    def page(self) -> str:
        """Return the page for people."""
        return inspection.page(self._sandbox, self._log, self._postman)

    def _state(self, query: Query, _body: object) -> object:
        if query.get("view") == "final":
            return inspection.final_state(self._sandbox)
        return inspection.state(self._sandbox)

    def _list_calls(self, query: Query, _body: object) -> object:
        bodies = query.get("bodies") == "1"
        return [call.view(bodies=bodies) for call in self._log.newest(_limit(query))]

    def _counts(self, _query: Query, _body: object) -> object:
        return self._log.counts() | {"results": inspection.allowances(self._sandbox)}

    def _list_faults(self, _query: Query, _body: object) -> object:
        return self._faults.view()

    def _add_faults(self, _query: Query, body: object) -> object:
        self._faults.add(read_fault(_object(body)))
        return self._faults.view()

    def _clear_faults(self, _query: Query, _body: object) -> object:
        self._faults.clear()
        return []

    def _reset(self, _query: Query, _body: object) -> object:
        self._sandbox.reset()
        self._faults.clear()
        self._log.clear()
        self._postman.reset()
        return {}

    def _seed_assessments(self, _query: Query, body: object) -> object:
        """Publish assessments: `{"tenant"?, "assessments": [{"id", "minutes"?, "extra_minutes"?, "title"?}]}`."""
        wanted = _object(body)
        tenants = [self._tenant(wanted)] if "tenant" in wanted else list(self._sandbox.tenants.values())
        listed = rows(wanted, "assessments")
        for tenant in tenants:
            for item in listed:
                self._seed(tenant, item)
        return {"seeded": len(listed)}

    def _seed(self, tenant: Tenant, item: Json) -> None:
        assessment_id = required_text(item, "id", 64)
        minutes = number(item, "minutes")
        tenant.assessments[assessment_id] = Assessment(
            assessment_id,
            title=str(item.get("title") or f"Assessment {assessment_id}"),
            code=assessment_id,
            minutes=self._sandbox.options.assessment_minutes if minutes is None else minutes,
            extra_minutes=number(item, "extra_minutes") or 0,
            is_published=True,
        )

    def _token(self, _query: Query, body: object) -> object:
        """Rotate a tenant's token, or expire or restore a token: `{"action", "tenant" or "token"}`."""
        wanted = _object(body)
        match wanted.get("action"):
            case "rotate":
                return {"token": self._sandbox.tokens.rotate(self._tenant(wanted).name)}
            case "expire":
                self._sandbox.tokens.expire(required_text(wanted, "token", 500))
            case "restore":
                self._sandbox.tokens.restore(required_text(wanted, "token", 500))
            case _:
                raise ValueError("action must be rotate, expire or restore")
        return {}

    def _clock(self, _query: Query, body: object) -> object:
        return {"now": self._sandbox.advance(float(_object(body)["advance"])).isoformat()}

    def _act(self, _query: Query, body: object) -> object:
        wanted = _object(body)
        action = ACTIONS.get(str(wanted.get("action")))
        if action is None:
            raise ValueError(f"action must be one of: {', '.join(ACTIONS)}")
        self._sandbox.settle()
        tenant = self._tenant(wanted)
        action(tenant, wanted)
        if papers := tenant.take_announcements():
            self._postman.announce(tenant, papers)
        return {}

    def _set_webhook(self, _query: Query, body: object) -> object:
        """Set up a tenant's webhook: `{"tenant"?, "url", ...}` with the fields of `webhook.Webhook`."""
        wanted = _object(body)
        webhook = read_webhook({key: value for key, value in wanted.items() if key != "tenant"})
        self._postman.configure(self._tenant(wanted).name, webhook)
        return {}

    def _show_webhook(self, _query: Query, _body: object) -> object:
        return self._postman.view()

    def _remove_webhook(self, _query: Query, body: object) -> object:
        """Take the webhook away from the tenant in the body, or from every tenant."""
        wanted = {} if body is None else _object(body)
        for name in [self._tenant(wanted).name] if "tenant" in wanted else self._sandbox.tenants:
            self._postman.remove(name)
        return {}

    def _list_deliveries(self, query: Query, _body: object) -> object:
        return self._postman.tries(_limit(query))

    def _tenant(self, wanted: Json) -> Tenant:
        """Return the tenant a call names; it may be left out where there is only one."""
        tenants = self._sandbox.tenants
        name: object = wanted.get("tenant")
        if name is None and len(tenants) == 1:
            return next(iter(tenants.values()))
        if not isinstance(name, str) or name not in tenants:
            raise Refusal(f"tenant must be one of: {', '.join(tenants)}")
        return tenants[name]


def explain(mistake: Exception) -> str:
    """Return one of `MISTAKES` in words for the caller."""
    return mistake.text if isinstance(mistake, Refusal) else f"{type(mistake).__name__}: {mistake}"


def _limit(query: Query) -> int | None:
    return int(query["limit"]) if "limit" in query else None


def _object(body: object) -> Json:
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return cast("Json", body)
