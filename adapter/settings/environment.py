"""Settings from variables: `CIRRUS_ADAPTER_<SECTION>__<KEY>`, deeper keys after further double underscores."""

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from adapter.errors import ConfigurationError

PREFIX = "CIRRUS_ADAPTER_"
DIVIDER = "__"
CONFIG = f"{PREFIX}CONFIG"
TEST_PREFIX = f"{PREFIX}TEST_"


class EnvironmentSource(PydanticBaseSettingsSource):
    """Reads a given environment, and refuses what it does not know.

    Names are not case sensitive below the prefix. Lists and tables of free keys are given as JSON. After a
    call, `problems` holds what was refused, and `names` which variable each key came from.
    """

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._environ = environ
        self.problems: list[ConfigurationError] = []
        self.names: dict[tuple[str, ...], str] = {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return one section's values; part of the base class's contract."""
        return self().get(field_name), field_name, model_of(field.annotation) is not None

    def __call__(self) -> dict[str, Any]:
        """Return the tree that the variables spell."""
        tree: dict[str, Any] = {}
        self.problems.clear()
        for name in sorted(self._environ):
            if name.startswith(PREFIX) and name != CONFIG and not name.startswith(TEST_PREFIX):
                self._take(name, tree)
        return tree

    def _take(self, name: str, tree: dict[str, Any]) -> None:
        path = tuple(name.removeprefix(PREFIX).lower().split(DIVIDER))
        annotation = annotation_at(self.settings_cls, path)
        if annotation is None:
            self._refuse_name(name, path)
            return
        branch = tree
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        try:
            branch[path[-1]] = _value(annotation, self._environ[name])
        except (ValueError, RecursionError):
            problem = ConfigurationError(name, "it is not JSON", "give the list or table as JSON")
            self.problems.append(problem)
            return
        self.names[path] = name

    def _refuse_name(self, name: str, path: tuple[str, ...]) -> None:
        slug = path[1] if path[0] == "tenants" and len(path) > 1 else "<slug>"
        known = [variable(key) for key in key_paths(self.settings_cls, slug)]
        near = get_close_matches(name.upper(), known, n=1, cutoff=0.7)
        remedy = f"did you mean {near[0]}?" if near else "remove it, or see the reference of settings for its name"
        self.problems.append(ConfigurationError(name, "there is no such setting", remedy))


def variable(path: Iterable[str]) -> str:
    """Return the name of the variable that sets the key at `path`."""
    return PREFIX + DIVIDER.join(path).upper()


def key_paths(model: type[BaseModel], slug: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key that can be set, with `slug` as the only tenant."""
    for name, field in model.model_fields.items():
        inner, table = model_of(field.annotation), tenant_model(field.annotation)
        if table is not None and name == "tenants":
            yield from ((name, slug, *rest) for rest in key_paths(table, slug))
        elif inner is not None:
            yield from ((name, *rest) for rest in key_paths(inner, slug))
        else:
            yield (name,)


def annotation_at(model: type[BaseModel], path: tuple[str, ...]) -> Any:  # noqa: ANN401 - a type, of any form
    """Return the type of the key at `path`; None when it is unknown or a whole section."""
    field = model.model_fields.get(path[0])
    if field is None:
        return None
    inner, rest = model_of(field.annotation), path[1:]
    if path[0] == "tenants" and inner is None:
        inner, rest = tenant_model(field.annotation), path[2:]
    if inner is not None:
        return annotation_at(inner, rest) if rest else None
    return field.annotation if not rest else None


def model_of(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type, of any form
    """Return the section that a field holds, None for a plain value."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def tenant_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type, of any form
    """Return the section that is the value of a table, None for anything else."""
    arguments = get_args(annotation)
    return model_of(arguments[1]) if len(arguments) == 2 else None  # noqa: PLR2004 - key and value


def _value(annotation: Any, text: str) -> Any:  # noqa: ANN401 - a type, of any form
    return json.loads(text) if _is_container(annotation) else text


def _is_container(annotation: Any) -> bool:  # noqa: ANN401 - a type, of any form
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_container(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return any(_is_container(part) for part in get_args(annotation))
    return isinstance(origin, type) and issubclass(origin, Mapping | tuple)
