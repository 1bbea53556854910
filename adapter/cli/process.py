"""What the commands share that run until they are told to stop: signals, the log's last net, and how they end."""

import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, TextIO

import structlog
import typer

from adapter.cli.console import Exit, complain
from adapter.errors import AdapterError, ConfigurationError
from adapter.observe.logging import configure
from adapter.settings import Settings

_log = structlog.get_logger()


class Process(Protocol):
    """What runs between `start` and `stop`."""

    def start(self) -> None:
        """Start; raises what makes a start pointless, and then nothing is running."""
        ...

    def stop(self) -> bool:
        """Stop in order; return whether everything was finished in time."""
        ...


def serve(chosen: Settings, build: Callable[[], Process], *, ports: str) -> bool:
    """Run until SIGTERM or Ctrl+C; return whether everything was finished in time.

    `ports` names the settings of the ports that are listened on: of all that is opened, only they are not wrapped in
    an error of ours. Ends the command with `Exit.UNAVAILABLE` when the start fails.
    """
    configure(chosen.observe.log_level, chosen.observe.log_format)
    log_uncaught()
    try:
        process = build()
        _spare_the_collector()
        return _until_told(process)
    except ConfigurationError:
        raise
    except AdapterError as error:
        complain(str(error))
    except OSError as error:
        complain(f"{ports}: {error.strerror or error}")
    raise typer.Exit(Exit.UNAVAILABLE)


def _until_told(process: Process) -> bool:
    asked = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if asked.is_set():
            # The second signal: somebody is in a hurry. What was under way is found by read-back, or sent again.
            os._exit(128 + number)
        _log.info("stopping", signal=signal.Signals(number).name)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    process.start()
    # A wait without a time-out would not let the signal's handler run on every platform.
    while not asked.wait(1.0):
        pass
    return process.stop()


def _spare_the_collector() -> None:
    """Take what was imported and wired out of the garbage collector's sight, and let it look less often.

    Batches make many short-lived objects and hardly a cycle: this saves about 15 % of the CPU (`make bench`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def log_uncaught() -> None:
    """Send what nobody has caught through the log and its masks: in any thread, in finalisers, and warnings.

    Python would print them with their words, and those may be about anybody.
    """

    def in_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _log.critical("uncaught_exception", exc_info=(kind, error, trace))

    def in_thread(failure: threading.ExceptHookArgs) -> None:
        name = failure.thread.name if failure.thread is not None else None
        if not isinstance(failure.exc_value, SystemExit):
            _log.critical("uncaught_exception", thread=name, exc_info=failure.exc_value)

    def in_finaliser(failure: "sys.UnraisableHookArgs") -> None:
        _log.critical("uncaught_exception", exc_info=failure.exc_value)

    def on_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        _ = (message, file, line)
        _log.warning("python_warning", category=category.__name__, filename=filename, lineno=lineno)

    sys.excepthook = in_main
    threading.excepthook = in_thread
    sys.unraisablehook = in_finaliser
    warnings.showwarning = on_warning
