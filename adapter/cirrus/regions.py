"""Regions: which API domain a tenant's hosting answers on (cirrus-api.md section 00)."""

from types import MappingProxyType

from adapter.errors import ConfigurationError

PREFIX = "/api/v1/integrations"

REGIONS = MappingProxyType(
    {
        "eu": "api.cirrusplatform.com",
        "eu-premium": "api-euprem.cirrusplatform.com",
        "eu-rc": "api.cirrusrc.eu",
        "ca": "api-ca.cirrusplatform.com",
        "sg": "api-sg.cirrusplatform.com",
    }
)
"""API domains by region. None is particular to a customer: the token alone decides whose data is touched."""


def base_url(region: str) -> str:
    """Return the URL that every path of the API follows, raise `ConfigurationError` for a region unknown here."""
    if (domain := REGIONS.get(region)) is None:
        raise ConfigurationError("cirrus.region", f"'{region}' is not a region", f"use one of {', '.join(REGIONS)}")
    return f"https://{domain}{PREFIX}"
