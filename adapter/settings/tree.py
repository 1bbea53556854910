"""The whole tree of settings: one section for each part of the machinery, and one for each tenant."""

from typing import Annotated

from pydantic import Field, StringConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapter.settings.machinery import (
    BrokerSettings,
    IntakeSettings,
    LedgerSettings,
    ObserveSettings,
    ProcessSettings,
)
from adapter.settings.tenants import TenantSettings
from adapter.settings.webhook import ReceiverSettings

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", max_length=60)]
"""As an environment variable can spell it, too."""


class Settings(BaseSettings):
    """Everything that can be set. Built by `load`; a demo or a test may build one in code."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    broker: BrokerSettings = Field(default_factory=BrokerSettings)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    observe: ObserveSettings = Field(default_factory=ObserveSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    process: ProcessSettings = Field(default_factory=ProcessSettings)
    webhook: ReceiverSettings = Field(default_factory=ReceiverSettings)
    tenants: dict[Slug, TenantSettings] = Field(min_length=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is handed in: `load` reads the sources, so that nothing depends on the process."""
        _ = (settings_cls, env_settings, dotenv_settings, file_secret_settings)
        return (init_settings,)

    def named(self, name: str) -> TenantSettings | None:
        """Return the tenant whose events carry `name`, None when there is none."""
        return next((tenant for tenant in self.tenants.values() if tenant.name == name), None)
