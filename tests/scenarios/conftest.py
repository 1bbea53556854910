"""The fixture that starts a world: a fresh virtual host, a fresh migrated database, a fresh sandbox."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from adapter.app import open_database
from adapter.broker import declare
from adapter.cirrus.sandbox import SandboxOptions, SandboxServer
from adapter.ledger import migrate
from adapter.settings import Settings
from tests.scenarios.sis import Sis
from tests.scenarios.world import HIERARCHY, OUTCOMES, PATH_SECRET, World
from tests.services.processes import free_port

TOKENS = {"token-of-uni": "uni"}
HALF_A_SECOND = 0.5 / 60
"""In minutes. Settings keep operators from looking so often; a test cannot wait for a minute."""


Begin = Callable[..., World]
"""Make a world: `policy`, `results` and `tenant` are settings of the first tenant, `others` are tenants beside it,
`sandbox` are options of the sandbox, `seal_key` is the ledger's; without `start` the adapter does not run yet."""


@pytest.fixture
def begin(amqp_url: str, postgres_url: str) -> Iterator[Begin]:
    """Lend a function that makes a world and, unless told otherwise, starts the adapter in it."""
    with ExitStack() as stack:

        def make(
            *,
            policy: dict[str, Any] | None = None,
            tenant: dict[str, Any] | None = None,
            others: dict[str, dict[str, Any]] | None = None,
            sandbox: dict[str, Any] | None = None,
            results: dict[str, Any] | None = None,
            recheck_min: float = HALF_A_SECOND,
            seal_key: str | None = None,
            start: bool = True,
        ) -> World:
            options: dict[str, Any] = {"tokens": TOKENS, "auto_assessments": True} | (sandbox or {})
            server = stack.enter_context(SandboxServer(SandboxOptions(**options)))
            uni = {"name": "uni.example", "token": "token-of-uni", "policy": policy or {}, "results": results or {}}
            tenants = {"uni": uni | (tenant or {})}
            settings = _settings(
                amqp_url,
                {"url": postgres_url, "seal_key": seal_key},
                server.url,
                tenants | (others or {}),
                recheck_min,
            )
            _prepare(settings)
            sis = Sis(datetime.now(UTC))  # noqa: TID251 - a test's world begins now, as PostgreSQL's clock does
            world = stack.enter_context(
                World(settings, server, sa.create_engine(postgres_url, pool_pre_ping=True), sis)
            )
            return world.start() if start else world

        yield make


@pytest.fixture
def world(begin: Begin) -> World:
    """Lend a running world with one tenant and the default policy, at short timings."""
    return begin()


def _settings(
    amqp_url: str, ledger: dict[str, Any], cirrus_url: str, tenants: dict[str, dict[str, Any]], recheck_min: float
) -> Settings:
    short = {
        "linger_s": 0.2,
        "retry_first_s": 0.1,
        "retry_longest_s": 1,
        "halt_probe_s": 1,
        "halt_longest_s": 2,
        "pending_after_min": 0.02,
    }
    soon = {"quiet_s": 0.3, "quiet_longest_s": 2, "attendance_after_min": 0, "withdrawn_after_min": 0.01}
    mapping = {"default_hierarchy": {"id": HIERARCHY, "name": HIERARCHY}}
    given = {
        slug: {"base_url": cirrus_url, "calls_per_second": 0, "mapping": mapping, "read_timeout_s": 5}
        | {"webhook": {"path_secret": PATH_SECRET}, "guard": {"delay_s": 0}}
        | tenant
        | {"policy": short | tenant.get("policy", {}), "results": soon | tenant.get("results", {})}
        for slug, tenant in tenants.items()
    }
    settings = Settings.model_validate(
        {
            "broker": {"url": amqp_url, "outcomes_queue": OUTCOMES},
            "ledger": ledger,
            "observe": {"port": 0},
            "webhook": {"port": free_port()},
            "tenants": given,
        }
    )
    return _hasty(settings, recheck_min)


def _hasty(settings: Settings, recheck_min: float) -> Settings:
    """Look at open tasks more often than any setting allows: `model_copy` does not ask whether it may."""
    tenants = {
        slug: tenant.model_copy(update={"policy": tenant.policy.model_copy(update={"recheck_min": recheck_min})})
        for slug, tenant in settings.tenants.items()
    }
    return settings.model_copy(update={"tenants": tenants})


def _prepare(settings: Settings) -> None:
    database = open_database(settings)
    migrate.migrate(database)
    database.close()
    declare(settings.broker.read_url(), settings.broker.topology())
