"""What the client's tests share: a loopback HTTP server that plays scripted scenes byte by byte, and the client."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from adapter.cirrus.client import CirrusClient, ClientOptions
from adapter.cirrus.paths import Paths
from adapter.domain import steps
from adapter.domain.allowance import Need

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TOKEN = "s3cret-t0ken"
QUICK = ClientOptions(connect_timeout=2.0, read_timeout=5.0)
HASTY = ClientOptions(connect_timeout=0.5, read_timeout=0.2)

ADA = steps.Profile("c1", "Ada", "Lovelace", "ada@example.org")
BOB = steps.Profile("c2", "Bob", "Byron", "bob@example.org", extra_time=25)
GROUP = steps.Hierarchy("FAC1", "Faculty")
SITTING = steps.Schedule(
    "S-1", "A1", "Mock exam", datetime(2026, 12, 1, 9, 0, tzinfo=UTC), datetime(2026, 12, 1, 13, 0, tzinfo=UTC), GROUP
)
PUBLISH = steps.PublishSchedule(SITTING, (steps.Seat(ADA, "c1-1"), steps.Seat(BOB, "c2-1")))
SEAT = steps.SeatCandidates("S-1", GROUP, (steps.Seat(ADA, "c1-1"), steps.Seat(BOB, "c2-1")))
ALL_STEPS: tuple[steps.Step, ...] = (
    steps.ReadCandidate("c1"),
    steps.CreateCandidate(ADA, ("FAC1",)),
    steps.ChangeCandidate(ADA, frozenset({"mail"})),
    steps.ReadSchedule("S-1"),
    steps.ReadAttempts("S-1"),
    PUBLISH,
    SEAT,
    steps.DraftSchedule(SITTING),
    steps.ChangeSchedule(SITTING),
    steps.ListCandidates("S-1", ("c1", "c2")),
    steps.UnlistCandidates("S-1", ("c1", "c2")),
    steps.ActivateSchedule("S-1"),
    steps.DeleteSchedule("S-1"),
    steps.ReadResults("c1", "S-1", None, Need.FIRST),
    steps.DeleteCandidate("c1"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        """The body, decoded."""
        return json.loads(self.body)


Scene = Callable[[socket.socket, Request], bool]
"""Answers one request; True keeps the connection open."""


def says(body: object = b"", status: int = 200, **headers: str) -> Scene:
    """Answer with this JSON value, or these bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return sends("\r\n".join([*lines, "", ""]).encode() + raw, keep=True)


def sends(raw: bytes, *, keep: bool = False) -> Scene:
    """Send these bytes and, unless the connection is kept, close in an orderly way."""

    def play(connection: socket.socket, _: Request) -> bool:
        connection.sendall(raw)
        return keep

    return play


def resets(raw: bytes = b"") -> Scene:
    """Send these bytes, then break the connection with a RST."""

    def play(connection: socket.socket, _: Request) -> bool:
        connection.sendall(raw)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    return play


def drips(raw: bytes, pause: float) -> Scene:
    """Send one byte at a time for as long as somebody listens."""

    def play(connection: socket.socket, _: Request) -> bool:
        for byte in raw:
            connection.sendall(bytes([byte]))
            time.sleep(pause)
        return False

    return play


def holds(until: threading.Event) -> Scene:
    """Say nothing until told."""

    def play(_: socket.socket, __: Request) -> bool:
        until.wait(30)
        return False

    return play


OK: dict[str, object] = {"Success": True, "Errors": None}


@dataclass
class Stage:
    """A server on loopback that plays one scene per request; the last scene is repeated."""

    scenes: list[Scene] = field(default_factory=lambda: [says(OK)])
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    def play(self, *scenes: Scene) -> None:
        """Set what comes next."""
        self.scenes = list(scenes)

    def serve(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while (request := _read(stream)) is not None:
                self.requests.append(request)
                scene = self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]
                if not scene(connection, request):
                    break
        self.closed.set()


def _read(stream: BinaryIO) -> Request | None:
    line = stream.readline().decode("latin-1")
    if not line.endswith(" HTTP/1.1\r\n"):  # the end, or no HTTP
        return None
    method, target, _ = line.split(" ")
    headers = {}
    while (header := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, target, headers, stream.read(int(headers.get("content-length", "0"))))


@contextmanager
def staged(*scenes: Scene) -> Iterator[tuple[Stage, str]]:
    """Run a stage and give it with its URL."""
    stage = Stage()
    if scenes:
        stage.play(*scenes)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=stage.serve, args=(listener,), daemon=True)
        thread.start()
        yield stage, f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@contextmanager
def calling(
    url: str,
    options: ClientOptions = QUICK,
    *,
    paths: Paths | None = None,
    token: Callable[[], str] = lambda: TOKEN,
    seen: list[tuple[str, str, float, int]] | None = None,
) -> Iterator[CirrusClient]:
    """Give a client of this URL and close it afterwards."""
    heard = [] if seen is None else seen
    client = CirrusClient(
        url,
        token,
        paths=paths or Paths(),
        options=options,
        observe=lambda *call: heard.append(call),
        clock=lambda: NOW,
    )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def scene(*scenes: Scene, options: ClientOptions = QUICK) -> Iterator[tuple[CirrusClient, Stage]]:
    """Give a client and the stage it talks to."""
    with staged(*scenes) as (stage, url), calling(url, options) as client:
        yield client, stage
