"""Mutate: one hostile input out of good ones, by the structure of its JSON and by its bytes.

The chances are a parameter: the same ones give the same input, and Hypothesis can draw, and shrink, them.
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.fuzz import nasties
from tests.fuzz.promises import DIVIDER

SELDOM = 400
"""One value in so many is a heavy one."""

MUTATIONS = (1, 1, 1, 2, 3, 5)
"""Of one input: most often one, since two may hide each other."""

DEEPEST = 400
"""Levels of a value that is changed by its structure; what is deeper is bytes."""

_VALUES = tuple(nasties.VALUES.values())
_PIECES = (*nasties.TEXTS.values(), *nasties.BYTES.values())
_HEAVY = tuple(nasties.HEAVY)


class Raw(bytes):
    """JSON text that is written as it is."""


class Pairs(list[Any]):
    """A JSON object as pairs `[key, value]`, so that a key may stand in it twice."""


Place = tuple[list[Any], int]
"""Where a value stands: in a list, or as the second of a pair."""


def mutated(seeds: Sequence[bytes], chances: Random) -> bytes:
    """Return one of the seeds, changed in a few places."""
    given = chances.choice(seeds).split(DIVIDER)
    for _ in range(chances.choice(MUTATIONS)):
        index = chances.randrange(len(given))
        tree = _parsed(given[index])
        if tree is not None and chances.randrange(4):
            given[index] = _written(_regrown(tree, chances))
        else:
            given[index] = _bitten(given[index], seeds, chances)
    return DIVIDER.join(given)


def _parsed(text: bytes) -> list[Any] | None:
    """Return the value in a list of its own, so that it stands somewhere; None when it is no JSON, or too much."""
    if not text or len(text) > nasties.MEGA // 10:
        return None
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: Pairs([list(pair) for pair in pairs]))
    except (ValueError, RecursionError):
        return None
    return [value] if _depth(value) < DEEPEST else None


def _depth(value: object) -> int:
    """Return how many levels a value has, as far as it matters."""
    level, depth = [value], 0
    while level and depth < DEEPEST:
        level = [inner for held in level if isinstance(held, list) for inner in held]
        depth += 1
    return depth


def _written(tree: list[Any]) -> bytes:
    out: list[bytes] = []
    _write(tree[0], out.append)
    return b"".join(out)


def _write(value: Any, put: Callable[[bytes], None]) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, Raw):
        put(value)
    elif isinstance(value, Pairs):
        put(b"{")
        for number, (key, inner) in enumerate(value):
            put(b"," if number else b"")
            _write(key, put)
            put(b":")
            _write(inner, put)
        put(b"}")
    elif isinstance(value, list):
        put(b"[")
        for number, inner in enumerate(value):
            put(b"," if number else b"")
            _write(inner, put)
        put(b"]")
    else:
        put(_plain(value))


def _plain(value: Any) -> bytes:  # noqa: ANN401 - any JSON value but lists and objects
    text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode("utf-8", "surrogateescape")  # what was no UTF-8 in the first place stays as it was
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _places(tree: list[Any]) -> list[Place]:
    found: list[Place] = []
    waiting: list[list[Any]] = [tree]
    while waiting:
        held = waiting.pop()
        for index, value in enumerate(held):
            place, at = (value, 1) if isinstance(held, Pairs) else (held, index)
            found.append((place, at))
            if isinstance(place[at], list):
                waiting.append(place[at])
    return found


def _regrown(tree: list[Any], chances: Random) -> list[Any]:
    held, index = chances.choice(_places(tree))
    value = held[index]
    match chances.randrange(9):
        case 0 if isinstance(value, list) and value:
            del value[chances.randrange(len(value))]
        case 1 if isinstance(value, list) and value:
            value.insert(chances.randrange(len(value) + 1), chances.choice(value))
        case 2:
            held[index] = _retyped(value, chances)
        case 3:
            depth = chances.choice((1, 2, 7, 50, 255, 1000))
            opened, closed = chances.choice(((b"[", b"]"), (b'{"a":', b"}")))
            held[index] = Raw(opened * depth + _written([value]) + closed * depth)
        case 4 if isinstance(value, Pairs) and value:
            pair = chances.choice(value)
            pair[0] = _renamed(pair[0], chances)
        case 5:
            other, place = chances.choice(_places(tree))
            copied = Raw(_written([other[place]]))
            held[index] = copied
        case 6 if isinstance(value, str):
            at = chances.randint(0, len(value))
            piece = chances.choice(_PIECES).decode("utf-8", "surrogateescape")
            held[index] = value[:at] + piece + value[at:]
        case _:
            held[index] = Raw(_nasty(chances))
    return tree


def _retyped(value: Any, chances: Random) -> Any:  # noqa: ANN401 - any JSON value
    match chances.randrange(7):
        case 0:
            return Raw(json.dumps(_written([value]).decode("utf-8", "replace")).encode())
        case 1:
            return [value]
        case 2:
            return Pairs([["a", value]])
        case 3:
            return None
        case 4:
            return chances.choice((True, False))
        case 5:
            return chances.choice((0, -1, 1, 1.5, 2**31, 2**63, 2**64, -(2**63) - 1))
        case _:
            return ""


def _renamed(key: Any, chances: Random) -> Any:  # noqa: ANN401 - a text, or raw
    if isinstance(key, str) and chances.randrange(2):
        return chances.choice((key.upper(), key.lower(), key.swapcase(), key + " ", key[1:]))
    return chances.choice(_PIECES).decode("utf-8", "surrogateescape")


def _nasty(chances: Random) -> bytes:
    if chances.randrange(SELDOM) == SELDOM - 1:
        return nasties.HEAVY[chances.choice(_HEAVY)]()
    return chances.choice(_VALUES)


def _bitten(text: bytes, seeds: Sequence[bytes], chances: Random) -> bytes:
    start = chances.randint(0, len(text))
    end = min(len(text), start + chances.choice((0, 1, 2, 4, 16, 64)))
    match chances.randrange(8):
        case 0 if text:
            at = chances.randrange(len(text))
            return text[:at] + bytes([text[at] ^ (1 << chances.randrange(8))]) + text[at + 1 :]
        case 1:
            return text[:start] + text[end:]
        case 2:
            return text[:end] + text[start:end] * chances.choice((1, 2, 100)) + text[end:]
        case 3:
            return text[:start]
        case 4:
            other = chances.choice(seeds)
            at = chances.randint(0, len(other))
            return text[:start] + other[at : at + chances.choice((1, 8, 64, 1000))] + text[end:]
        case 5:
            return text[:start] + bytes([chances.randrange(256)]) + text[end:]
        case 6:
            return text[:start] + _nasty(chances) + text[end:]
        case _:
            return text[:start] + chances.choice(_PIECES) + text[end:]
