"""`sandbox`: the simulated Cirrus as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from adapter.cli import app

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_its_token_until_it_is_ended(number: signal.Signals) -> None:
    """The URL is told as data once calls are answered, and a signal ends it with 0."""
    command = [Path(sys.executable).with_name("cirrus-adapter"), "sandbox", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--token", "abc=uni.example"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(4)]
            told = json.loads("".join(lines))
            request = Request(f"{told['api_url']}/user/nobody", headers={"Authorization": "EAPI abc"})
            with pytest.raises(OSError, match="400"):
                urlopen(request, timeout=10)
            process.send_signal(number)
            _, notes = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert f'base_url = "{told["url"]}", token = "abc"' in notes


def test_a_taken_port_is_one_line() -> None:
    """The address is named, and the exit code is 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["sandbox", "--port", str(port)])

    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert result.stderr.count("\n") == 1


def test_a_token_names_its_tenant() -> None:
    """Without a tenant it opens nothing."""
    result = CliRunner().invoke(app, ["sandbox", "--token", "abc"])

    assert result.exit_code == 2
    assert "TOKEN=TENANT" in result.stderr
