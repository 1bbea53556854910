"""`run`: the adapter itself, every loop in one process, until SIGTERM."""

import gc
import sys
import threading
from types import TracebackType

import structlog
import typer

from adapter.app import build
from adapter.cli.console import ConfigFile, Exit, complain, fail, settings
from adapter.errors import AdapterError, ConfigurationError
from adapter.observe.logging import configure
from adapter.settings import Settings
from handlers import ALL

EXAMPLES = """Examples:

  cirrus-adapter run

  cirrus-adapter run --config /etc/cirrus-adapter/adapter.toml"""

_log = structlog.get_logger()


def run(*, config: ConfigFile = None) -> None:
    """Take events from the broker, bring Cirrus to what they say, and publish what became of it.

    SIGTERM or Ctrl+C finishes what is under way and exits with 0; a second one leaves at once, and what was
    under way is found by reading Cirrus at the next start. Exits with 4 when the broker or the ledger cannot
    be used at the start, and with 1 when not everything was finished in time. The log is on stderr.
    """
    chosen = settings(config)
    configure(chosen.observe.log_level, chosen.observe.log_format)
    log_uncaught()
    if not _run(chosen):
        fail("not everything was finished in time; it is found by reading Cirrus at the next start")


def _run(chosen: Settings) -> bool:
    """Run until a signal; return whether everything was finished in time."""
    try:
        app = build(chosen, ALL)
        spare_the_collector()
        return app.run()
    except ConfigurationError:
        raise
    except AdapterError as error:
        complain(str(error))
    except OSError as error:
        # Of all that is opened, only the operations port is not wrapped in an error of ours.
        observe = chosen.observe
        complain(f"observe.port: cannot listen on {observe.host}:{observe.port}: {error.strerror or error}")
    raise typer.Exit(Exit.UNAVAILABLE)


def spare_the_collector() -> None:
    """Take what was imported and wired out of the garbage collector's sight, and let it look less often.

    Batches make many short-lived objects and hardly a cycle: this saves about 15 % of the CPU (`make bench`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def log_uncaught() -> None:
    """Send what nobody has caught through the log and its masks, in the main thread and in every other."""

    def in_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _log.critical("uncaught_exception", exc_info=(kind, error, trace))

    def in_thread(failure: threading.ExceptHookArgs) -> None:
        name = failure.thread.name if failure.thread is not None else None
        if not isinstance(failure.exc_value, SystemExit):
            _log.critical("uncaught_exception", thread=name, exc_info=failure.exc_value)

    sys.excepthook = in_main
    threading.excepthook = in_thread
