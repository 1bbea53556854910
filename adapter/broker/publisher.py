"""Publish messages and say of each whether the broker has it, within a deadline."""

import struct
from collections.abc import Callable, Sequence
from itertools import islice
from time import monotonic
from typing import Protocol

import structlog

from adapter.broker.confirms import Batch, Confirms, Reason, Receipt
from adapter.broker.link import IO_TIMEOUT, TURN, Link, describe, is_amqp
from adapter.broker.messages import Message
from adapter.broker.wire import (
    BASIC_PUBLISH,
    AmqpChannel,
    ChannelError,
    FrameSyntaxError,
    WireChannel,
    new_connection,
)

CLOSE_TIMEOUT = 5.0
_RECONNECT_EVERY = 5.0
_PERSISTENT = 2
_UNENCODABLE = (struct.error, ValueError, TypeError, FrameSyntaxError)
_log = structlog.get_logger()


def _nothing() -> None:
    pass


def _ignore_state(_connected: bool) -> None:  # noqa: FBT001 - the shape of `on_state`
    pass


class _DeadlinePassed(Exception):  # noqa: N818 - never leaves this module
    """The batch is not confirmed in time."""


class Line(Protocol):
    """An open way to a broker; any exception of any method means that it is finished."""

    def publish(self, messages: Sequence[Message], batch: Batch, until: float, meanwhile: Callable[[], None]) -> None:
        """Send all, call `meanwhile`, and wait until each has its receipt; raise when `until` passes."""
        ...

    def tick(self) -> None:
        """Keep the connection alive."""
        ...

    def close(self, seconds: float) -> None:
        """Say goodbye within `seconds`."""
        ...

    def abort(self) -> None:
        """Drop the connection without asking."""
        ...


class Publisher:
    """The outbox's end of the broker; all methods belong to one thread.

    Nothing is ever sent twice in here: the caller keeps what failed and repeats it, with the same
    id, after a pause of its own. `window` is how many messages may be unconfirmed at once,
    `deadline` how many seconds one call of `publish` may take; a connect, or a write that gets
    stuck, can add up to `CONNECT_TIMEOUT` or another `deadline`. With `mandatory` a message that
    no queue receives is `returned`.
    """

    def __init__(
        self,
        url: str,
        *,
        window: int = 100,
        deadline: float = 10.0,
        heartbeat: float = 15.0,
        mandatory: bool = True,
        on_state: Callable[[bool], None] = _ignore_state,
    ) -> None:
        self._url = url
        self._window = window
        self._deadline = deadline
        self._heartbeat = heartbeat
        self._mandatory = mandatory
        self._on_state = on_state
        self._line: Line | None = None
        self._retry_at = 0.0

    def publish(self, messages: Sequence[Message], meanwhile: Callable[[], None] = _nothing) -> list[Receipt]:
        """Return one receipt per message, in the same order; never raises.

        `meanwhile` is called when all is sent, while the broker is busy with it; it must not raise, either.
        """
        if not messages:
            return []
        until = monotonic() + self._deadline
        batch = Batch(messages)
        reason: Reason = "connection"
        try:
            line = self._line or self._connect()
            line.publish(messages, batch, until, meanwhile)
            return batch.receipts("invalid", "")
        except (_DeadlinePassed, TimeoutError):
            reason, detail = "timeout", f"not confirmed within {self._deadline:g} s"
        except ChannelError as error:
            reason, detail = "refused", describe(error)
        except Exception as error:  # noqa: BLE001 - any oddity ends the connection, none ends the loop
            detail = describe(error)
        self._end(reason, detail)
        return batch.receipts(reason, detail)

    def tick(self) -> None:
        """Keep the connection alive while there is nothing to publish; get a new one when it is gone."""
        try:
            if self._line is not None:
                self._line.tick()
            elif monotonic() >= self._retry_at:
                self._connect()
        except Exception as error:  # noqa: BLE001 - any oddity ends the connection, none ends the loop
            self._end("connection", describe(error))

    def close(self, seconds: float = CLOSE_TIMEOUT) -> None:
        """Say goodbye to the broker, within `seconds`."""
        line, self._line = self._line, None
        if line is None:
            return
        try:
            line.close(seconds)
        except Exception as error:  # noqa: BLE001 - every receipt is given already
            _log.warning("publisher_close_failed", error=describe(error))
        self._on_state(False)

    def _connect(self) -> Line:
        self._retry_at = monotonic() + _RECONNECT_EVERY
        line: Line = (
            _AmqpLine(
                self._url,
                window=self._window,
                heartbeat=self._heartbeat,
                mandatory=self._mandatory,
                silence=min(IO_TIMEOUT, self._deadline),
            )
            if is_amqp(self._url)
            else _EmulatedLine(self._url)
        )
        self._line = line
        _log.info("publisher_connected")
        self._on_state(True)
        return line

    def _end(self, reason: Reason, detail: str) -> None:
        line, self._line = self._line, None
        _log.warning("publisher_disconnected", reason=reason, error=detail)
        if line is not None:
            line.abort()
            self._on_state(False)


