"""The receiver of Cirrus' webhook, for every tenant that has one."""

from adapter.ledger.ledger import Ledger
from adapter.observe.metrics import Metrics
from adapter.settings import Settings
from adapter.webhook import Credentials, Gatekeeper, Options, WebhookServer


def webhook_server(settings: Settings, ledger: Ledger, metrics: Metrics) -> WebhookServer:
    """Wire the receiver of notices for every tenant that has one."""
    receiver = settings.webhook

    def observe(status: str, seconds: float) -> None:
        metrics.webhook_requests.of(status).inc()
        metrics.webhook_request_seconds.of(status).observe(seconds)

    asked = {
        slug: Credentials.of(tenant.name, tenant.webhook)
        for slug, tenant in settings.tenants.items()
        if tenant.webhook.wanted
    }
    options = Options(
        host=receiver.host,
        port=receiver.port,
        threads=receiver.threads,
        largest_body=receiver.largest_body,
        content_types=receiver.content_types,
        trusted_proxies=receiver.trusted_proxies,
        keep_deadline=receiver.keep_deadline_s,
    )
    return WebhookServer(Gatekeeper(asked), options, store=ledger.keep_notices, observe=observe)
