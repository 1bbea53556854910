"""The webhook: authenticates the notices of Cirrus, makes them durable, and answers; what they say is for others."""

from adapter.webhook.authentication import Credentials, Gatekeeper
from adapter.webhook.server import Options, WebhookServer

__all__ = ["Credentials", "Gatekeeper", "Options", "WebhookServer"]
