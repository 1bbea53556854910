"""Faults on demand: which calls go wrong, how, and whether before or after their effect."""

import re
from dataclasses import dataclass, fields
from typing import Literal, get_args

from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.draws import draw

FaultKind = Literal["latency", "status", "throttle", "hang", "reset", "maintenance", "expired_token"]
_ANYTHING = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One order for trouble.

    It applies to calls whose method, path (a regular expression, searched in the path below the
    API base) and tenant match: from the `nth` match on, `count` times (None: until cleared), or at
    `rate` (0 to 1, drawn from the seed). `when="after"` lets the call take effect first.
    """

    kind: FaultKind
    when: Literal["before", "after"] = "before"
    method: str | None = None
    path: str = _ANYTHING
    tenant: str | None = None
    nth: int = 1
    count: int | None = 1
    rate: float | None = None
    status: int = 500
    latency_ms: float = 0.0
    retry_after: int = 1
    hang_seconds: float = 3600.0

    @property
    def name(self) -> str:
        """Return how the call list shows it."""
        return f"{self.kind} {self.when}"


def read_fault(body: Json) -> Fault:
    """Read a fault as the control API gets it; ValueError names what is wrong."""
    known = {field.name for field in fields(Fault)}
    if unknown := body.keys() - known:
        raise ValueError(f"unknown fault fields: {', '.join(sorted(unknown))}")
    if body.get("kind") not in get_args(FaultKind):
        raise ValueError(f"kind must be one of: {', '.join(get_args(FaultKind))}")
    if body.get("when", "before") not in {"before", "after"}:
        raise ValueError("when must be before or after")
    fault = Fault(**body)
    re.compile(fault.path)
    return fault


@dataclass(slots=True)
class _Armed:
    fault: Fault
    number: int
    matched: int = 0
    applied: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with one call: a delay, and at most one fault."""

    delay_ms: float = 0.0
    fault: Fault | None = None

    def strikes(self, when: Literal["before", "after"]) -> Fault | None:
        """Return the fault if it is due at this point of the call."""
        return self.fault if self.fault is not None and self.fault.when == when else None


_NO_TROUBLE = Trouble()


class FaultPlan:
    """The armed faults, in the order they were given; delays add up, the first other fault wins."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._armed: list[_Armed] = []
        self._numbered = 0

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        self._numbered += 1
        self._armed.append(_Armed(fault, self._numbered))

    def clear(self) -> None:
        """Disarm every fault."""
        self._armed.clear()
        self._numbered = 0

    def draw(self, method: str, path: str, tenant: str | None) -> Trouble:
        """Return what goes wrong with this call; each armed fault counts the calls that match it."""
        if not self._armed:
            return _NO_TROUBLE
        delay = 0.0
        struck: Fault | None = None
        for armed in self._armed:
            if not _matches(armed.fault, method, path, tenant):
                continue
            armed.matched += 1
            if struck is not None and armed.fault.kind != "latency":
                continue
            if not self._fires(armed):
                continue
            delay += armed.fault.latency_ms
            if armed.fault.kind != "latency":
                struck = armed.fault
        return Trouble(delay, struck)

    def view(self) -> list[Json]:
        """Return the armed faults with how often each matched and was applied."""
        return [{"fault": armed.fault, "matched": armed.matched, "applied": armed.applied} for armed in self._armed]

    def _fires(self, armed: _Armed) -> bool:
        fault = armed.fault
        if armed.matched < fault.nth or (fault.count is not None and armed.applied >= fault.count):
            return False
        if fault.rate is not None and draw(self._seed, "fault", armed.number, armed.matched) >= fault.rate:
            return False
        armed.applied += 1
        return True


def _matches(fault: Fault, method: str, path: str, tenant: str | None) -> bool:
    return (
        (fault.method is None or fault.method == method)
        and (fault.tenant is None or fault.tenant == tenant)
        and re.search(fault.path, path) is not None
    )
