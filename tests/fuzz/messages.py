"""Two surfaces of the broker: the message as a whole, through the intake, and its header frame, through py-amqp."""

import io
import json
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from amqp.serialization import dumps, loads
from prometheus_client import CollectorRegistry

from adapter.broker import Delivery, Message, Topology, bare
from adapter.broker import dead_letters as header
from adapter.broker.frames import frame_handler
from adapter.broker.sessions import delivery_of
from adapter.domain.mapping import IdMapping
from adapter.domain.policy import Policy
from adapter.domain.steps import Hierarchy
from adapter.errors import InvalidMessage
from adapter.flow.brake import BrakeRules
from adapter.flow.intake import Batching, Intake
from adapter.flow.reader import REASONS, Reader
from adapter.ledger.intake import Incoming
from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics
from handlers import ALL
from tests.fuzz.promises import CANARY, Feed, Surface, heard, joined, parts, promise, unquoted
from tests.unit.flow_kit import Deliverer, Printer
from tests.unit.webhook_kit import logged
from tests.values import replace

NOW = datetime(2025, 12, 1, tzinfo=UTC)
EVENTS = Path(__file__).parents[2] / "config" / "events"
TENANT = "uni.example"
GIVEN = Delivery(1, 1, b"", {}, None, None, {}, "sis.events", "uni.example.x", redelivered=False)
OURS = (header.REASON, header.PATH, header.ERROR, header.VERSION, header.RECEIVED_AT)
NEVER = frozenset({"conflict", "handler-failed", "ledger-refused"})
"""Reasons that are mistakes of ours, or the ledger's to find."""

PERSONAL = ("givenName", "surnamePrefix", "surname", "displayName", "mail")


@dataclass
class Shelf:
    """A ledger that takes every batch, provided that it could be written down."""

    taken: list[Incoming] = field(default_factory=list)

    def now(self) -> datetime:
        """Return the time of all inputs."""
        return NOW

    def store_batch(self, incoming: Sequence[Incoming], _policies: Mapping[str, Policy]) -> list[str]:
        """Take the batch."""
        self.taken = list(incoming)
        for one in incoming:
            for change in one.changes:
                written = orjson.dumps(change.statement.data)
                promise(b"\\u0000" not in written, "a NUL that PostgreSQL does not take would be stored")
        return ["applied"] * len(incoming)


@dataclass
class Post:
    """The intake with its real reader, between a broker and a ledger that the inputs cannot hurt."""

    log: io.StringIO
    deliverer: Deliverer = field(default_factory=Deliverer)
    printer: Printer = field(default_factory=Printer)
    shelf: Shelf = field(default_factory=Shelf)
    reader: Reader = field(init=False)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        """Wire the intake."""
        mapping = IdMapping(Hierarchy("UNI", "University"))
        self.reader = Reader(ALL, {TENANT: mapping, "digest.example": replace(mapping, misfit="digest")}, timedelta(1))
        metrics = Metrics(CollectorRegistry())
        types = [name for handler in ALL for name in handler.events]
        metrics.expect(tenants=(TENANT,), event_types=types, kinds=(), outcome_types=())
        self.intake = Intake(
            self.deliverer,  # type: ignore[arg-type]
            self.printer,  # type: ignore[arg-type]
            self.shelf,  # type: ignore[arg-type]
            self.reader,
            name="intake",
            topology=Topology(),
            policies={},
            batching=Batching(1, 0.0),
            metrics=metrics,
            heartbeats=Heartbeats((), metrics, lambda: NOW, lambda: 0.0),
            clock=lambda: NOW,
            brake=BrakeRules(share=2.0),  # never: here most messages are meant to fail
            nudge=lambda: None,
            stop=threading.Event(),
        )

    def take(self, delivery: Delivery) -> str:
        """Let one message arrive, and name how it ended."""
        self.deliverer.waiting = [delivery]
        self.deliverer.settled.clear()
        self.printer.printed.clear()
        self.printer.batches.clear()
        self.shelf.taken.clear()
        self.intake.turn()
        promise(self.deliverer.settled == [delivery], "the message was not acknowledged")
        if self.shelf.taken:
            promise(not self.printer.printed, "the message is stored, and dead-lettered too")
            self._shown(self.shelf.taken[0])
            end = "stored"
        else:
            end = self._buried(delivery, self.printer.printed)
        heard(self.log)
        return end

    def _shown(self, incoming: Incoming) -> None:
        ids = [(each.ref, each.home, each.about, each.external_id, each.facet) for each in incoming.changes]
        if CANARY not in f"{incoming.envelope} {ids}":  # where it is an id, whatever an id looks like is shown
            unquoted("the repr of what is stored", incoming)

    def _buried(self, delivery: Delivery, letters: Sequence[Message]) -> str:
        promise(len(letters) == 1, f"{len(letters)} dead letters instead of one")
        letter = letters[0]
        reason = str(letter.headers[header.REASON])
        if reason == "handler-failed":
            self.reader.read(delivery, NOW)  # raises what was caught there, with its traceback
        promise(reason in REASONS and reason not in NEVER, f"the reason {reason}")
        unquoted("the dead letter", *(letter.headers[name] for name in OURS))
        promise(letter.body == delivery.body, "the dead letter is not whole")
        for form in (letter, bare(letter)):
            promise(len(dumps("F", [dict(form.headers)])) < 100_000, "the dead letter's headers fit into no frame")
        try:
            self.reader.read(delivery, NOW)
        except InvalidMessage as error:
            unquoted("the refusal", error, error.detail, error.path, error.__cause__)
        return reason


def _headers(given: object) -> dict[str, object]:
    """Return headers as AMQP has them: a text that begins with `b:` is bytes."""
    if not isinstance(given, dict):
        return {}
    return {str(name): _raw(value) for name, value in given.items()}