class _AmqpLine:
    """A connection to a real AMQP broker with one channel in confirm mode."""

    def __init__(self, url: str, *, window: int, heartbeat: float, mandatory: bool, silence: float) -> None:
        self._window = window
        self._mandatory = mandatory
        self._link = Link.open(url, heartbeat=heartbeat, name="cirrus-adapter: publisher")
        self._link.on_blocked(lambda: _log.warning("publisher_blocked"))
        try:
            self._link.limit(silence)
            self._channel, self._confirms = self._open_channel()
        except BaseException:
            self._link.abort()
            raise

    def _open_channel(self) -> tuple[AmqpChannel, Confirms]:
        channel, confirms = self._link.channel(), Confirms()
        channel.confirm_select()
        channel.events["basic_ack"].add(confirms.on_ack)
        channel.events["basic_nack"].add(confirms.on_nack)
        channel.events["basic_return"].add(confirms.on_return)
        return channel, confirms

    def publish(self, messages: Sequence[Message], batch: Batch, until: float, meanwhile: Callable[[], None]) -> None:
        """See `Line`."""
        if self._confirms.nacked:
            # A quorum queue whose limit was taken away goes on refusing the channels that it has refused before.
            self._channel.close()
            self._channel, self._confirms = self._open_channel()
        self._confirms.begin(batch)
        left = enumerate(messages)
        while some := list(islice(left, self._window - len(self._confirms))):
            # Nothing is read meanwhile: an answer of py-amqp's to what it reads would be kept back as well.
            with self._link.gathering():
                for index, message in some:
                    self._send(index, message, batch)
            if some[-1][0] < len(messages) - 1:
                self._drain(self._window // 2, until)
        meanwhile()
        self._drain(0, until)

    def tick(self) -> None:
        """See `Line`. What the broker sent is read first: unread heartbeats would count as missed."""
        while self._link.pump(0):
            pass
        self._link.tick()

    def close(self, seconds: float) -> None:
        """See `Line`."""
        self._link.limit(seconds)
        self._link.close()

    def abort(self) -> None:
        """See `Line`."""
        self._link.abort()

    def _send(self, index: int, message: Message, batch: Batch) -> None:
        # not basic_publish: it reads from the socket first, without a bound on the wait
        arguments = (0, message.exchange, message.routing_key, self._mandatory, False)
        try:
            content = _content(self._channel, message)
            self._channel.send_method(BASIC_PUBLISH, "Bssbb", arguments, content)
        except _UNENCODABLE as error:
            # py-amqp encodes all of it before it writes any of it, so the stream is still whole
            batch.failed(index, "invalid", type(error).__name__)
        else:
            self._confirms.sent(index, message)

    def _drain(self, unconfirmed: int, until: float) -> None:
        while len(self._confirms) > unconfirmed:
            left = until - monotonic()
            if left <= 0:
                raise _DeadlinePassed
            self._link.pump(min(left, TURN))
            self._link.tick()


class _EmulatedLine:
    """A connection that kombu emulates: there are no confirms, and what nobody is bound for is dropped."""

    def __init__(self, url: str) -> None:
        self._connection = new_connection(url)
        self._channel: WireChannel = self._connection.channel()

    def publish(self, messages: Sequence[Message], batch: Batch, until: float, meanwhile: Callable[[], None]) -> None:
        """See `Line`."""
        for index, message in enumerate(messages):
            if monotonic() >= until:
                raise _DeadlinePassed
            content = _content(self._channel, message)
            self._channel.basic_publish(content, exchange=message.exchange, routing_key=message.routing_key)
            batch.published(index)
        meanwhile()

    def tick(self) -> None:
        """See `Line`: there is no heartbeat."""

    def close(self, seconds: float) -> None:  # noqa: ARG002 - nothing here waits for anybody
        """See `Line`."""
        self._connection.release()

    def abort(self) -> None:
        """See `Line`."""
        self._connection.release()


def _content(channel: WireChannel, message: Message) -> object:
    properties: dict[str, object] = {"message_id": message.id, "delivery_mode": _PERSISTENT}
    if message.type is not None:
        properties["type"] = message.type
    if message.timestamp is not None:
        properties["timestamp"] = int(message.timestamp.timestamp())
    if message.correlation_id is not None:
        properties["correlation_id"] = message.correlation_id
    if message.expiration is not None:
        properties["expiration"] = str(int(message.expiration * 1000))
    return channel.prepare_message(
        message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=message.headers,
        properties=properties,
    )
