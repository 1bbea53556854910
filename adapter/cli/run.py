"""`run`: the adapter itself, every loop in one process, until SIGTERM."""

from adapter.app import build
from adapter.broker import loses_unacked
from adapter.cli.console import ConfigFile, settings
from adapter.cli.process import serve
from adapter.errors import ConfigurationError
from handlers import ALL

EXAMPLES = """Examples:

  cirrus-adapter run

  cirrus-adapter run --config /etc/cirrus-adapter/adapter.toml"""


def run(*, config: ConfigFile = None) -> None:
    """Take events from the broker, bring Cirrus to what they say, and publish what became of it.

    Where a tenant's Cirrus has a webhook (`tenants.<slug>.webhook`), its notices of results are received, too.
    SIGTERM or Ctrl+C finishes what is under way and exits with 0; a second one leaves at once, and what was
    under way is found by reading Cirrus at the next start. Exits with 4 when the broker or the ledger cannot
    be used at the start: away, a queue that is not as safe as it has to be, dead letters that nobody would keep, a
    ledger at another migration. Nothing is started then. Exits with 5 when not everything was finished within
    `process.drain_s`: nothing is lost then, either. The log is on stderr.
    """
    chosen = settings(config)
    if loses_unacked(chosen.broker.read_url()):
        raise ConfigurationError(
            "broker.url", "such a broker loses what is in hand when a process dies", "use RabbitMQ: amqp:// or amqps://"
        )
    serve(
        chosen,
        lambda: build(chosen, ALL),
        ports="observe.port or webhook.port",
        unfinished="not everything was finished in time; it is found by reading Cirrus at the next start",
    )
