"""Running a sandbox: in the foreground for the command line, or in a thread beside a test or demo."""

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from adapter.cirrus.sandbox.control import SandboxControl
from adapter.cirrus.sandbox.endpoint import Endpoint
from adapter.cirrus.sandbox.options import API_BASE, SandboxOptions
from adapter.cirrus.sandbox.script import Step, play

_STOP_SECONDS = 5.0


def _nobody(_text: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class _Play:
    """A script, and who hears of its failures."""

    steps: Sequence[Step]
    tell: Callable[[str], None]


def run_sandbox(
    host: str,
    port: int,
    options: SandboxOptions,
    *,
    ready: Callable[[str], None] = _nobody,
    script: Sequence[Step] = (),
    tell: Callable[[str], None] = _nobody,
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the base URL once calls are answered.

    The script plays from then on, and `tell` hears of its steps that fail. Raises OSError when the address cannot
    be had.
    """
    asyncio.run(_run(host, port, options, ready, _Play(script, tell)))


async def _run(host: str, port: int, options: SandboxOptions, ready: Callable[[str], None], script: _Play) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await _serve(host, port, options, stop, ready, script)


async def _serve(
    host: str, port: int, options: SandboxOptions, stop: asyncio.Event, ready: Callable[[str], None], script: _Play
) -> None:
    endpoint = Endpoint(options)
    # The low-level server, without application, middlewares or access log: twice the calls per second.
    runner = web.ServerRunner(web.Server(endpoint.handle, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    playing: asyncio.Task[None] | None = None
    try:
        await web.TCPSite(runner, host, port).start()
        bound = int(runner.addresses[0][1])
        playing = asyncio.create_task(play(script.steps, endpoint.control, script.tell))
        ready(f"http://{host}:{bound}")
        await stop.wait()
    finally:
        if playing is not None:
            playing.cancel()
        endpoint.stop()
        await runner.cleanup()
        await endpoint.close()


class SandboxServer:
    """A sandbox on its own thread and event loop, for the time of a `with` block, with a script if one is given."""

    def __init__(
        self,
        options: SandboxOptions | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        script: Sequence[Step] = (),
        tell: Callable[[str], None] = _nobody,
    ) -> None:
        self.options = options or SandboxOptions()
        self._script = _Play(script, tell)
        self._host = host
        self._port = port
        self._thread = threading.Thread(target=self._main, name="cirrus-sandbox", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Return the base URL, such as `http://127.0.0.1:40123`."""
        return self._url

    @property
    def api_url(self) -> str:
        """Return the URL the documented paths follow on."""
        return self._url + API_BASE

    @property
    def control(self) -> SandboxControl:
        """Return a client of this sandbox's control API."""
        return SandboxControl(self._url)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_SECONDS)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again by __enter__, in the caller's thread
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        await _serve(self._host, self._port, self.options, self._stop, self._ready, self._script)

    def _ready(self, url: str) -> None:
        self._url = url
        self._started.set()
