"""`webhook`: the receiver of Cirrus' notices alone, in a process of its own, until SIGTERM."""

from adapter.app import build_webhook
from adapter.cli.console import ConfigFile, settings
from adapter.cli.process import serve

EXAMPLES = """Examples:

  cirrus-adapter webhook

  cirrus-adapter webhook --config /etc/cirrus-adapter/webhook.toml"""


def webhook(*, config: ConfigFile = None) -> None:
    """Receive what Cirrus' webhook announces, and put it into the ledger for `run` to work on.

    For a host that the internet reaches and the broker does not; it needs the ledger alone, and PostgreSQL for
    one, since `run` is elsewhere. SIGTERM or Ctrl+C stores and answers what is there and exits with 0; a second one
    leaves at once, and Cirrus sends again what was not answered. Exits with 4 when the ledger or a port cannot be
    used at the start, and with 5 when not everything was stored within `process.drain_s`. The log is on stderr.
    """
    chosen = settings(config)
    serve(
        chosen,
        lambda: build_webhook(chosen),
        ports="observe.port or webhook.port",
        unfinished="not everything was stored in time; Cirrus sends it again",
    )
