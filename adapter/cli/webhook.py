"""`webhook`: the receiver of Cirrus' notices alone, in a process of its own, until SIGTERM."""

import typer

from adapter.app import build_webhook
from adapter.cli.console import ConfigFile, Exit, complain, fail, settings
from adapter.cli.run import log_uncaught, spare_the_collector
from adapter.errors import AdapterError, ConfigurationError
from adapter.observe.logging import configure
from adapter.settings import Settings

EXAMPLES = """Examples:

  cirrus-adapter webhook

  cirrus-adapter webhook --config /etc/cirrus-adapter/webhook.toml"""


def webhook(*, config: ConfigFile = None) -> None:
    """Receive what Cirrus' webhook announces, and put it into the ledger for `run` to work on.

    For a host that the internet reaches and the broker does not; it needs the ledger alone, and PostgreSQL for
    one, since `run` is elsewhere. SIGTERM or Ctrl+C stores and answers what is there and exits with 0; a second one
    leaves at once, and Cirrus sends again what was not answered. Exits with 4 when the ledger or a port cannot be
    used at the start. The log is on stderr.
    """
    chosen = settings(config)
    configure(chosen.observe.log_level, chosen.observe.log_format)
    log_uncaught()
    if not _run(chosen):
        fail("not everything was stored in time; Cirrus sends it again")


def _run(chosen: Settings) -> bool:
    """Run until a signal; return whether everything was stored in time."""
    try:
        app = build_webhook(chosen)
        spare_the_collector()
        return app.run()
    except ConfigurationError:
        raise
    except AdapterError as error:
        complain(str(error))
    except OSError as error:
        # Of all that is opened, only the two ports are not wrapped in an error of ours.
        complain(f"webhook.port or observe.port: cannot listen: {error.strerror or error}")
    raise typer.Exit(Exit.UNAVAILABLE)
