"""One AMQP connection in the hands of one thread, with every wait bounded."""

import contextlib
import selectors
import socket
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from time import monotonic
from typing import cast

from adapter.broker.frames import frame_handler
from adapter.broker.pipes import Inlet, Outlet, ack_frames
from adapter.broker.wire import AmqpChannel, AmqpConnection, new_connection
from adapter.errors import BrokerUnavailable

CONNECT_TIMEOUT = 5.0
IO_TIMEOUT = 5.0
"""Longest time, in seconds, without a single byte in the middle of a write, a frame or an answer."""
TURN = 0.5
"""Longest wait in one turn of a loop, in seconds: how late a stop or a heartbeat can be noticed."""
_TICK_EVERY = 0.5
_ABORT_TIMEOUT = 0.2
_LOSING = {"confluentkafka", "filesystem", "kafka", "memory", "sqla", "sqlalchemy"}
_TLS_FILES = ("ca_certs", "certfile", "keyfile")


def is_amqp(url: str) -> bool:
    """Tell a real AMQP broker from the transports that kombu emulates."""
    return url.split("://", 1)[0] in {"amqp", "amqps", "pyamqp"}


def loses_unacked(url: str) -> bool:
    """Tell a broker that kombu emulates, and that forgets at delivery: a process that dies takes messages with it."""
    return url.split("://", 1)[0].split("+", 1)[0] in _LOSING


def place(url: str) -> str:
    """Name the broker without its user and password, for messages and logs."""
    return ", ".join(_without_secrets(address) for address in url.split(";"))


def describe(error: BaseException) -> str:
    """Say what went wrong in words that cannot hold anything of a message.

    Only what the broker itself answered and what the operating system says is quoted; other errors
    may quote the value they stumbled over, so only their class is named.
    """
    name = type(error).__name__
    if getattr(error, "method_sig", None):
        return f"{name}: {getattr(error, 'reply_text', '')}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name


class Link:
    """One open AMQP connection.

    It holds the raw `amqp.Connection`: kombu's own reconnects silently and then drains a connection
    without consumers. Any exception of any method means that the link is finished: `abort` it.
    """

    def __init__(self, raw: AmqpConnection, outlet: Outlet) -> None:
        self._raw = raw
        self._inlet = Inlet(raw.transport)
        self._outlet = outlet
        self._socket = raw.sock
        self._tick_at = 0.0
        self._socket.settimeout(IO_TIMEOUT)
        self._pending: Callable[[], int] | None = getattr(self._socket, "pending", None)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket.fileno(), selectors.EVENT_READ)

    @classmethod
    def open(cls, url: str, *, heartbeat: float, name: str) -> "Link":
        """Connect to the first address of `url` (alternatives divided by `;`) that answers.

        `name` is what the broker shows its operators. Raises `BrokerUnavailable`.
        """
        problem: Exception | None = None
        for address in url.split(";"):
            try:
                outlet = Outlet()
                return cls(_connect(address, heartbeat, name, outlet), outlet)
            except Exception as error:  # noqa: BLE001 - py-amqp raises any class when a handshake fails
                problem = error
        why = describe(problem) if problem else "no address"
        raise BrokerUnavailable(f"no connection to the broker at {place(url)}: {why}") from problem

    def channel(self) -> AmqpChannel:
        """Open a channel that leaves bodies as they are."""
        channel = self._raw.channel()
        channel.auto_decode = False
        return channel

    def pump(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the broker, and handle one thing it says; false if it is silent."""
        buffered = self._inlet.waiting or (self._pending is not None and self._pending() > 0)
        if not buffered and not self._selector.select(timeout):
            return False
        self._raw.drain_events()
        return True

    def gathering(self) -> AbstractContextManager[None]:
        """Keep back what is written, and write it together at the end of this; nothing may be read meanwhile."""
        return self._outlet.gathering()

    def ack(self, channel: AmqpChannel, tags: Iterable[int]) -> None:
        """Acknowledge each of these deliveries for itself, all in one write."""
        self._outlet.write(ack_frames(channel.channel_id, tags))

    def tick(self) -> None:
        """Send a heartbeat when one is due; raise when the broker missed two of its own."""
        now = monotonic()
        if now >= self._tick_at:
            self._tick_at = now + _TICK_EVERY
            self._raw.heartbeat_tick()

    def on_blocked(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the broker stops reading because of a memory or disk alarm."""

        def blocked(_reason: str) -> None:
            callback()

        self._raw.on_blocked = blocked

    def limit(self, seconds: float) -> None:
        """Bound the silence that reads and writes put up with."""
        self._socket.settimeout(max(seconds, 0.001))

    def close(self) -> None:
        """Say goodbye and wait for the answer; `limit` bounds the wait."""
        try:
            self._raw.close()
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop the connection without asking: a blocked or frozen broker would not answer."""
        self._selector.close()
        with contextlib.suppress(OSError):
            self._socket.settimeout(_ABORT_TIMEOUT)  # TLS waits for the other side's goodbye
        # also when py-amqp says that it is not connected: its socket may be open all the same
        with contextlib.suppress(Exception):
            self._raw.collect()


def _connect(address: str, heartbeat: float, name: str, outlet: Outlet) -> AmqpConnection:
    settings: dict[str, object] = {
        "frame_handler": frame_handler,
        "frame_writer": outlet.frame_writer,
        "client_properties": {"connection_name": name},
    }
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # py-amqp's one second would end the session, and redeliver all in flight, on any short stall
        settings["socket_settings"] = {socket.TCP_USER_TIMEOUT: int(2 * heartbeat * 1000)}
    # `amqp:` may mean another library to kombu, whose connection is not the one described in `wire`
    url = address.replace("amqp://", "pyamqp://", 1) if address.startswith("amqp://") else address
    connection = new_connection(url, heartbeat=heartbeat, connect_timeout=CONNECT_TIMEOUT, transport_options=settings)
    transport = connection.transport
    if connection.ssl:
        connection.ssl = _verified(connection.ssl)
    return cast("AmqpConnection", transport.establish_connection())


def _verified(given: object) -> dict[str, object]:
    """Return the TLS settings of the URL's query in py-amqp's names; nothing there switches verification off.

    Without a server name py-amqp would check that the certificate is valid, but not whose it is; no
    name here means the one in the URL.
    """
    chosen = cast("dict[str, object]", given) if isinstance(given, dict) else {}
    files = {name: chosen[f"ssl_{name}"] for name in _TLS_FILES if f"ssl_{name}" in chosen}
    return {"server_hostname": None, **files}


def _without_secrets(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
