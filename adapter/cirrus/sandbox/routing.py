"""How a method and path become a rule: a table of templates, without a framework's router in the hot path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from adapter.cirrus.sandbox.answers import Answer
from adapter.cirrus.sandbox.state import Tenant

EXTERNAL_ID = "{id}"


@dataclass(frozen=True, slots=True)
class Call:
    """What a rule needs to know of one request."""

    external_id: str
    query: Mapping[str, str]
    raw: bytes


Rule = Callable[[Tenant, Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: `operation` names it in the inspection; `message` marks the E4 family (§0.3)."""

    method: str
    template: str
    rule: Rule
    message: bool = False

    @property
    def operation(self) -> str:
        """Return the name the inspection API counts by."""
        return f"{self.method} {self.template}"


class Router:
    """Finds the route of a path relative to the API base."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._buckets: dict[tuple[str, int], list[tuple[list[str], Route, str]]] = {}
        for route in routes:
            parts = route.template.strip("/").split("/")
            self._buckets.setdefault((route.method, len(parts)), []).append((parts, route, route.operation))

    def find(self, method: str, path: str) -> tuple[Route, str, str] | None:
        """Return the route, its operation name and the external id in the path; None for an unknown path."""
        parts = path.strip("/").split("/")
        for template, route, operation in self._buckets.get((method, len(parts)), ()):
            external_id = ""
            for expected, given in zip(template, parts, strict=True):
                if expected == EXTERNAL_ID:
                    external_id = given
                elif expected != given:
                    break
            else:
                return route, operation, external_id
        return None
