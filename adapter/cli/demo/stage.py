"""All that the demo needs in one process: a simulated Cirrus, an embedded broker, a ledger, and the adapter."""

import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import orjson

from adapter.app import build, open_database, open_ledger
from adapter.broker import Consumer, Delivery, Message, Published, Publisher
from adapter.cirrus.sandbox import SandboxOptions, SandboxServer
from adapter.cli.demo.phrases import MINUTES
from adapter.errors import BrokerUnavailable
from adapter.flow.process import App
from adapter.ledger.database import Database
from adapter.ledger.ledger import Ledger
from adapter.ledger.migrate import migrate
from adapter.settings import Settings, load
from handlers import ALL

LATENCY_MS = 40.0
"""What every call to the simulated Cirrus takes, at least."""

TOKEN = "demo-token"  # noqa: S105 - opens nothing but the sandbox of this process
PATH_SECRET = "demo-path-secret"  # noqa: S105 - as above: whoever knows it can announce results to this process
MAKE_HIERARCHY = "POST /groups"
"""The one call that is the administrator's and not the adapter's."""

CONFIG = "adapter.toml"
LEDGER = "ledger.db"

_DRAIN = 10.0
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Stage:
    """The opened parts; consumers and publisher belong to the thread that opened them."""

    settings: Settings
    app: App
    cirrus: SandboxServer
    ledger: Ledger
    database: Database
    outcomes: Consumer
    dead_letters: Consumer
    _sis: Publisher

    @property
    def slug(self) -> str:
        """What the settings call the one tenant."""
        return next(iter(self.settings.tenants))

    @property
    def tenant(self) -> str:
        """The one tenant's name."""
        return self.settings.tenants[self.slug].name

    @property
    def webhook_url(self) -> str:
        """Where the tenant's Cirrus announces results; the adapter has taken any free port."""
        return f"http://127.0.0.1:{self.app.webhook_port}/webhook/{self.slug}/{PATH_SECRET}"

    def publish(self, bodies: Sequence[bytes], first: int) -> None:
        """Publish as the SIS would; the messages are numbered from `first`."""
        exchange = self.settings.broker.events_exchange
        messages = [
            Message(
                id=f"message-{number}",
                exchange=exchange,
                routing_key=f"{self.tenant}.event",
                body=body,
                headers={},
                content_type="application/cloudevents+json",
            )
            for number, body in enumerate(bodies, start=first)
        ]
        if not all(isinstance(receipt, Published) for receipt in self._sis.publish(messages)):
            raise BrokerUnavailable("the embedded broker did not take an event of the demo")


@contextmanager
def opened(folder: Path) -> Generator[Stage]:
    """Open the stage with its files in a folder; the adapter is running when it is yielded, and not afterwards."""
    with ExitStack() as stack:
        options = SandboxOptions(
            tokens={TOKEN: "university"},
            latency_ms=LATENCY_MS,
            auto_assessments=True,
            assessment_minutes=MINUTES,
            repeat_add="ignored_with_link",
        )
        cirrus = stack.enter_context(SandboxServer(options))
        settings = load(_written_settings(folder, cirrus.url), {})
        _make_hierarchy(cirrus, settings)
        database = open_database(settings)
        stack.callback(database.close)
        migrate(database)
        app = build(settings, ALL)
        ledger = open_ledger(settings)
        stack.callback(ledger.close)
        broker = settings.broker
        outcomes = _consumer(stack, broker.read_url(), broker.outcomes_queue or "")
        dead_letters = _consumer(stack, broker.read_url(), broker.dead_letter_queue)
        sis = Publisher(broker.read_url())
        stack.callback(sis.close)
        app.start()
        stack.callback(app.stop, _DRAIN)
        yield Stage(settings, app, cirrus, ledger, database, outcomes, dead_letters, sis)


def _make_hierarchy(cirrus: SandboxServer, settings: Settings) -> None:
    """Do what an administrator has done before: a draft schedule can only be put where there is a hierarchy."""
    hierarchy = next(iter(settings.tenants.values())).mapping.default_hierarchy
    body = orjson.dumps({"ExternalId": hierarchy.id, "Title": hierarchy.name})
    method, path = MAKE_HIERARCHY.split()
    address = urlsplit(f"{cirrus.api_url}{path}")
    connection = HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT)
    try:
        connection.request(method, address.path, body, {"Authorization": f"EAPI {TOKEN}"})
        connection.getresponse().read()
    finally:
        connection.close()


def _written_settings(folder: Path, cirrus: str) -> Path:
    """Write the settings where a later `explain` finds them, too."""
    template = Template(files(__package__ or "adapter.cli.demo").joinpath(CONFIG).read_text("utf-8"))
    file = folder / CONFIG
    given = {"broker": folder.name, "ledger": str(folder / LEDGER), "cirrus": cirrus}
    file.write_text(template.substitute(given, token=TOKEN, path_secret=PATH_SECRET), "utf-8")
    return file


def _consumer(stack: ExitStack, url: str, queue: str) -> Consumer:
    consumer = Consumer(url, queue, jitter=lambda: 0.0, on_state=lambda _: None, stop=threading.Event())
    stack.callback(consumer.close)
    return consumer


def received(consumer: Consumer, wait: float) -> list[Delivery]:
    """Take what there is, and wait so many seconds for the first of it."""
    deliveries = consumer.receive(500, wait, 0.01)
    consumer.settle(deliveries)
    return deliveries
