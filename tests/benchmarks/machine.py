"""What a figure depends on besides the code: the machine, the versions, and how busy the machine was with others."""

import platform
from importlib.metadata import packages_distributions, version
from pathlib import Path

import psutil

from tests.benchmarks.stage import Broker, Place

PACKAGES = (
    *("amqp", "kombu", "orjson", "psycopg", "pydantic", "requests", "sqlalchemy"),
    *("aio-pika", "celery", "faststream", "httpx"),
)
LOOK_SECONDS = 1.0


def describe_machine(place: Place) -> dict[str, str]:
    """Return what is known of the machine and its programs; takes a second, in which nothing else should run."""
    broker = Broker(place.amqp_url)
    rabbit = broker.version
    broker.close()
    return {
        "processor": _processor(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": platform.platform(),
        "busy with others": f"{psutil.cpu_percent(LOOK_SECONDS):.0f} % before the first run",
        "Python": platform.python_version(),
        "RabbitMQ": rabbit,
        "PostgreSQL": str(place.query("SHOW server_version")[0][0]),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "urllib3": urllib3_of_its_own(),
    }


def urllib3_of_its_own() -> str:
    """Return the version of urllib3; raise `RuntimeError` where another package has put itself in its place.

    Some do, and make each call of requests dearer by a third or more: ours, and the baselines'. None of the pinned
    packages does; this sees to it that what is measured is what is pinned.
    """
    providers = packages_distributions()["urllib3"]
    if set(providers) != {"urllib3"}:
        raise RuntimeError(f"urllib3 is replaced by {', '.join(providers)}; make a virtual environment anew")
    return version("urllib3")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
