"""What is told of an exception: its type and where it was raised; its own words only where we know who chose them.

The text of an exception quotes whatever its author had at hand: a parser the value, a driver the row, a handler a
name. No pattern recognises a name. So only our own errors, which never hold one (`adapter.errors`), and what the
operating system says are told in words. Type, file and line of each frame say where to look for the rest.
"""

from collections.abc import Iterator, Sequence
from traceback import walk_tb
from typing import Any, cast

from adapter.errors import AdapterError

WITHHELD = "***"
MOST_FRAMES = 30
MOST_ERRORS = 20
"""Of one chain of causes, or one group."""


def told(error: BaseException) -> list[dict[str, Any]]:
    """Return an exception and what it was caused by, the newest first, as JSON values."""
    return [_one(each, relation) for each, relation in _chain(error)]


def as_text(chain: Sequence[dict[str, Any]]) -> str:
    """Return what `told` returned as people are used to see it: the cause first."""
    return "\n".join(line for one in reversed(chain) for line in _lines(one))


def words(error: BaseException) -> str:
    """Return what an exception says where that can hold nothing personal."""
    if isinstance(error, AdapterError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return WITHHELD


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    seen: set[int] = set()
    each: BaseException | None = error
    relation = ""
    while each is not None and id(each) not in seen and len(seen) < MOST_ERRORS:
        seen.add(id(each))
        yield each, relation
        if each.__cause__ is not None:
            each, relation = each.__cause__, "cause"
        else:
            each, relation = (None if each.__suppress_context__ else each.__context__), "context"


def _one(error: BaseException, relation: str) -> dict[str, Any]:
    frames = [
        {"filename": frame.f_code.co_filename, "lineno": line, "name": frame.f_code.co_name}
        for frame, line in walk_tb(error.__traceback__)
    ]
    shown: dict[str, Any] = {
        "exc_type": type(error).__qualname__,
        "exc_value": words(error),
        "relation": relation,
        "frames": frames[-MOST_FRAMES:],
    }
    if isinstance(error, BaseExceptionGroup):
        members = cast("BaseExceptionGroup[BaseException]", error).exceptions
        shown["exceptions"] = [told(member) for member in members[:MOST_ERRORS]]
    return shown


def _lines(one: dict[str, Any]) -> Iterator[str]:
    yield "Traceback (most recent call last):"
    for frame in one["frames"]:
        yield f'  File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
    yield f"{one['exc_type']}: {one['exc_value']}"
    for member in one.get("exceptions", ()):
        yield from (f"  | {line}" for line in as_text(member).splitlines())
    if one["relation"]:
        yield {"cause": "which caused:", "context": "while it was handled:"}[one["relation"]]
