"""Surveys of the tenants that a command looks at: clients, pacing, progress and kept answers, opened and closed."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from adapter.app import open_client
from adapter.cli.answers import AnswerFile
from adapter.cli.progress import counted
from adapter.cli.survey import Survey
from adapter.flow.own_pace import OwnPace
from adapter.flow.pacing import Pacer
from adapter.ledger.sealing import Seal
from adapter.settings import Settings, TenantSettings


@contextmanager
def surveys(chosen: Settings, total: int, answers: Path | None) -> Generator[Mapping[str, Survey]]:
    """Lend a survey of each tenant's Cirrus, by the tenant's name; `total` things are expected to be read."""
    with ExitStack() as stack:
        kept = stack.enter_context(closing(AnswerFile(answers, Seal(chosen.ledger.read_seal_keys()))))
        read = stack.enter_context(counted("read from Cirrus", total))
        yield {tenant.name: _survey(stack, tenant, kept, read) for tenant in chosen.tenants.values()}


def _survey(stack: ExitStack, tenant: TenantSettings, kept: AnswerFile, read: Callable[[], None]) -> Survey:
    client = stack.enter_context(closing(open_client(tenant)))
    policy = tenant.to_policy()
    pacer = Pacer(tenant.name, policy.limits, OwnPace(time.monotonic), time.monotonic)
    return Survey(tenant.name, client, policy, pacer, time.sleep, read, kept)
