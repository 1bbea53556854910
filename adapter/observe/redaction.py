"""The last safety net of the log: masks secrets and personal data that should not have come this far.

The first line of defence is not to log them. This net works on the finished event, after exceptions have
been formatted: values under telling keys are masked whole, and in every text what looks like a token, a
mail address, a launch link or a rendered record is masked where it stands. A bare name in a sentence
cannot be recognised: an error message must not contain one (`adapter.errors`).
"""

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from enum import Enum
from typing import cast

from structlog.typing import EventDict, WrappedLogger

MASK = "***"

SENSITIVE_KEYS = frozenset(
    {
        "token", "authorization", "password", "passwd", "secret", "apikey", "credentials", "cookie", "pin", "pincode",
        "launchurl", "launchlink",
        "firstname", "givenname", "lastname", "surname", "surnameprefix", "displayname", "fullname", "name", "username",
        "login", "email", "emailaddress", "mail", "phone", "dateofbirth",
        "body", "payload", "data", "content", "document",
        "score", "rawscore", "maxrawscore", "grade",
    }
)  # fmt: skip
"""Compared without case, `_` and `-`, so that `FirstName`, `first_name` and `first-name` are one."""

SENSITIVE_ENDINGS = ("token", "password", "secret")

LONGEST_TEXT = 8_000
DEEPEST = 6

_FIELD = (
    r"(?:eapi|access_?|refresh_?)?token|authorization|pass(?:word|wd)|secret|launch_?(?:url|link)|pin(?:_?code)?"
    r"|(?:first|last|given|display|full|user)_?name|surname|e?mail(?:_?address)?"
)
_NETS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (needle, re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for needle, pattern, replacement in (
        # A bound parameter or a refused row that the database's error text repeats.
        ("[parameters:", r"\[parameters:.*?(?=\]\s*(?:\n|\(|$)|\Z)", f"[parameters: {MASK}"),
        ("detail:", r"\bDETAIL:[^\n]*", f"DETAIL: {MASK}"),
        ("input_value=", r"input_value=.*?(?=, input_type=|\Z)", f"input_value={MASK}"),
        ("eapi", r"\bEAPI(?:\s|%20|\+)+[^\s'\",;]+", f"EAPI {MASK}"),
        ("authorization:", r"(authorization:\s*)(?!EAPI)[^\n'\"]+", rf"\1{MASK}"),
        ("=", r"((?:token|pass(?:word|wd)|secret|session)=)[^\s'\"&;,)]+", rf"\1{MASK}"),
        ("external-login", r"[^\s'\"<>]{0,200}external-login\?[^\s'\"<>]*", MASK),
        ("://", r"(?<=://)[^\s/@'\"]+@", f"{MASK}@"),
        ("@", r"[^\s@<>\"'(),;:=\[\]{}]{1,64}@[\w-]+(?:\.[\w-]+)+", MASK),
        ("%40", r"[\w.+%-]{1,64}%40[\w-]+(?:\.[\w-]+)+", MASK),
        # `first_name='Ada'`, `"FirstName": "Ada"`, as a dataclass, a dict or a JSON body renders itself.
        ("'", rf"((?:{_FIELD})['\"]?\s*[:=]\s*)'(?:[^'\\]|\\.)*'?", rf"\1'{MASK}'"),
        ('"', rf"((?:{_FIELD})\\?['\"]?\s*[:=]\s*)\\?\"(?:[^\"\\]|\\.)*\"?", rf'\1"{MASK}"'),
    )
)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the event with every secret masked, made of JSON's own types only."""
    return {str(key): _entry(str(key), value) for key, value in event.items()}


def scrub(text: str) -> str:
    """Mask what looks like a secret in one text, and cut a text that is too long for a log."""
    cut = len(text) > LONGEST_TEXT
    text = text[:LONGEST_TEXT]
    lowered = text.casefold()
    for needle, pattern, replacement in _NETS:
        if needle in lowered:
            text = pattern.sub(replacement, text)
    return f"{text} [cut]" if cut else text


def _entry(key: str, value: object) -> object:
    if key == "exception":
        return _masked(value, 0, by_key=False)  # a frame's `name` is a function
    return MASK if telling(key) and value is not None else _masked(value, 0, by_key=True)


def _masked(value: object, depth: int, *, by_key: bool) -> object:
    if isinstance(value, Enum):
        return scrub(str(value.value))
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return scrub(value)
    if depth >= DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {
            scrub(str(key)): MASK
            if by_key and telling(str(key)) and item is not None
            else _masked(item, depth + 1, by_key=by_key)
            for key, item in items
        }
    if isinstance(value, list | tuple | AbstractSet):
        return [_masked(item, depth + 1, by_key=by_key) for item in cast("Iterable[object]", value)]
    return scrub(_rendered(value))


def telling(key: str) -> bool:
    """Tell whether what has this name is a secret or personal, whatever its value."""
    plain = key.casefold().replace("_", "").replace("-", "")
    return plain in SENSITIVE_KEYS or plain.endswith(SENSITIVE_ENDINGS)


def _rendered(value: object) -> str:
    match value:
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case bytes() | bytearray() | memoryview():
            return MASK
        case _:
            try:
                return str(value)
            except Exception:  # noqa: BLE001 - a value that cannot be rendered must not cost the whole line
                return f"<{type(value).__name__}>"
