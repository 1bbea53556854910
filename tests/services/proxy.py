"""A TCP proxy on a free port that can reset, freeze, swallow and refuse, for tests of broken networks."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

PATIENCE = 10
CHUNK = 65536
Result = TypeVar("Result")


class Proxy:
    """Forward every connection to one server; the methods may be called from any thread."""

    def __init__(self, host: str, port: int) -> None:
        """Prepare; `opened` listens."""
        self.port = 0
        self._target = (host, port)
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing: asyncio.Event | None = None
        self._swallowing = False

    def reset(self) -> int:
        """Break every connection with a reset, as a failing router does; return how many that were."""
        return self._run(self._reset())

    def freeze(self) -> None:
        """Keep every connection open and forward nothing."""
        self._run(self._flow(flowing=False))

    def thaw(self) -> None:
        """Forward again, also what came in meanwhile."""
        self._run(self._flow(flowing=True))

    def swallow(self) -> None:
        """Leave every connection half open: it is taken and kept, and whatever is sent either way vanishes."""
        self._run(self._swallow())

    def give_up(self) -> int:
        """End `swallow` as a kernel does that had no answer for too long: reset what was half open; return how many."""
        self._swallowing = False
        return self.reset()

    def refuse(self) -> None:
        """Break every connection and accept no new one."""
        self._run(self._refuse())

    def accept(self) -> None:
        """Listen again, on the same port."""
        self._run(self._accept())

    def connections(self) -> int:
        """Return how many clients are connected."""
        return len(self._open) // 2

    def serve(self) -> None:
        """Run until `close`; the proxy's own thread does this."""
        self._loop.run_forever()
        self._loop.close()

    def close(self) -> None:
        """End everything."""
        self._run(self._refuse())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _accept(self) -> None:
        if self._flowing is None:
            self._flowing = asyncio.Event()
            self._flowing.set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        if self._server is not None:
            for listener in self._server.sockets:
                self._loop.remove_reader(listener.fileno())
            await _settled()  # asyncio loses a socket that it has accepted in the moment of the close
            self._server.close()
            self._server = None
        await self._reset()
        await _settled()

    async def _reset(self) -> int:
        broken = self.connections()
        for writer in self._open:
            connection = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return broken

    async def _swallow(self) -> None:
        self._swallowing = True

    async def _flow(self, *, flowing: bool) -> None:
        assert self._flowing is not None
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
            self._open.discard(writer)
            return
        ends = {writer, far_writer}
        self._open |= ends
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._copy(source, sink, ends))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        assert self._flowing is not None
        try:
            while chunk := await source.read(CHUNK):
                await self._flowing.wait()
                if self._swallowing:
                    continue
                sink.write(chunk)
                await sink.drain()
        except OSError:
            pass
        finally:
            for writer in ends:
                writer.close()
            self._open -= ends


async def _settled() -> None:
    """Let what was begun in this turn of the loop get its owner, and what was ended be closed."""
    for _ in range(3):
        await asyncio.sleep(0)


@contextlib.contextmanager
def opened(host: str, port: int) -> Generator[Proxy]:
    """Lend a proxy to the server at `host` and `port`."""
    proxy = Proxy(host, port)
    thread = threading.Thread(target=proxy.serve, name="proxy", daemon=True)
    thread.start()
    proxy.accept()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(PATIENCE)
