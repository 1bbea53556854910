"""Classify: what an HTTP reply to a call is, as an `Answer` of the domain (cirrus-api.md sections 0 and D.5)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, cast

from adapter.cirrus.calls import Call
from adapter.cirrus.phrasebook import fold, read_remarks
from adapter.cirrus.transport import Lost, Reply
from adapter.cirrus.wire import decode, succeeded
from adapter.domain.answers import (
    Accepted,
    Answer,
    Failing,
    Forbidden,
    Garbled,
    NoAnswer,
    Phrase,
    Refused,
    Remark,
    Throttled,
    Unreachable,
)
from adapter.domain.ports import Clock

LONGEST_PAUSE = 86_400.0
LOST: dict[Lost, Answer] = {
    Lost.UNREACHABLE: Unreachable(),
    Lost.NO_ANSWER: NoAnswer(),
    Lost.OVERSIZED: Garbled(0),
}
_SECONDS = re.compile(r"\s*(\d{1,9})\s*")
_MISSING = frozenset({Phrase.NOT_FOUND, Phrase.USER_NOT_FOUND})


def classify(reply: Reply, call: Call, clock: Clock) -> Answer:
    """Return what came back; `Garbled(404)` alone means that there is no such path."""
    status = reply.status
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Forbidden(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(pause(reply.retry_after, clock))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY):
        return Failing(status, pause(reply.retry_after, clock))
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return _success(reply, call)
    if status >= HTTPStatus.BAD_REQUEST:
        return _client_error(reply, call)
    return Garbled(status)


def pause(retry_after: str | None, clock: Clock) -> float | None:
    """Return the seconds that a Retry-After header asks for, by number or by date, at most a day."""
    if retry_after is None:
        return None
    if (number := _SECONDS.fullmatch(retry_after)) is not None:
        return min(float(number[1]), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(retry_after)
        return min(max(0.0, (_zoned(until) - clock()).total_seconds()), LONGEST_PAUSE)
    except (ValueError, OverflowError):
        return None


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _success(reply: Reply, call: Call) -> Answer:
    if not reply.body.strip():
        return Accepted(call.empty) if call.empty is not None else Garbled(reply.status)
    payload = _payload(reply)
    if isinstance(payload, list) and call.bare is not None:
        said: dict[str, Any] = {call.bare: payload}
    elif isinstance(payload, dict):
        said = cast("dict[str, Any]", payload)
    else:
        return Garbled(reply.status)
    if not succeeded(said):
        return _refusal(reply.status, read_remarks(said), call)
    content = call.read(said)
    return Garbled(reply.status) if content is None else Accepted(content)


def _client_error(reply: Reply, call: Call) -> Answer:
    """Take a 400 for Cirrus' no, even in plain text; any other 4xx may be a gateway's unless it words an error."""
    payload = _payload(reply)
    remarks = read_remarks(payload)
    if reply.status == HTTPStatus.NOT_FOUND:
        phrases = {remark.phrase for remark in remarks}
        envelope = isinstance(payload, dict) and fold(cast("dict[str, Any]", payload)).get("success") is False
        return _refusal(reply.status, remarks, call) if envelope and phrases and phrases <= _MISSING else Garbled(404)
    if remarks or (reply.status == HTTPStatus.BAD_REQUEST and not reply.body.lstrip().startswith(b"<")):
        return _refusal(reply.status, remarks, call)
    return Garbled(reply.status)


def _payload(reply: Reply) -> object:
    """Return the JSON of the body, or a plain text that is no page of markup, or None."""
    try:
        return decode(reply.body)
    except ValueError:
        text = reply.body[:2000].decode(errors="replace").strip()
        return None if text.startswith("<") else text


def _refusal(status: int, remarks: tuple[Remark, ...], call: Call) -> Answer:
    if any(remark.phrase is Phrase.OVER_LIMIT for remark in remarks):
        return Throttled(None)
    facts = [call.facts.get(remark.phrase) for remark in remarks]
    if facts and (fact := facts[0]) is not None and all(other == fact for other in facts):
        return Accepted(fact)
    return Refused(status, remarks)
