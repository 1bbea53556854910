"""YAML from JSON values, as much of it as a generated page needs; the runtime has no other use for a YAML library."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def to_yaml(value: Mapping[str, Any]) -> str:
    """Return the value as block-style YAML 1.2, which ends with a newline."""
    return "\n".join(_lines(value, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    match value:
        case Mapping():
            for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
                yield from _entry(f"{indent}{_scalar(str(key))}:", item, indent + "  ")  # pyright: ignore[reportUnknownArgumentType]
        case _:
            for item in value:
                yield from _entry(f"{indent}-", item, indent + "  ")


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(item, Mapping | list) and item:
        yield head
        yield from _lines(item, indent)
    else:
        yield f"{head} {_scalar(item)}"


def _scalar(value: Any) -> str:  # noqa: ANN401 - any JSON value
    match value:
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        case Mapping():
            return "{}"
        case Sequence() if not isinstance(value, str):
            return "[]"
        case _:
            return json.dumps(value, ensure_ascii=False)
