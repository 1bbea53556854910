"""What a surface is, and what is promised of whatever reaches it: it ends in a documented way, and quotes nothing."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

DIVIDER = b"\x1e"
"""Divides the parts of an input, as ASCII's record separator does; JSON text cannot hold it."""

CANARY = "Zebedee-Canary"
"""Stands in the seeds wherever something personal or secret stands."""


class Broken(AssertionError):  # noqa: N818 - what is broken is a promise
    """The real code ended in a way that is not documented, or told what it must not tell."""


Feed = Callable[[bytes], str]
"""Gives one input to the real code and names how it ended; whatever it raises is a broken promise."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A place where bytes of strangers come in.

    `opened` sets the surface up and gives the function that feeds it. `share` is how many of the inputs asked for
    are worth their time: those that go through a socket are slow.
    """

    name: str
    opened: Callable[[], AbstractContextManager[Feed]]
    seeds: tuple[bytes, ...] = field(repr=False)
    share: float = 1.0


def parts(given: bytes, count: int) -> list[bytes]:
    """Return so many parts of an input; the last one holds the rest, and those that are not there are empty."""
    found = given.split(DIVIDER, count - 1)
    return found + [b""] * (count - len(found))


def joined(*given: bytes) -> bytes:
    """Return the parts as one input."""
    return DIVIDER.join(given)


def promise(kept: object, what: str) -> None:
    """Raise `Broken` unless the promise is kept."""
    if not kept:
        raise Broken(what)


def unquoted(where: str, *texts: object) -> None:
    """Raise `Broken` when one of the texts quotes what is personal or secret."""
    for text in texts:
        promise(CANARY not in str(text), f"{where} quotes the input: {text!s:.300}")


def heard(log: io.StringIO) -> None:
    """Raise `Broken` when the log quotes the input; what was heard is forgotten."""
    unquoted("the log", log.getvalue())
    log.seek(0)
    log.truncate()
