"""Every key of the settings with its form, default and meaning, read from the sections themselves."""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from adapter.settings import Settings
from adapter.settings.environment import model_of, tenant_model


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `default` and `example` are written as in TOML, None where there is none."""

    name: str
    form: str
    meaning: str
    default: str | None
    example: str | None
    required: bool


@dataclass(frozen=True, slots=True)
class Table:
    """One section of the file; `path` is its heading, with `slug` in a tenant's place."""

    path: tuple[str, ...]
    meaning: str
    keys: tuple[Key, ...]


def tables(slug: str) -> Iterator[Table]:
    """Yield every section in the order of the file."""
    for name, field in Settings.model_fields.items():
        if (section := model_of(field.annotation)) is not None:
            yield from _tables(section, (name,))
        elif (section := tenant_model(field.annotation)) is not None:
            yield from _tables(section, (name, slug))


def _tables(section: type[BaseModel], path: tuple[str, ...]) -> Iterator[Table]:
    inner: list[tuple[str, type[BaseModel]]] = []
    keys: list[Key] = []
    meanings = _meanings(section)
    for name, field in section.model_fields.items():
        deeper = model_of(field.annotation)
        if deeper is not None and not field.examples:
            inner.append((name, deeper))
        else:
            keys.append(_key(name, field, meanings.get(name)))
    yield Table(path, _one_line(inspect.getdoc(section)), tuple(keys))
    for name, deeper in inner:
        yield from _tables(deeper, (*path, name))


def _meanings(section: type[BaseModel]) -> dict[str, str]:
    """Return the text under each field of a section, or of one that it extends."""
    meanings: dict[str, str] = {}
    for each in reversed(section.__mro__[: section.__mro__.index(BaseModel)]):
        [body] = ast.parse(inspect.getsource(each)).body
        assert isinstance(body, ast.ClassDef)
        for statement, below in pairwise(body.body):
            match statement, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    meanings[name] = text
                case _:
                    pass
    return meanings


def _key(name: str, field: FieldInfo, meaning: str | None) -> Key:
    default = field.get_default(call_default_factory=True, validated_data={})
    example = field.examples[0] if field.examples else None
    return Key(
        name=name,
        form=_form(field.annotation, field.metadata),
        meaning=_one_line(meaning),
        default=None if default is None or default is PydanticUndefined else toml(default),
        example=None if example is None else toml(example),
        required=field.is_required(),
    )


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def toml(value: Any) -> str:  # noqa: ANN401 - any setting
    """Return a value as TOML writes it."""
    match value:
        case SecretStr():
            return toml(value.get_secret_value())
        case Mapping():
            pairs = cast("Mapping[str, Any]", value).items()
            return "{" + ", ".join(f"{_toml_key(key)} = {toml(item)}" for key, item in pairs) + "}"
        case tuple() | list():
            return "[" + ", ".join(toml(item) for item in cast("list[Any]", value)) + "]"
        case Enum():
            return toml(value.value)
        case Path():
            return toml(str(value))
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return json.dumps(value, ensure_ascii=False)


def _toml_key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def _form(annotation: Any, metadata: list[Any]) -> str:  # noqa: ANN401 - a type, of any form
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _form(arguments[0], [*metadata, *arguments[1:]])
    if origin in (Union, UnionType):
        return _form(next(part for part in arguments if part is not type(None)), metadata)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "table"
    if origin is tuple:
        return "list of text"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"table of {' and '.join(f'`{name}`' for name in annotation.model_fields)}"
    return _NAMES.get(cast("type", annotation), "text") + _limits(metadata)


_NAMES = {bool: "true or false", int: "whole number", float: "number", SecretStr: "secret", Path: "file"}


def _limits(metadata: list[Any]) -> str:
    low = next((f"{limit.ge:,}" for limit in metadata if isinstance(limit, annotated_types.Ge)), None)
    over = next((f"{limit.gt:,}" for limit in metadata if isinstance(limit, annotated_types.Gt)), None)
    high = next((f"{limit.le:,}" for limit in metadata if isinstance(limit, annotated_types.Le)), None)
    if high is None:
        return ""
    return f", {low} to {high}" if low is not None else f", more than {over}, {high} at most"
