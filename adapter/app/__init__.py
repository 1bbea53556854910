"""The composition root: the only package that knows everybody. `build` wires one process."""

from collections.abc import Sequence

from adapter.app.builder import Builder
from adapter.app.host import utc_now, worker_name
from adapter.app.ledger import open_database, open_ledger
from adapter.app.platform import open_client
from adapter.broker import declare
from adapter.domain.handler import Handler
from adapter.flow.process import App
from adapter.settings import Settings
from adapter.webhook.process import WebhookApp

__all__ = ["build", "build_webhook", "open_client", "open_database", "open_ledger", "utc_now", "worker_name"]


def build(settings: Settings, handlers: Sequence[Handler]) -> App:
    """Declare the queues and exchanges and wire one process; nothing is started yet."""
    declare(settings.broker.read_url(), settings.broker.topology())
    return App(Builder(settings, handlers).wiring())


def build_webhook(settings: Settings) -> WebhookApp:
    """Wire a process that receives notices and does nothing else; nothing is started yet."""
    return WebhookApp(Builder(settings, (), loops=()).webhook_wiring())
