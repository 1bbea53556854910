"""Settings: one frozen tree, read from a TOML file and the environment, that refuses whatever it does not know."""

from adapter.settings.load import load, settings_file
from adapter.settings.machinery import BrokerSettings, IntakeSettings, LedgerSettings, ObserveSettings
from adapter.settings.problems import ConfigurationErrors
from adapter.settings.results import ResultSettings
from adapter.settings.rules import HierarchySettings, MappingSettings, PolicySettings
from adapter.settings.tenants import TenantSettings
from adapter.settings.tree import Settings
from adapter.settings.webhook import ReceiverSettings, WebhookSettings

__all__ = [
    "BrokerSettings",
    "ConfigurationErrors",
    "HierarchySettings",
    "IntakeSettings",
    "LedgerSettings",
    "MappingSettings",
    "ObserveSettings",
    "PolicySettings",
    "ReceiverSettings",
    "ResultSettings",
    "Settings",
    "TenantSettings",
    "WebhookSettings",
    "load",
    "settings_file",
]
