"""Naming: whether a message that nobody may have understood speaks of a person, by an id or a mail address.

A name counts as a whole word, so that `s12` is not found in `s123`; a short one only as a whole JSON text, because the
message of somebody else must not go.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import orjson

SHORTEST_WORD = 4
"""Letters from which on a name is unlikely to stand in a text by chance."""

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


def speaks_of(body: bytes, names: Iterable[str], tenant: str) -> bool:
    """Tell whether a body names the person of this tenant; what says that it is another tenant's does not."""
    wanted = [name for name in names if name]
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), body.decode(errors="replace"))
        return any(_in_text(name, text) for name in wanted)
    if _tenant(value, tenant) != tenant:
        return False
    texts = list(_texts(value))
    return any(_in_texts(name, texts) for name in wanted)


def without(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value without entries and list items that are one of the names."""
    if isinstance(value, dict):
        kept = {key: each for key, each in cast("dict[str, Any]", value).items() if key not in names}
        return {key: without(each, names) for key, each in kept.items() if not _is_one(each, names)}
    if isinstance(value, list):
        return [without(each, names) for each in cast("list[object]", value) if not _is_one(each, names)]
    return value


def _tenant(value: object, default: str) -> object:
    return cast("dict[str, object]", value).get("tenant", default) if isinstance(value, dict) else default


def _is_one(value: object, names: frozenset[str]) -> bool:
    return isinstance(value, str) and value in names


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            yield from _texts(each)
    elif isinstance(value, dict):
        for key, each in cast("dict[str, object]", value).items():
            yield key
            yield from _texts(each)


def _in_texts(name: str, texts: Iterable[str]) -> bool:
    if len(name) < SHORTEST_WORD:
        return name in texts
    return any(_word(name).search(text) for text in texts)


def _in_text(name: str, text: str) -> bool:
    return f'"{name}"' in text if len(name) < SHORTEST_WORD else _word(name).search(text) is not None


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@.+-]){re.escape(name)}(?![\w@+-]|\.\w)", re.IGNORECASE)
