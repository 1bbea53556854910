"""The client of one tenant's Cirrus, as its settings say."""

from zoneinfo import ZoneInfo

from adapter.app.clock import utc_now
from adapter.cirrus.client import CirrusClient, ClientOptions, Observe
from adapter.cirrus.paths import Paths
from adapter.settings import TenantSettings


def _unwatched(operation: str, status: str, seconds: float, items: int) -> None:
    """Watch nothing: a command that ends at once exports no metrics."""
    _ = (operation, status, seconds, items)


def open_client(tenant: TenantSettings, observe: Observe = _unwatched) -> CirrusClient:
    """Return a client; nothing is sent before the first step."""
    return CirrusClient(
        tenant.api_url(),
        tenant.read_token,
        paths=Paths.with_settings(tenant.paths),
        options=ClientOptions(
            external_attempts=tenant.policy.external_attempts,
            upsert=tenant.upsert,
            connect_timeout=tenant.connect_timeout_s,
            read_timeout=tenant.read_timeout_s,
            zone=ZoneInfo(tenant.zone),
            result_fields=tenant.results.to_fields(),
        ),
        observe=observe,
        clock=utc_now,
    )
