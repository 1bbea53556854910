"""One consuming session: from the connect to the first oddity, and never longer.

A session is a connection, a channel and a consumer. Whatever goes wrong ends it, because py-amqp
opens a failed channel again in place: without its consumer, and with delivery tags that start at 1,
so that a late ack would hit another message.
"""

import contextlib
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Protocol, cast

from adapter.broker.link import Link, describe, is_amqp, place
from adapter.broker.messages import Delivery
from adapter.broker.wire import AmqpChannel, WireChannel, WireMessage, new_connection, new_consumer, new_queue
from adapter.errors import BrokerUnavailable

_POLLING_INTERVAL = 0.01
_WIDER = 4
"""How many times as much may be out after a session has settled all that could be out before."""


class Session(Protocol):
    """What the consumer needs of a session.

    Every method may raise anything a library raises; then the session is over: `abort` it.
    `inbox` holds what was received and not yet asked for.
    """

    inbox: deque[Delivery]
    epoch: int

    def pump(self, timeout: float) -> None:
        """Wait up to `timeout` seconds and take what comes into the inbox."""
        ...

    def ack(self, tags: Sequence[Any]) -> None:
        """Tell the broker to forget these deliveries."""
        ...

    def tick(self) -> None:
        """Keep the connection alive; raise when the broker is gone."""
        ...

    def forgotten(self) -> bool:
        """Ask the broker whether messages are ready although this consumer could take more."""
        ...

    def close(self, seconds: float) -> None:
        """Stop consuming and make sure the broker has every ack, within `seconds`."""
        ...

    def abort(self) -> None:
        """Drop everything without asking the broker."""
        ...


def open_session(
    url: str, queue: str, *, epoch: int, prefetch: int, heartbeat: float, slow_start: bool = False
) -> Session:
    """Connect and consume. Raises `BrokerUnavailable`, also when the queue is missing."""
    try:
        if is_amqp(url):
            return AmqpSession(url, queue, epoch=epoch, prefetch=prefetch, heartbeat=heartbeat, slow_start=slow_start)
        return EmulatedSession(url, queue, epoch=epoch, prefetch=prefetch)
    except BrokerUnavailable:
        raise
    except Exception as error:
        raise BrokerUnavailable(f"cannot consume {queue} at {place(url)}: {describe(error)}") from error


class AmqpSession:
    """A session with a real AMQP broker.

    With `slow_start` it begins with one message. A quorum queue charges every message that is out when a process dies
    against the delivery limit; so where that message has been out before, more are let out only as they are settled:
    one that kills every process which takes it has few others charged with it, and a process that dies again and again
    still clears the way for the next one.
    """

    def __init__(
        self, url: str, queue: str, *, epoch: int, prefetch: int, heartbeat: float, slow_start: bool = False
    ) -> None:
        self.epoch = epoch
        self.inbox: deque[Delivery] = deque()
        self._queue = queue
        self._prefetch = prefetch
        self._window = 1 if slow_start else prefetch
        self._settled = 0
        self._fresh = False
        self._unacked = 0
        self._link = Link.open(url, heartbeat=heartbeat, name=f"cirrus-adapter: consumer of {queue}")
        try:
            self._channel: AmqpChannel = self._link.channel()
            self._consumer_tags = [self._consume(self._window)]
        except BaseException:
            self._link.abort()
            raise

    def _consume(self, window: int) -> str:
        # per consumer: quorum queues refuse a limit that is global to the channel
        self._channel.basic_qos(0, window, False)
        return self._channel.basic_consume(self._queue, callback=self._on_message)

    def pump(self, timeout: float) -> None:
        """See `Session`."""
        self._link.pump(timeout)
        if self._fresh and self._window < self._prefetch:
            self._widen(self._prefetch)

    def ack(self, tags: Sequence[Any]) -> None:
        """See `Session`. That this returns proves nothing: only `close` waits for the broker."""
        self._link.ack(self._channel, tags)
        self._unacked -= len(tags)
        self._settled += len(tags)

    def tick(self) -> None:
        """See `Session`. What the broker sent is read first: unread heartbeats would count as missed."""
        while self._link.pump(0):
            pass
        self._link.tick()
        if self._window < self._prefetch and self._settled >= self._window:
            self._widen(self._window * _WIDER)

    def _widen(self, window: int) -> None:
        """Add a consumer for what may be out from now on.

        The broker keeps to the limit that a consumer began with; and to cancel one may charge what is on its way to it.
        """
        window = min(window, self._prefetch)
        self._consumer_tags.append(self._consume(window - self._window))
        self._window, self._settled = window, 0

    def forgotten(self) -> bool:
        """See `Session`. Uses a channel of its own, which a missing queue may close."""
        if self._unacked >= self._window:
            return False
        channel = self._link.channel()
        state = channel.queue_declare(queue=self._queue, passive=True)
        channel.close()
        return state.message_count > 0 and not self.inbox

    def close(self, seconds: float) -> None:
        """See `Session`. The synchronous close of the channel is the barrier behind the acks."""
        until = monotonic() + seconds
        try:
            # cancelled first: py-amqp logs a warning for each delivery that a closing channel gets
            for tag in self._consumer_tags:
                self._link.limit(until - monotonic())
                self._channel.basic_cancel(tag)
            self._link.limit(until - monotonic())
            self._channel.close()
            self._link.limit(until - monotonic())
            self._link.close()
        finally:
            self._link.abort()

    def abort(self) -> None:
        """See `Session`."""
        self._link.abort()

    def _on_message(self, message: WireMessage) -> None:
        delivery = delivery_of(message, self.epoch)
        self._unacked += 1
        self._fresh = self._fresh or not delivery.redelivered
        self.inbox.append(delivery)


