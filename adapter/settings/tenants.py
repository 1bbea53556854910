"""The settings of one tenant: where its Cirrus is, which token opens it, and how much may be asked of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, StringConstraints

from adapter.cirrus import regions
from adapter.cirrus.paths import Paths
from adapter.domain.mapping import IdMapping
from adapter.domain.pace import Limits
from adapter.domain.policy import Policy
from adapter.errors import ConfigurationError
from adapter.settings.guard import GuardSettings
from adapter.settings.results import ResultSettings
from adapter.settings.rules import MappingSettings, PolicySettings
from adapter.settings.section import Fault, Section, either_fault, read_secret
from adapter.settings.urls import base_url_faults, with_api_path
from adapter.settings.webhook import WebhookSettings


class TenantSettings(Section):
    """One institution and its Cirrus. The slug in `[tenants.<slug>]` is only a handle for the settings."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = Field(
        examples=["uni.example"]
    )
    """The attribute `tenant` of its events, and the first part of its outcomes' routing keys."""

    region: str | None = Field(default=None, examples=["eu"], json_schema_extra={"enum": list(regions.REGIONS)})
    """Where its Cirrus runs: `eu`, `eu-premium` (Premium hosting), `eu-rc` (release candidates), `ca` or `sg`. This or
    `base_url`."""

    base_url: str | None = Field(default=None, examples=["http://127.0.0.1:8900"])
    """Address of the API, instead of `region`; without a path of its own, the documented path is added. Only https,
    but for this machine itself (the sandbox)."""

    token: SecretStr | None = Field(default=None, examples=["sandbox-token"])
    """API token, from Admin > Webservices > External API in Cirrus. It decides whose data is touched."""

    token_file: Path | None = Field(default=None, examples=["/run/secrets/cirrus-token"])
    """Name of a file that holds `token`, instead of `token`; it is read again each time that
    the token is asked for, so it can be replaced without a restart."""

    zone: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "UTC"
    """Time zone in which times without one are read that Cirrus sends; as set in its External API settings."""

    connect_timeout_s: float = Field(default=5, gt=0, le=60)
    """Seconds to wait for a connection."""

    read_timeout_s: float = Field(default=30, gt=0, le=300)
    """Seconds to wait for each part of an answer; the whole of it may take twice as long."""

    concurrency: int = Field(default=8, ge=1, le=64)
    """Calls that one worker has under way at once, at most. Of several, the last is kept for what is urgent."""

    calls_per_second: float = Field(default=10, ge=0, le=1000)
    """Calls that all workers together may start each second, evenly spaced; 0 is without a limit. Urgent calls go
    first. Where Cirrus asks for less (status 429), or takes much longer than usual, fewer are made for a while."""

    calls_at_once: int = Field(default=0, ge=0, le=1000)
    """Calls that all workers together have under way at once, at most; 0 is without a limit but `concurrency`."""

    upsert: bool = False
    """Let Cirrus update a schedule that exists when one is created. It is undocumented what becomes of the candidates
    who are on it: try it on a test tenant first."""

    mapping: MappingSettings
    """How ids follow from events."""

    policy: PolicySettings = Field(default_factory=PolicySettings)
    """How exams are brought into Cirrus."""

    guard: GuardSettings = Field(default_factory=GuardSettings)
    """How much the SIS may take away at once."""

    results: ResultSettings = Field(default_factory=ResultSettings)
    """How results come back."""

    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
    """How Cirrus' webhook proves itself; without a secret, nothing is received for this tenant."""

    paths: Mapping[str, str] = Field(
        default_factory=dict[str, str], examples=[{"list_candidates": "/external/schedule/{externalId}/candidates"}]
    )
    """Another path for an operation, where this Cirrus does not answer on the documented one."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        if (self.region is None) == (self.base_url is None):
            yield Fault(
                "region",
                "neither region nor base_url is set" if self.region is None else "region and base_url are both set",
                "set exactly one of them",
            )
        elif self.base_url is not None:
            yield from base_url_faults(self.base_url)
        elif self.region not in regions.REGIONS:
            yield Fault("region", f"'{self.region}' is not a region", f"use one of {', '.join(regions.REGIONS)}")
        secret = [*either_fault("token", self.token, self.token_file, required=True)]
        yield from secret or _token_faults(self.read_token())
        try:
            ZoneInfo(self.zone)
        except (KeyError, OSError, ValueError):
            yield Fault("zone", "there is no such time zone", "give an IANA name such as Europe/Amsterdam")

        for operation, path in self.paths.items():
            try:
                Paths.with_settings({operation: path})
            except ConfigurationError as error:
                yield Fault(f"paths.{operation}", error.problem, error.remedy)

    def api_url(self) -> str:
        """Return the address that the documented paths follow on."""
        if self.base_url is not None:
            return with_api_path(self.base_url)
        if self.region is None:
            raise ConfigurationError("region", f"it is missing for tenant {self.name}", "set region or base_url")
        return regions.base_url(self.region)

    def read_token(self) -> str:
        """Return the token; a file is read on every call, so that a rotated token is picked up.

        Raises `ConfigurationError`.
        """
        if self.token_file is not None:
            return read_secret("token", self.token_file)
        if self.token is None:
            raise ConfigurationError("token", f"it is missing for tenant {self.name}", "set token_file or token")
        return self.token.get_secret_value().strip()

    def api_paths(self) -> Paths:
        """Return the path of each operation."""
        return Paths.with_settings(self.paths)

    def id_mapping(self) -> IdMapping:
        """Return the mapping in the domain's words."""
        return replace(self.mapping.id_mapping(), external_attempts=self.policy.external_attempts)

    def to_policy(self) -> Policy:
        """Return the policy in the domain's words."""
        return replace(
            self.policy.to_policy(),
            results=self.results.to_policy(),
            guard=self.guard.to_policy(),
            limits=Limits(self.calls_per_second, self.calls_at_once),
        )


def _token_faults(token: str) -> Iterator[Fault]:
    if token.upper().startswith("EAPI "):
        yield Fault("token", "it begins with the word EAPI", "give the token alone; the word is added to each call")
    elif not token.isascii() or not token.isprintable() or " " in token:
        yield Fault("token", "it has characters that no token has", "copy it again from Cirrus")
