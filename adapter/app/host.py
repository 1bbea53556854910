"""The host: what a process is given from outside of itself. A test that hands in its own rules the whole world."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from adapter.app.clock import utc_now
from adapter.app.ledger import open_ledger
from adapter.app.platform import open_client
from adapter.broker import Consumer, Publisher
from adapter.cirrus.client import CirrusClient
from adapter.cirrus.client import Observe as Watch
from adapter.domain.ports import Clock
from adapter.ledger.database import Observe
from adapter.ledger.ledger import Ledger
from adapter.settings import Settings, TenantSettings


def _threads(most: int, name: str) -> Executor:
    return ThreadPoolExecutor(most, thread_name_prefix=name)


@dataclass(frozen=True, slots=True)
class Host:
    """Time, chance, what loops wait with, what carries passes, and the ways to broker, Cirrus and ledger."""

    clock: Clock = utc_now
    monotonic: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random  # noqa: TID251 - the composition root is where chance comes from
    event: Callable[[], threading.Event] = threading.Event
    places: Callable[[int], threading.Semaphore] = threading.Semaphore
    pool: Callable[[int, str], Executor] = _threads
    consumer: Callable[..., Consumer] = Consumer
    publisher: Callable[..., Publisher] = Publisher
    platform: Callable[[TenantSettings, Watch], CirrusClient] = open_client
    ledger: Callable[[Settings, Observe], Ledger] = open_ledger