def delivery_of(message: WireMessage, epoch: int) -> Delivery:
    """Return what a real broker delivered, as it came, but for headers whose name is not text."""
    properties = cast("dict[str, Any]", message.properties)
    info = cast("dict[str, Any]", message.delivery_info)
    return Delivery(
        epoch=epoch,
        tag=info["delivery_tag"],
        body=_raw(message.body),
        headers=_named(properties.get("application_headers")),
        content_type=properties.get("content_type"),
        content_encoding=properties.get("content_encoding"),
        properties=properties,
        exchange=info["exchange"],
        routing_key=info["routing_key"],
        redelivered=info["redelivered"],
    )


class EmulatedSession:
    """A session with a broker that kombu emulates, such as `memory://`.

    Such a broker keeps no promise over a crash: what is unacked when the channel closes is lost on
    `memory://`. A message is fetched only when it is asked for, so that nothing idles in the inbox.
    """

    def __init__(self, url: str, queue: str, *, epoch: int, prefetch: int) -> None:
        self.epoch = epoch
        self.inbox: deque[Delivery] = deque()
        self._connection = new_connection(url, transport_options={"polling_interval": _POLLING_INTERVAL})
        try:
            channel: WireChannel = self._connection.channel()
            channel.queue_declare(queue=queue, passive=True)
            self._channel = channel
            self._consumer = new_consumer(
                channel,
                [new_queue(queue)],
                on_message=self._on_message,
                auto_declare=False,
                prefetch_count=prefetch,
            )
            self._consumer.consume()
        except BaseException:
            self.abort()
            raise

    def pump(self, timeout: float) -> None:
        """See `Session`."""
        with contextlib.suppress(TimeoutError):
            self._connection.drain_events(timeout=timeout)

    def ack(self, tags: Sequence[Any]) -> None:
        """See `Session`."""
        for tag in tags:
            self._channel.basic_ack(tag)

    def tick(self) -> None:
        """See `Session`: there is no heartbeat."""

    def forgotten(self) -> bool:
        """See `Session`: there is no second party that could forget."""
        return False

    def close(self, seconds: float) -> None:  # noqa: ARG002 - nothing here waits for anybody
        """See `Session`."""
        self._consumer.cancel()
        self.abort()

    def abort(self) -> None:
        """See `Session`."""
        self._connection.release()

    def _on_message(self, message: Any) -> None:  # noqa: ANN401 - kombu.Message, which has no useful types
        info: dict[str, Any] = message.delivery_info
        self.inbox.append(
            Delivery(
                epoch=self.epoch,
                tag=message.delivery_tag,
                body=_raw(message.body),
                headers=message.headers,
                content_type=message.content_type,
                content_encoding=message.content_encoding,
                properties=message.properties,
                exchange=info["exchange"],
                routing_key=info["routing_key"],
                redelivered=info.get("redelivered", False),
            )
        )


def _named(headers: dict[Any, object] | None) -> dict[str, object]:
    """Return the headers without those whose name is not text, which py-amqp hands over as bytes."""
    if not headers:
        return {}
    try:
        "".join(headers)  # looks at every name at the speed of C, and copies no dict
    except TypeError:
        return {name: value for name, value in headers.items() if isinstance(name, str)}
    return headers


def _raw(body: bytes | str) -> bytes:
    """Return the body as bytes: the libraries use an empty text for a message without one."""
    return body if isinstance(body, bytes) else body.encode()
