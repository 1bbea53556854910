"""The webhook *Exam results ready* (§C): how it is set up, what it says, and when it tries again."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from typing import Literal, cast
from urllib.parse import urlsplit

import orjson

from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.documents import document
from adapter.cirrus.sandbox.draws import draw_whole
from adapter.cirrus.sandbox.options import SandboxOptions
from adapter.cirrus.sandbox.state import Paper

TRIES = 10
"""Attempts in total, the first included (§C)."""

_MASK = "***"
_MOST_JITTER = 29
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")


def _no_headers() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook as an administrator creates it; what is UNSEEN in its form, or is no part of it, is a choice here.

    `payload` is "thin" (ids alone) or "full" (what GET /results would answer for the attempt). With `secret`,
    `signature_header` carries the hexadecimal HMAC-SHA256 of the body. `time_scale` multiplies the retry delays;
    each notice is sent between `repeats` times, all within `spread_seconds`, and the share `lost` of a publication
    never.
    """

    url: str
    active: bool = True
    only_satisfactory: bool = False
    headers: Mapping[str, str] = field(default_factory=_no_headers)
    secret: str | None = None
    signature_header: str = "X-Cirrus-Signature"
    payload: Literal["thin", "full"] = "thin"
    time_scale: float = 1.0
    repeats: tuple[int, int] = (1, 1)
    lost: float = 0.0
    spread_seconds: float = 0.0
    timeout_seconds: float = 10.0

    def view(self) -> Json:
        """Return the set-up with its secrets masked; headers are taken for secrets."""
        shown = asdict(self)
        shown["headers"] = dict.fromkeys(self.headers, _MASK)
        shown["secret"] = None if self.secret is None else _MASK
        return shown

    def all_headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of one message."""
        headers = {"Content-Type": "application/json", **self.headers}
        if self.secret is not None:
            headers[self.signature_header] = hmac.new(self.secret.encode(), body, sha256).hexdigest()
        return headers

    def delay(self, retry: int, *said: object) -> float:
        """Return the seconds before the nth retry, counted from 1; chance is drawn from the words said."""
        chance = draw_whole(0, _MOST_JITTER, *said, "retry", retry)
        return round((retry - 1) ** 4 + 15 + chance * retry) * self.time_scale


def read_webhook(body: Json) -> Webhook:
    """Read a webhook as the control API gets it; ValueError names what is wrong."""
    known = {field.name for field in fields(Webhook)}
    if unknown := body.keys() - known:
        raise ValueError(f"unknown webhook fields: {', '.join(sorted(unknown))}")
    for key, value in body.items():
        if not _CHECKS[key](value):
            raise ValueError(f"{key} is not valid")
    if "url" not in body:
        raise ValueError("url is missing")
    given: Json = dict(body)
    if "repeats" in given:
        given["repeats"] = tuple(given["repeats"])
    return Webhook(**given)


def payload(webhook: Webhook, paper: Paper, options: SandboxOptions) -> bytes:
    """Return the body of a message about one attempt; it says what holds now, whenever it is delivered."""
    if webhook.payload == "full":
        return orjson.dumps(document(paper.seat.user, [paper], options))
    thin = {"CandidateExtId": paper.seat.user.external_id, "ScheduleExtId": paper.schedule.external_id}
    if paper.attempt_id is not None:
        thin["AttemptExtId"] = paper.attempt_id
    return orjson.dumps(thin)


def _is_url(value: object) -> bool:
    if not isinstance(value, str):
        return False
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_share(value: object) -> bool:
    return _is_number(value) and cast("float", value) <= 1


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_optional_text(value: object) -> bool:
    return value is None or _is_text(value)


def _is_payload(value: object) -> bool:
    return isinstance(value, str) and value in {"thin", "full"}


def _is_header_name(value: object) -> bool:
    return isinstance(value, str) and _HEADER_NAME.fullmatch(value) is not None


def _is_header_value(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _are_headers(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    headers = cast("Json", value)
    return all(_is_header_name(name) and _is_header_value(item) for name, item in headers.items())


def _are_repeats(value: object) -> bool:
    match value:
        case [int() as least, int() as most]:
            return 1 <= least <= most
        case _:
            return False


_CHECKS = {
    "url": _is_url,
    "active": _is_flag,
    "only_satisfactory": _is_flag,
    "headers": _are_headers,
    "secret": _is_optional_text,
    "signature_header": _is_header_name,
    "payload": _is_payload,
    "time_scale": _is_number,
    "repeats": _are_repeats,
    "lost": _is_share,
    "spread_seconds": _is_number,
    "timeout_seconds": _is_number,
}
