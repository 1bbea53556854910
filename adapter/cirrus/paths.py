"""Paths: method and path of each operation, as documented, and which external ids may become part of one.

Source: cirrus-api.md table A; the documentation contradicts itself in places (D.4), so a tenant may set
another path by operation name, and where two are documented the other one is tried after a 404.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self
from urllib.parse import quote, urlencode

from adapter.errors import ConfigurationError

PLACE = "{externalId}"
SENDABLE = re.compile(r"[A-Za-z0-9-]{1,60}")
RULE = "1 to 60 letters, digits and dashes"


def sendable(external_id: str) -> bool:
    """Tell whether Cirrus accepts the form of this id (section 0, "External-ID alphabet")."""
    return SENDABLE.fullmatch(external_id) is not None


@dataclass(frozen=True, slots=True)
class Route:
    """The method and the path of one operation; `alternative` where the documentation names two paths."""

    method: str
    template: str
    alternative: str | None = None

    @property
    def templates(self) -> tuple[str, ...]:
        """The paths to try, the likelier one first."""
        return (self.template,) if self.alternative is None else (self.template, self.alternative)


def fill(template: str, external_id: str, query: Mapping[str, str]) -> str:
    """Return the path with the id in its place, and the query; no character of an id can end its segment."""
    path = template.replace(PLACE, quote(external_id, safe=""))
    return f"{path}?{urlencode(query)}" if query else path


DOCUMENTED = MappingProxyType(
    {
        "read_candidate": Route("GET", "/user/{externalId}"),
        "create_candidate": Route("POST", "/user"),
        "change_candidate": Route("PATCH", "/user/{externalId}"),
        "delete_candidate": Route("DELETE", "/user/{externalId}"),
        "read_schedule": Route("GET", "/external/schedule/{externalId}"),
        "read_attempts": Route("GET", "/external/schedule/{externalId}/attempt-info"),
        "read_results": Route("GET", "/results"),
        "publish_schedule": Route("POST", "/schedule"),
        "seat_candidates": Route("POST", "/schedule/add-candidates"),
        "draft_schedule": Route("POST", "/external/schedule"),
        "change_schedule": Route("PATCH", "/external/schedule/{externalId}"),
        "list_candidates": Route(
            "PUT", "/schedule/{externalId}/candidates", "/external/schedule/{externalId}/candidates"
        ),
        "unlist_candidates": Route("DELETE", "/external/schedule/{externalId}/candidates"),
        "activate_schedule": Route("PUT", "/external/schedule/{externalId}/activate"),
        "delete_schedule": Route("DELETE", "/external/schedule/{externalId}"),
    }
)


@dataclass(frozen=True, slots=True)
class Paths:
    """The route of each operation, by its name."""

    routes: Mapping[str, Route] = field(default_factory=lambda: DOCUMENTED)

    @classmethod
    def with_settings(cls, templates: Mapping[str, str]) -> Self:
        """Return the documented routes but for those that a tenant's settings name; these have no alternative."""
        return cls(MappingProxyType({**DOCUMENTED, **{name: _set(name, path) for name, path in templates.items()}}))


def _set(name: str, template: str) -> Route:
    key = f"cirrus.paths.{name}"
    if (route := DOCUMENTED.get(name)) is None:
        raise ConfigurationError(key, "there is no such operation", f"use one of {', '.join(DOCUMENTED)}")
    rest = template.replace(PLACE, "x")
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", rest) or {".", ".."} & {*rest.split("/")}:
        raise ConfigurationError(key, f"'{template}' is not a path", "begin with / and add no query")
    if template.count(PLACE) != route.template.count(PLACE):
        raise ConfigurationError(key, f"'{template}' has another number of {PLACE}", f"write it like {route.template}")
    return replace(route, template=template, alternative=None)
