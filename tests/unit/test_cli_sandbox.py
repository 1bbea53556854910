"""`sandbox`: the simulated Cirrus as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
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


@contextmanager
def _running(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the command with JSON on stdout; yields the process and what it told when it answered."""
    command = [Path(sys.executable).with_name("cirrus-adapter"), "sandbox", "--port", "0", "--json", *arguments]
    with subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads("".join(process.stdout.readline() for _ in range(4)))
        finally:
            process.kill()


def _control(url: str, name: str) -> dict[str, Any]:
    with urlopen(f"{url}/_sandbox/{name}", timeout=10) as answer:
        return json.loads(answer.read())


def test_a_script_is_played_and_its_failures_are_told(tmp_path: Path) -> None:
    """One line on stderr for a step that fails; the next ones are played."""
    script = tmp_path / "script.toml"
    script.write_text(
        '[[steps]]\nat = 0\ndo = "sit"\nschedule = "S1"\n'
        '[[steps]]\nat = 0.1\ndo = "assessments"\nassessments = [{ id = "X1" }]\n',
        encoding="utf-8",
    )
    with _running("--script", script) as (process, told):
        give_up = time.monotonic() + 20
        while "X1" not in _control(told["url"], "state")["tenants"]["demo"]["assessments"]:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, notes = process.communicate(timeout=20)
    assert "error: sit at 0 s: Schedule [S1] not found\n" in notes


def test_the_webhook_of_the_one_tenant_is_set_up_from_the_start() -> None:
    """Ids alone in its messages, and the documented retries."""
    with _running("--webhook", "http://127.0.0.1:9/hook", "--token", "abc=uni.example") as (process, told):
        webhook = _control(told["url"], "webhook")["tenants"]["uni.example"]["webhook"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert (webhook["url"], webhook["payload"], webhook["time_scale"]) == ("http://127.0.0.1:9/hook", "thin", 1.0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--webhook", "127.0.0.1"], "http://HOST/PATH"),
        (["--webhook", "http://127.0.0.1/", "--token", "a=x", "--token", "b=y"], "several tenants"),
    ],
)
def test_a_webhook_needs_a_url_and_one_tenant(arguments: list[str], said: str) -> None:
    """Otherwise nothing is served."""
    result = CliRunner().invoke(app, ["sandbox", *arguments])

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("text", "said"), [(None, "cannot read"), ("steps = 1", "no [[steps]]"), ('[[steps]]\nat = 1\ndo = "x"', "step 1")]
)
def test_a_wrong_script_is_one_line_before_anything_is_served(tmp_path: Path, text: str | None, said: str) -> None:
    """The file is named, and the exit code is that of a wrong command line."""
    script = tmp_path / "script.toml"
    if text is not None:
        script.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["sandbox", "--script", str(script)])

    assert result.exit_code == 2
    assert str(script) in result.stderr
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_help_shows_a_script() -> None:
    """The example names the file that has more."""
    result = CliRunner().invoke(app, ["sandbox", "--help"])

    assert "[[steps]]" in result.stdout
    assert "sandbox-script.example.toml" in result.stdout
