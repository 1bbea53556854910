"""Between py-amqp and its socket: as few system calls as there can be.

py-amqp reads a message in six calls and writes each frame in one. Beside other busy threads each of them may cost far
more than itself, because the thread has to get the interpreter back after it.
"""

import struct
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from adapter.broker.wire import BASIC_ACK, WireTransport, stock_frame_writer

AT_ONCE = 16_384
"""Bytes that are asked of the socket in one call; what is left over is copied for each frame, so it is not more."""

MOST_GATHERED = 65_536
"""Bytes of frames that are kept back until they are written."""

_ACK = struct.Struct(">BHIHHQBB")
_METHOD_FRAME, _ACK_BYTES, _ONE_ONLY, _FRAME_END = 1, 13, 0, 0xCE


class Inlet:
    """Lets py-amqp take more from the socket than it needs for one frame; its buffer is made for that."""

    def __init__(self, transport: WireTransport) -> None:
        self._transport = transport
        receive = transport._quick_recv  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - there is no other way
        transport._quick_recv = lambda wanted: receive(max(wanted, AT_ONCE))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    @property
    def waiting(self) -> bool:
        """Whether something was taken from the socket that nobody has read yet."""
        return bool(self._transport._read_buffer)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above


class Outlet:
    """What py-amqp writes its frames to: they leave at once, or are gathered and leave together."""

    def __init__(self) -> None:
        self._transport: WireTransport | None = None
        self._gathering = False
        self._gathered = bytearray()

    def frame_writer(self, connection: object, transport: WireTransport) -> object:
        """Return py-amqp's own frame writer, which writes to this; a connection asks for it when it opens."""
        self._transport = transport
        return stock_frame_writer(connection, self)

    @contextmanager
    def gathering(self) -> Generator[None]:
        """Keep back what is written until the end of this, or until it is a lot; after an error it is thrown away.

        The error has ended the connection, so nobody waits for it.
        """
        self._gathering = True
        try:
            yield
            self._flush()
        finally:
            self._gathering = False
            self._gathered.clear()

    def write(self, data: bytes | memoryview) -> None:
        """Write whole frames."""
        if not self._gathering:
            self._send(data)
            return
        self._gathered += data
        if len(self._gathered) >= MOST_GATHERED:
            self._flush()

    def _flush(self) -> None:
        if self._gathered:
            data = bytes(self._gathered)
            self._gathered.clear()
            self._send(data)

    def _send(self, data: bytes | memoryview) -> None:
        assert self._transport is not None, "a connection that was never opened writes nothing"
        self._transport.write(data)


def ack_frames(channel: int, tags: Iterable[int]) -> bytes:
    """Return one `basic.ack` for each delivery tag (AMQP 0-9-1, 1.8.3.13), in as many frames."""
    pack = _ACK.pack
    return b"".join(pack(_METHOD_FRAME, channel, _ACK_BYTES, *BASIC_ACK, tag, _ONE_ONLY, _FRAME_END) for tag in tags)
