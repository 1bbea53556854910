"""What the commands share that run until they are told to stop: signals, the log's last net, and how they end."""

import gc
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn, Protocol, TextIO

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


GRACE = 2.0
"""Seconds after which a stop that has not come back in time is no longer waited for."""


def serve(chosen: Settings, build: Callable[[], Process], *, ports: str, unfinished: str) -> None:
    """Run until SIGTERM or Ctrl+C, and return when everything was finished in time.

    `ports` names the settings of the ports that are listened on: of all that is opened, only they are not wrapped in
    an error of ours. Ends the command with `Exit.UNAVAILABLE` when the start fails. Ends the process with
    `Exit.UNFINISHED` and the sentence `unfinished` when something is still under way after the drain of the settings.
    """
    configure(chosen.observe.log_level, chosen.observe.log_format)
    log_uncaught()
    try:
        process = build()
        _spare_the_collector()
        finished = _until_told(process, chosen.process.drain_s + GRACE)
    except ConfigurationError:
        raise
    except AdapterError as error:
        complain(str(error))
        raise typer.Exit(Exit.UNAVAILABLE) from None
    except OSError as error:
        complain(f"{ports}: {error.strerror or error}")
        raise typer.Exit(Exit.UNAVAILABLE) from None
    if not finished:
        complain(unfinished)
        _leave(Exit.UNFINISHED)


def _until_told(process: Process, patience: float) -> bool:
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
    return _within(patience, process.stop)


def _within(patience: float, stop: Callable[[], bool]) -> bool:
    """Stop in a thread that may be left behind, and return whether it has come back and finished."""
    finished: list[bool] = []
    stopping = threading.Thread(target=lambda: finished.append(stop()), name="stop", daemon=True)
    stopping.start()
    stopping.join(patience)
    return finished == [True]


def _leave(code: int) -> NoReturn:
    """End the process at once: an orderly end of the interpreter would wait for the threads that hang."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


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
