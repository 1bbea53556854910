"""Three surfaces of Cirrus: the answer to each call, the results within one, and the connection that brings it."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, get_args

import orjson

from adapter.cirrus.bodies import Dialect
from adapter.cirrus.calls import Call, call_for
from adapter.cirrus.classify import LONGEST_PAUSE, LOST, classify
from adapter.cirrus.phrasebook import LONGEST_TEXT, MOST_REMARKS
from adapter.cirrus.results import LONGEST_GRADE, MOST_NAMED, MOST_RESULTS, ResultFields
from adapter.cirrus.transport import LARGEST_ANSWER, Lost, Reply, Timeouts, Transport
from adapter.cirrus.wire import Reading
from adapter.domain.answers import (
    Accepted,
    Answer,
    CandidateSeen,
    Failing,
    Refused,
    Remark,
    ResultsSeen,
    Seated,
    Throttled,
)
from adapter.domain.notices import Named
from tests.fuzz import nasties
from tests.fuzz.promises import CANARY, DIVIDER, Feed, Surface, joined, parts, promise, unquoted
from tests.unit.cirrus_stage import ALL_STEPS, NOW

MAIL = f"{CANARY}@uni.example"
LINK = f"/delivery/external-login?session={CANARY}"
ANSWERS = get_args(Answer)
CALLS: dict[str, Call] = {
    call.operation: call
    for step in ALL_STEPS
    if isinstance(call := call_for(step, Dialect(), Reading(), ResultFields()), Call)
}
_ADDRESS = re.compile(r"\S@\S")
_LINK = re.compile(r"/\S*session=|https?://\S", re.IGNORECASE)


def _answer(given: bytes) -> str:
    head, body = parts(given, 2)
    try:
        said: Any = json.loads(head or b"{}")
    except (ValueError, RecursionError):
        said = {}
    said = said if isinstance(said, dict) else {}
    status, after, name = said.get("status"), said.get("after"), said.get("operation")
    call = CALLS[name] if isinstance(name, str) and name in CALLS else CALLS["publish_schedule"]
    status = status if isinstance(status, int) and 100 <= status <= 999 else 200
    reply = Reply(status, after if isinstance(after, str) else None, body)
    answer = classify(reply, call, lambda: NOW)
    promise(isinstance(answer, ANSWERS), f"{type(answer).__name__} is no answer")
    match answer:
        case Accepted(content=content):
            _look_at(content)
        case Refused(remarks=remarks):
            _look_through(remarks)
        case Throttled(after=pause) | Failing(after=pause):
            promise(pause is None or 0 <= pause <= LONGEST_PAUSE, f"a pause of {pause} s")
        case _:
            unquoted("the answer", repr(answer))
    return type(answer).__name__


def _look_at(content: object) -> None:
    match content:
        case CandidateSeen() | Seated():
            unquoted("the repr of what is seen", repr(content))
            if isinstance(content, Seated):
                _look_through(content.refused.values())
        case ResultsSeen():
            promise(len(content.results) <= MOST_RESULTS, "more results than are read")
            for result in content.results:
                promise(len(result.grade or "") <= LONGEST_GRADE, "a grade without an end")
        case _:
            pass


def _look_through(remarks: Any) -> None:  # noqa: ANN401 - any iterable of remarks
    told: list[Remark] = list(remarks)
    promise(len(told) <= MOST_REMARKS, "more remarks than are read")
    for remark in told:
        promise(len(remark.text) <= LONGEST_TEXT, "a remark without an end")
        for text in (remark.text, *remark.about[:20]):
            promise(not _ADDRESS.search(text), "a remark hands a mail address on")
            promise(not _LINK.search(text), "a remark hands a link on")


@contextmanager
def answer() -> Iterator[Feed]:
    """Feed answers: operation, status and Retry-After in the first part, the body in the second."""
    yield _answer


def _result(given: bytes) -> str:
    fields = ResultFields()
    named = fields.named(given)
    if isinstance(named, str):
        unquoted("the reason", named)
    else:
        promise(0 < len(named) <= MOST_NAMED, "a number of names that cannot be")
        promise(all(isinstance(one, Named) and (one.complete or one.attempt_id) for one in named), "half a name")
    try:
        document = orjson.loads(given)
    except ValueError:
        document = None
    if isinstance(document, dict):
        _look_at(fields.read(document, Reading()))
    return "a reason" if isinstance(named, str) else "named"


@contextmanager
def results() -> Iterator[Feed]:
    """Feed notices and documents of results."""
    yield _result


_NAMES = {"CandidateExtId": "c1", "ScheduleExtId": "S-1", "FirstName": CANARY, "LastName": CANARY, "Email": MAIL}
_PERSON = {"ExternalId": "c1", "FirstName": CANARY, "LastName": CANARY, "Email": MAIL, "UserName": CANARY}
_RESULT = {
    "AttemptNumber": 1,
    "PassedStatus": "SATISFACTORY",
    "Score": "87,5 %",
    "RawScore": 35,
    "MaxRawScore": 40,
    "Grade": "B",
    "LastSatDate": "2026-10-25T02:30:00",
    "PublishedDate": "2026-11-20T09:00:00Z",
    "Final": True,
}


def _documents() -> Iterator[dict[str, Any] | list[Any]]:
    yield {"CandidateInfo": {**_NAMES, "Schedules": [{"ScheduleExtId": "S-1", "Attempts": [_RESULT]}]}}
    yield [{**_NAMES, **_RESULT}]
    yield {"Success": True, "Content": {"CandidateInfo": [{**_NAMES, "Results": {"AttemptExtId": "a-1", **_RESULT}}]}}


def _successes() -> Iterator[tuple[str, object]]:
    seated = {"CandidateExtId": "C1", "StartupLink": LINK, "LaunchUrl": f"https://t.cirrus.example{LINK}"}
    schedule = {
        "ExternalId": "S-1",
        "Title": "Mock exam",
        "StartDateTime": "2026-12-01T09:00:00Z",
        "EndDateTime": "2026-12-01T13:00:00",
        "IsActivated": True,
        "ArchiveState": 0,
        "Candidates": [_PERSON],
    }
    attempt = {"Status": "SUBMITTED", "StartDate": "2026-12-01T09:00:00", "EndDate": None}
    lists = {
        "AddedCandidateExternalIds": ["c1"],
        "NotFoundUserExternalIds": ["c2"],
        "AlreadyAddedCandidateExternalIds": [],
    }
    gone = {
        "DeletedCandidateExternalIds": ["c1"],
        "NotFoundCandidateExternalIds": [],
        "NotFoundUserExternalIds": ["c2"],
    }
    user = {**_PERSON, "SpecialNeeds": True, "ReasonableAdjustmentPercentage": 25, "DisableLogin": False}
    yield "read_candidate", {"User": {**user, "Hierarchies": [{"ExternalId": "G"}]}}
    yield "read_schedule", schedule
    yield "read_attempts", [{"CandidateExtId": "c1", "Attempts": [attempt]}]
    yield "publish_schedule", {"Candidates": [seated, {"CandidateExtId": "c2", "Error": f"{MAIL} is in trash"}]}
    yield "seat_candidates", {"Candidates": [seated], "Errors": [{"UserExtId": "c2", "Code": 202, "Error": "no"}]}
    yield "list_candidates", lists
    yield "unlist_candidates", gone
    for name in ("create_candidate", "change_candidate", "draft_schedule", "change_schedule", "activate_schedule"):
        yield name, {"ExternalId": "c1"}


def _refusals() -> Iterator[object]:
    yield {
        "Success": False,
        "Errors": "User with external id [c1] is not found.|Schedule [S-1] has already been activated",
    }
    yield {"Success": False, "Errors": [{"Code": "301", "Message": f"[{MAIL}] at https://t.example{LINK}"}]}
    yield {"Message": f"The owner {MAIL} has not been set", "ModelState": {"Schedule.Title": ["is required"]}}
    yield {
        "Content": {"Errors": [{"UserName": "u", "Error": "Daily limit exceeded"}]},
        "Success": False,
        "Errors": 1101,
    }


def _answers() -> Iterator[bytes]:
    for operation, content in _successes():
        head = orjson.dumps({"operation": operation, "status": 200, "after": None})
        yield joined(head, orjson.dumps({"Success": True, "Errors": None, "Content": content}))
        yield joined(head, orjson.dumps(content))
    for document in _documents():
        yield joined(b'{"operation":"read_results","status":200}', orjson.dumps(document))
    for number, refusal in enumerate(_refusals()):
        for status in (200, 400, 404, 409):
            operation = list(CALLS)[(number * 4 + status) % len(CALLS)]
            yield joined(orjson.dumps({"operation": operation, "status": status}), orjson.dumps(refusal))
    for after in ("120", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 5000, "-1", "Mon, 99 Foo 0000 99:99:99 +9999"):
        for status in (429, 503, 425):
            yield joined(orjson.dumps({"operation": "delete_schedule", "status": status, "after": after}), b"")
    for body in (nasties.BYTES["gzip"], b"<html>502</html>", b"", b"not found", nasties.HEAVY["gzip bomb"]()):
        yield joined(b'{"operation":"read_schedule","status":200,"encoding":"gzip"}', body)


def _results() -> Iterator[bytes]:
    yield from (orjson.dumps(document) for document in _documents())
    yield orjson.dumps({"CandidateExtId": "c1", "LastName": CANARY, "ScheduleExtId": None})
    yield b"CandidateExtId=c1&ScheduleExtId=S-1&LastName=" + CANARY.encode()
    yield b"payload=%7B%22CandidateExtId%22%3A%22c1%22%2C%22ScheduleExtId%22%3A%22S-1%22%7D"
    yield orjson.dumps({"AttemptExtId": "a-1", "Who": _NAMES, "More": [{"Attempt": 2, "CandidateId": 17}]})


class _Server:
    """Answers each connection with the bytes of the moment, and hangs up."""

    def __init__(self) -> None:
        self.says = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    connection.sendall(self.says)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65_536):
                        pass
                except OSError:
                    continue

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextmanager
def transport() -> Iterator[Feed]:
    """Feed what a server sends, byte by byte as it stands, to the transport."""
    server = _Server()
    sender = Transport(f"http://127.0.0.1:{server.port}", Timeouts(20.0, 20.0, 40.0))
    try:
        yield partial(_exchanged, server, sender)
    finally:
        sender.close()
        server.close()


def _exchanged(server: _Server, sender: Transport, given: bytes) -> str:
    server.says = given
    reply = sender.exchange("GET", "/x", {"Accept": "application/json"}, None)
    if isinstance(reply, Lost):
        promise(reply is not Lost.UNREACHABLE, "the server could not be reached")
        promise(reply in LOST, f"{reply} is no answer")
        return reply.value
    promise(len(reply.body) <= LARGEST_ANSWER, "an answer larger than the largest")
    promise(isinstance(classify(reply, CALLS["read_schedule"], lambda: NOW), ANSWERS), "no answer")
    return f"{reply.status // 100}xx"


def _transported() -> Iterator[bytes]:
    body = orjson.dumps({"Success": True, "Errors": None})
    length = b"Content-Length: %d\r\n" % len(body)
    for status in (
        b"200 OK",
        b"204 No Content",
        b"301 Moved",
        b"400 Bad Request",
        b"503 Away",
        b"199 Odd",
        b"304 Same",
    ):
        yield b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n" + body
    for lines in (
        b"Content-Length: 5\r\n",
        b"Content-Length: 500\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: 5\r\nContent-Length: 7\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Content-Encoding: gzip\r\n" + length,
        b"Retry-After: 120\r\nLocation: https://elsewhere.example/\r\nSet-Cookie: a=b\r\n" + length,
        b"X-Flood: " + b"a" * 70_000 + b"\r\n" + length,
        b"".join(b"X-%d: a\r\n" % number for number in range(200)) + length,
        b" folded\r\n\tmore\r\n" + length,
        b"\xff\xfe: \x00\r\n" + length,
        b"Connection: close\r\n",
    ):
        yield b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + body
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for size in (b"%x" % len(body), b"-1", b"-5", b"0x10", b"ffffffffffffffff", b"zz", b"", b"5;a=b", b"1" * 70_000):
        yield chunked + size + b"\r\n" + body + b"\r\n0\r\n\r\n"
    yield chunked + b"1\r\na\r\n" * 1000 + b"0\r\nTrailer: x\r\n\r\n"
    yield chunked + b"0\r\n" + b"T: x\r\n" * 1000
    yield b"HTTP/1.1 100 Continue\r\n\r\n" * 100 + b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + body
    yield b"HTTP/0.9 200\r\n\r\n" + body
    yield b"ICY 200 OK\r\n\r\n" + DIVIDER
    yield b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + body + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


ANSWER = Surface("answer", answer, tuple(_answers()))
RESULTS = Surface("results", results, tuple(_results()))
TRANSPORT = Surface("transport", transport, tuple(_transported()), share=0.1)
