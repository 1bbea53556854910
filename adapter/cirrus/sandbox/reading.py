"""Reading of request bodies: JSON types, documented lengths, the id alphabet, and times."""

import math
import re
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

import orjson

from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.options import SandboxOptions

_ALPHABETS = {
    # (dashes, underscores) -> what an external id may consist of (§0)
    (False, False): re.compile(r"[A-Za-z0-9]+"),
    (True, False): re.compile(r"[A-Za-z0-9-]+"),
    (False, True): re.compile(r"[A-Za-z0-9_]+"),
    (True, True): re.compile(r"[A-Za-z0-9_-]+"),
}


def parse(raw: bytes) -> object:
    """Parse a JSON body; an empty or unreadable one is refused with code 100."""
    try:
        return cast("object", orjson.loads(raw))
    except orjson.JSONDecodeError:
        raise Refusal("Request body is null or empty", code=100) from None


def parse_object(raw: bytes) -> Json:
    """Parse a body that must be a JSON object with at least one key."""
    value = parse(raw)
    if not isinstance(value, dict) or not value:
        raise Refusal("Request body is null or empty", code=100)
    return cast("Json", value)


def parse_ids(raw: bytes, empty: Refusal) -> list[str]:
    """Parse a bare array of external ids, each once; `empty` is raised when there is none."""
    value = parse(raw) if raw else None
    if not isinstance(value, list) or not value:
        raise empty
    return list(dict.fromkeys(str(item) for item in cast("list[object]", value)))


def child(body: Json, key: str) -> Json:
    """Return a nested object, which must be there."""
    value: object = body.get(key)
    if not isinstance(value, dict):
        raise Refusal(f"{key} should not be empty")
    return cast("Json", value)


def rows(body: Json, key: str) -> list[Json]:
    """Return a nested array of objects; a missing one is empty."""
    value: object = body.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refusal(f"{key} is not valid")
    found = cast("list[object]", value)
    if not all(isinstance(row, dict) for row in found):
        raise Refusal(f"{key} is not valid")
    return cast("list[Json]", found)


def text(body: Json, key: str, limit: int) -> str | None:
    """Return a string field of at most `limit` characters; null, empty and missing are None."""
    value: object = body.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Refusal(f"{key} is not valid")
    if len(value) > limit:
        raise Refusal(f"{key} can not be longer than {limit} characters")
    return value


def required_text(body: Json, key: str, limit: int) -> str:
    """Return a string field which must not be empty."""
    value = text(body, key, limit)
    if value is None:
        raise Refusal(f"'{key}' should not be empty")
    return value


def external_id(body: Json, key: str, limit: int, options: SandboxOptions, *, dashes: bool = True) -> str | None:
    """Return an external id within the documented alphabet and length (§0)."""
    value = text(body, key, limit)
    if value is not None and not _ALPHABETS[dashes, options.underscore_ids].fullmatch(value):
        raise Refusal(f"{key} must be alpha-numeric(a-z 0-9)")
    return value


def required_id(body: Json, key: str, limit: int, options: SandboxOptions) -> str:
    """Return an external id which must not be empty."""
    value = external_id(body, key, limit, options)
    if value is None:
        raise Refusal(f"'{key}' should not be empty")
    return value


def flag(body: Json, key: str) -> bool | None:
    """Return a boolean; the schedule calls type some of them as the strings "true" and "false" (§5.7)."""
    match body.get(key):
        case None | "":
            return None
        case bool() as value:
            return value
        case str() as value if value.lower() in {"true", "false"}:
            return value.lower() == "true"
        case _:
            raise Refusal(f"{key} is not valid")


def number(body: Json, key: str) -> int | None:
    """Return a whole number, zero or more."""
    value: object = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Refusal(f"{key} is not valid")
    return value


def decimal(body: Json, key: str, most: float | None = None) -> float | None:
    """Return a number, zero or more and at most `most`, with or without a fraction."""
    value: object = body.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= (most or math.inf):
        raise Refusal(f"{key} is not valid")
    return value


def texts(body: Json, key: str) -> list[str]:
    """Return a nested array of strings; a missing one is empty."""
    value: object = body.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in cast("list[object]", value)):
        raise Refusal(f"{key} is not valid")
    return cast("list[str]", value)


def instant(body: Json, key: str, options: SandboxOptions) -> datetime | None:
    """Return a moment in UTC; one without a zone is read in the tenant's default zone (§0)."""
    value: object = body.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Refusal(f"{key} is not valid")
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise Refusal(f"{key} is not valid") from None
    if read.tzinfo is None:
        read = read.replace(tzinfo=ZoneInfo(options.time_zone))
    return read.astimezone(UTC)


def written(moment: datetime, options: SandboxOptions) -> str:
    """Write a moment as Cirrus does: UTC with `Z`, unless the options take the zone away."""
    if options.zoneless_answers:
        moment = moment.astimezone(ZoneInfo(options.time_zone))
        return moment.replace(tzinfo=None).isoformat(timespec="seconds")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
