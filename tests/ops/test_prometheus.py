"""Tests with the programs of Prometheus: promtool on the rules, and a real server that scrapes us."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics
from adapter.observe.ops_server import OpsServer
from tests.ops.artefacts import RULES_FILE, TEST_FILES

PATIENCE = 60.0


def run(*command: str) -> str:
    """Run a program to its end and return what it said; it must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_valid(promtool: str) -> None:
    """Promtool accepts the rule file."""
    assert "SUCCESS" in run(promtool, "check", "rules", str(RULES_FILE))


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_the_alerts_fire_and_stay_silent_as_their_tests_say(path: Path, promtool: str) -> None:
    """The unit tests of the alerts pass."""
    assert "SUCCESS" in run(promtool, "test", "rules", str(path))


@pytest.fixture
def metrics() -> Metrics:
    """Return the metrics of a process with one tenant."""
    metrics = Metrics(CollectorRegistry())
    metrics.expect(tenants=("uni.example",), event_types=("sis.exam.booked.v1",), kinds=("booking",))
    return metrics


@pytest.fixture
def server(metrics: Metrics) -> Iterator[OpsServer]:
    """Return a running operations server that exports `metrics`."""
    registry = CollectorRegistry()
    registry.register(metrics)
    now = datetime.now(UTC)  # noqa: TID251 - Prometheus compares it with its own clock
    beats = Heartbeats(("converge",), metrics, lambda: now, time.monotonic)
    server = OpsServer("127.0.0.1", 0, registry, beats, {})
    server.start()
    yield server
    server.stop()


def get(url: str) -> bytes:
    """Return what a page answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def test_what_we_export_passes_the_linter(server: OpsServer, metrics: Metrics, promtool: str) -> None:
    """Promtool finds nothing to say about names, types and help texts of our metrics."""
    metrics.message_age.of("sis.exam.booked.v1", "intake").observe(1)
    exported = get(f"http://127.0.0.1:{server.port}/metrics")
    done = subprocess.run([promtool, "check", "metrics"], input=exported, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def prometheus_url(server: OpsServer, prometheus: str, tmp_path: Path) -> Iterator[str]:
    """Run a Prometheus with our rules that scrapes the operations server, and return its address."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES_FILE)],
        "scrape_configs": [
            {"job_name": "cirrus-adapter", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                prometheus,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


def alerts(url: str) -> dict[str, dict[str, str]]:
    """Return the labels of the alerts that are pending or firing, by name; none while it starts."""
    try:
        answer = json.loads(get(f"{url}/api/v1/alerts"))
    except (urllib.error.URLError, ConnectionError):
        return {}
    return {alert["labels"]["alertname"]: alert["labels"] for alert in answer["data"]["alerts"]}


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "the condition did not come true in time"
        time.sleep(0.1)


def test_a_real_prometheus_raises_the_alert(prometheus_url: str, metrics: Metrics) -> None:
    """What we export and what the rules ask for meet: an unconfirmed booking near its exam is seen, then gone."""
    name = "CirrusAdapterBookingsUnconfirmedNearExam"
    metrics.bookings_unconfirmed.replace({("uni.example", "1h"): 3})
    wait_for(lambda: name in alerts(prometheus_url))
    raised = alerts(prometheus_url)
    assert set(raised) == {name}
    assert (
        raised[name].items()
        >= {
            "job": "cirrus-adapter",
            "tenant": "uni.example",
            "horizon": "1h",
            "severity": "critical",
        }.items()
    )
    metrics.bookings_unconfirmed.replace({})
    wait_for(lambda: name not in alerts(prometheus_url))
