"""The composition root: the only package that knows everybody. `build` wires one process."""

from collections.abc import Sequence

from adapter.app.builder import Builder
from adapter.app.clock import utc_now, worker_name
from adapter.app.host import Host
from adapter.app.ledger import open_database, open_ledger
from adapter.app.platform import open_client
from adapter.broker import ready
from adapter.domain.handler import Handler
from adapter.flow.process import App
from adapter.settings import Settings
from adapter.webhook.process import WebhookApp

__all__ = [
    "Host",
    "build",
    "build_webhook",
    "open_client",
    "open_database",
    "open_ledger",
    "utc_now",
    "worker_name",
]


def build(settings: Settings, handlers: Sequence[Handler]) -> App:
    """See to the queues and exchanges and wire one process; nothing is started yet."""
    ready(settings.broker.read_url(), settings.broker.topology())
    return App(Builder(settings, handlers, Host()).wiring(), drain=settings.process.drain_s)


def build_webhook(settings: Settings) -> WebhookApp:
    """Wire a process that receives notices and does nothing else; nothing is started yet."""
    return WebhookApp(Builder(settings, (), Host(), loops=()).webhook_wiring())
