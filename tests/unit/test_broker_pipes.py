"""Between py-amqp and its socket: what is read in large pieces, and written together, is the same bytes."""

from contextlib import suppress
from types import SimpleNamespace

from amqp.transport import TCPTransport
from hypothesis import given
from hypothesis import strategies as st

from adapter.broker.pipes import AT_ONCE, MOST_GATHERED, Inlet, Outlet, ack_frames
from adapter.broker.wire import BASIC_ACK, encode

CHANNEL = 3


class _Socket:
    """A socket that has received some bytes, and tells how often it was asked and what it was given."""

    def __init__(self, received: bytes = b"") -> None:
        self._received = received
        self.asked: list[int] = []
        self.sent: list[bytes] = []

    def recv(self, wanted: int) -> bytes:
        self.asked.append(wanted)
        given, self._received = self._received[:wanted], self._received[wanted:]
        return given

    def sendall(self, data: bytes) -> None:
        self.sent.append(bytes(data))


def _transport(socket: _Socket) -> TCPTransport:
    transport = TCPTransport("127.0.0.1")
    transport.sock = socket
    transport._setup_transport()
    return transport


def _outlet(socket: _Socket) -> tuple[Outlet, object]:
    """Return an outlet, and the frame writer that py-amqp would use."""
    outlet = Outlet()
    connection = SimpleNamespace(frame_max=131_072, bytes_sent=0)
    return outlet, outlet.frame_writer(connection, _transport(socket))


@given(tags=st.lists(st.integers(1, 2**64 - 1), max_size=5))
def test_acks_are_what_py_amqp_would_write(tags: list[int]) -> None:
    """Each tag has a frame of its own, which acknowledges nothing else."""
    theirs = _Socket()
    _, write_frame = _outlet(theirs)
    for tag in tags:
        write_frame(1, CHANNEL, BASIC_ACK, encode("Lb", (tag, False)), None)  # type: ignore[operator]
    assert ack_frames(CHANNEL, tags) == b"".join(theirs.sent)


def test_frames_leave_together() -> None:
    """While frames are gathered nothing is written; then all of it is, in one call and in order."""
    socket = _Socket()
    outlet, _ = _outlet(socket)
    outlet.write(b"before")
    with outlet.gathering():
        for part in (b"one", b"two"):
            outlet.write(part)
        assert socket.sent == [b"before"]
    outlet.write(b"after")
    assert socket.sent == [b"before", b"onetwo", b"after"]


def test_a_lot_is_not_kept_back() -> None:
    """What is gathered has a bound, however much is written."""
    socket = _Socket()
    outlet, _ = _outlet(socket)
    with outlet.gathering():
        outlet.write(bytes(MOST_GATHERED))
        assert [len(data) for data in socket.sent] == [MOST_GATHERED]


def test_what_was_gathered_before_an_error_is_not_written_later() -> None:
    """The connection is finished; its frames must not get into what is written after it."""
    socket = _Socket()
    outlet, _ = _outlet(socket)
    with suppress(KeyError), outlet.gathering():
        outlet.write(b"lost")
        raise KeyError
    outlet.write(b"later")
    assert socket.sent == [b"later"]


def test_many_frames_are_read_in_one_call() -> None:
    """What came with the first frame is waiting, and no further call is made for it."""
    frames = ack_frames(CHANNEL, range(1, 11))
    socket = _Socket(frames)
    transport = _transport(socket)
    inlet = Inlet(transport)
    assert not inlet.waiting
    read = []
    while not read or inlet.waiting:
        read.append(transport.read_frame())
    assert len(read) == 10
    assert socket.asked == [AT_ONCE]


def test_a_frame_larger_than_one_call_is_read_whole() -> None:
    """The rest of it is asked for, and nothing of the next one is lost."""
    body = b"\x03\x00\x03" + (100_000).to_bytes(4) + bytes(100_000) + b"\xce"
    transport = _transport(_Socket(body + ack_frames(CHANNEL, [1])))
    Inlet(transport)
    assert len(transport.read_frame()[2]) == 100_000
    assert transport.read_frame()[0] == 1
