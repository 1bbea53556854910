"""What a figure depends on besides the code: the machine, the versions, and how busy the machine was with others."""

import platform
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import make_url

from tests.benchmarks.stage import Broker, Place

PACKAGES = ("amqp", "kombu", "orjson", "psycopg", "pydantic", "requests", "sqlalchemy", "urllib3")
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
        "PostgreSQL": _postgres_version(place.postgres_url),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def _postgres_version(url: str) -> str:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else "unknown"