def _raw(value: object) -> object:
    if isinstance(value, str) and value.startswith("b:"):
        return value[2:].encode("utf-8", "surrogatepass")
    return value


def _delivery(given: bytes) -> Delivery:
    head, body = parts(given, 2)
    try:
        said: Any = json.loads(head or b"{}")
    except (ValueError, RecursionError):
        said = {}
    said = said if isinstance(said, dict) else {}
    encoding = said.get("encoding")
    return replace(
        GIVEN,
        body=body,
        headers=_headers(said.get("headers")),
        content_encoding=encoding if isinstance(encoding, str) else None,
        properties={name: said.get(name) for name in ("message_id", "timestamp", "type", "correlation_id")},
    )


@contextmanager
def message() -> Iterator[Feed]:
    """Feed whole messages to the intake: headers in the first part, the body in the second."""
    with logged() as log:
        post = Post(log)
        yield lambda given: post.take(_delivery(given))


def _masked(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """Return an event with the canary wherever something personal stands."""
    if isinstance(value, dict):
        return {name: _masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, key) for inner in value]
    if key in PERSONAL:
        return f"{CANARY}@uni.example" if key == "mail" else CANARY
    return value


def _messages() -> Iterator[bytes]:
    for file in sorted(EVENTS.glob("*.json")):
        event = _masked(json.loads(file.read_bytes()))
        event.setdefault("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        event.update(correlationid="c-1", causationid="k-1", replay="true")
        yield joined(b'{"headers":{"x-death":[{"count":1}],"x":1}}', orjson.dumps(event))
        yield orjson.dumps({**event, "tenant": "digest.example"})
        attributes = {name: value for name, value in event.items() if name != "data"}
        for prefix in ("ce-", "cloudEvents:"):
            headers = {prefix + name: value for name, value in attributes.items()}
            yield joined(orjson.dumps({"headers": headers, "message_id": "m-1"}), orjson.dumps(event["data"]))


class _Connection:
    bytes_recv = 0


@contextmanager
def frames() -> Iterator[Feed]:
    """Feed frames to the connection: routing key, body and raw properties, as a hostile producer writes them."""
    with logged() as log:
        post = Post(log)
        yield lambda given: _framed(post, *parts(given, 3))


def _framed(post: Post, key: bytes, body: bytes, properties: bytes) -> str:
    came: list[Delivery] = []

    def on_method(_channel: int, _sig: tuple[int, int], args: bytes, content: Any) -> None:  # noqa: ANN401 - py-amqp's
        content.delivery_info = {"delivery_tag": 1, "exchange": "", "redelivered": False, "routing_key": _key(args)}
        came.append(delivery_of(content, 1))

    handle = frame_handler(_Connection(), on_method)
    key = key[:255]
    args = struct.pack(">HHB", 60, 60, 1) + b"t" + struct.pack(">QB", 1, 0) + b"\x00" + bytes([len(key)]) + key
    handle((1, 1, args))
    handle((2, 1, struct.pack(">HHQ", 60, 0, len(body)) + properties[:131_000]))
    if body:
        handle((3, 1, body))
    promise(len(came) == 1, "the message did not come through")
    delivery = came[0]
    promise(delivery.body == body, "the body is not whole")
    end = post.take(delivery)
    return end if delivery.properties else f"{end} (bare)"


def _key(args: bytes) -> str:
    """Decode the routing key as py-amqp does, which raises for what is no UTF-8."""
    values, _ = loads("sLbss", args, 4)
    return str(values[-1])


def _frames() -> Iterator[bytes]:
    event = next(_messages()).partition(b"\x1e")[2]
    for table in (
        {"ce-id": "1", "n": 7, "big": 2**40, "flag": True, "none": None, "when": NOW, "deep": {"a": [1, {"b": "c"}]}},
        {"name": CANARY, "raw": CANARY.encode(), "x-death": [{"count": 1, "queue": "q"}]},
        {f"h{number}": "v" * 40 for number in range(500)},
    ):
        headers = dumps("F", [table])
        yield joined(b"uni.example.x", event, struct.pack(">H", 0x2000) + headers)
        strings = b"\x10application/json" + b"\x04gzip"
        yield joined(b"k\xff\xfe", event, struct.pack(">H", 0xE000) + strings + headers)
    every = b"".join(bytes([tag]) + bytes(8) for tag in b"tbBuUiIlLfdDsSTFAxV")
    yield joined(b"", b"", struct.pack(">HI", 0x2000, len(every) + 2) + b"\x01a" + every)
    for opened in (b"\x01aF", b"A"):
        nest = b"".join(opened + struct.pack(">I", 5 * level) for level in reversed(range(3_000)))
        yield joined(b"k", b"{}", struct.pack(">HI", 0x2000, len(nest) + 2) + b"\x01a" + nest)
    far = b"\x02atT" + struct.pack(">Q", 1772357400000)
    yield joined("\u202e".encode(), b"{}", struct.pack(">HI", 0x2000, len(far)) + far)
    yield joined(b"k", b"{}", struct.pack(">HQ", 0x0040, 2**64 - 1))
    yield joined(b"k", event, struct.pack(">H", 0x04E0) + b"\x03c-1\x03r-1\x05\x35\x30\x30\x30\x30\x03m-1\x01t")
    yield joined("k\ud800".encode("utf-8", "surrogatepass"), b"", struct.pack(">H", 0x0080) + b"\x03\xed\xa0\x80")
    yield joined(b"k", b"{}", b"\xff\xff" + bytes(64))


MESSAGE = Surface("message", message, tuple(_messages()))
FRAMES = Surface("frames", frames, tuple(_frames()))
