"""The parts of kombu and py-amqp that are used, with types: the libraries have few or none."""
# ruff: noqa: D102 - the libraries document the methods

from collections.abc import Callable, Mapping, MutableMapping, MutableSet, Sequence
from typing import Any, Protocol, cast

from amqp import exceptions, method_framing, serialization  # pyright: ignore[reportMissingTypeStubs] - has none
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.messaging import Consumer

BASIC_DELIVER = (60, 60)
BASIC_PUBLISH = (60, 40)
BASIC_ACK = (60, 80)

ChannelError: type[Exception] = exceptions.ChannelError
FrameSyntaxError: type[Exception] = exceptions.FrameSyntaxError

Frame = tuple[int, int, bytes]
OnFrame = Callable[[Frame], bool]
OnMethod = Callable[[int, tuple[int, int], bytes, object], object]

new_connection = cast("Callable[..., Any]", Connection)
new_consumer = cast("Callable[..., Any]", Consumer)
new_queue = cast("Callable[[str], object]", Queue)
stock_frame_writer = cast("Callable[[object, Sink], object]", getattr(method_framing, "frame_writer"))  # noqa: B009 - hides a half-known type
stock_frame_handler = cast("Callable[[object, OnMethod], OnFrame]", getattr(method_framing, "frame_handler"))  # noqa: B009 - hides a half-known type
encode = cast("Callable[[str, Sequence[object]], bytes]", getattr(serialization, "dumps"))  # noqa: B009 - hides a half-known type


class WireMessage(Protocol):
    """What a consumer's callback gets: `amqp.Message`, or kombu's own on other transports."""

    body: bytes | str
    properties: Mapping[str, object]
    delivery_info: Mapping[str, object]


class QueueState(Protocol):
    """What `queue.declare` answers."""

    message_count: int


class WireChannel(Protocol):
    """What `amqp.Channel` and kombu's virtual channels have in common."""

    def basic_ack(self, delivery_tag: object) -> object: ...
    def basic_publish(self, message: object, *, exchange: str, routing_key: str) -> object: ...
    def close(self) -> object: ...
    def exchange_declare(self, **arguments: object) -> object: ...
    def prepare_message(
        self,
        body: bytes,
        *,
        content_type: str,
        content_encoding: str | None,
        headers: Mapping[str, object],
        properties: Mapping[str, object],
    ) -> object: ...
    def queue_bind(self, **arguments: object) -> object: ...
    def queue_declare(self, **arguments: object) -> QueueState: ...


class AmqpChannel(WireChannel, Protocol):
    """`amqp.Channel`."""

    auto_decode: bool
    channel_id: int
    events: MutableMapping[str, MutableSet[Callable[..., object]]]

    def basic_cancel(self, consumer_tag: str) -> object: ...
    def basic_consume(self, queue: str, *, callback: Callable[[WireMessage], object]) -> str: ...
    def basic_qos(self, prefetch_size: int, prefetch_count: int, a_global: object) -> object: ...
    def confirm_select(self) -> object: ...
    def send_method(self, sig: tuple[int, int], layout: str, args: tuple[object, ...], content: object) -> object: ...


class WireSocket(Protocol):
    """The socket under a connection, plain or TLS."""

    def fileno(self) -> int: ...
    def settimeout(self, value: float | None) -> None: ...


class Sink(Protocol):
    """What frames are written to."""

    def write(self, data: bytes | memoryview) -> object: ...


class WireTransport(Sink, Protocol):
    """What reads and writes the bytes of a connection."""

    _read_buffer: bytes
    _quick_recv: Callable[[int], bytes]


class AmqpConnection(Protocol):
    """`amqp.Connection`: the raw one, which does not reconnect behind our back."""

    on_blocked: Callable[[str], object] | None
    transport: WireTransport

    @property
    def sock(self) -> WireSocket: ...
    def channel(self) -> AmqpChannel: ...
    def close(self) -> object: ...
    def collect(self) -> None: ...
    def drain_events(self) -> object: ...
    def heartbeat_tick(self) -> None: ...
