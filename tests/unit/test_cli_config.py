"""`check-config`: what it says of good and of bad settings."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapter.cli import app
from adapter.cli.pages.settings import example

SECRET = "an0ther-s3cret"


@pytest.fixture(name="file", autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CIRRUS_ADAPTER_CONFIG", raising=False)
    file = tmp_path / "given.toml"
    file.write_text(example().replace("sandbox-token", SECRET).replace("guest:guest", f"u:{SECRET}"), encoding="utf-8")
    return file


def test_good_settings_are_said_to_be_good(file: Path) -> None:
    """Nothing goes to stdout that nobody asked for; the note says whose settings these are."""
    result = CliRunner().invoke(app, ["check-config", "--config", str(file)])

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(f"The settings are valid ({file}): uni.example")


def test_show_prints_what_is_in_force_without_secrets(file: Path) -> None:
    """One line for each key, in words that TOML understands."""
    result = CliRunner().invoke(app, ["check-config", "-c", str(file), "--show"])

    told = dict(line.split(" = ", 1) for line in result.stdout.splitlines())
    assert result.exit_code == 0
    assert told["broker.url"] == '"amqp://***@127.0.0.1:5672/%2F"'
    assert told["tenants.uni.token"] == '"***"'
    assert told["tenants.uni.region"] == "(not set)"
    assert told["broker.prefetch"] == "1000"
    assert SECRET not in result.output


def test_json_has_the_settings_too(file: Path) -> None:
    """For programs: valid, the file, and with --show the tree."""
    result = CliRunner().invoke(app, ["check-config", "-c", str(file), "--show", "--json"])

    told = json.loads(result.stdout)
    assert told["valid"] is True
    assert told["file"] == str(file)
    assert told["settings"]["tenants"]["uni"]["token"] == "***"
    assert SECRET not in result.output


def test_bad_settings_are_lines_and_exit_code_3(file: Path) -> None:
    """Every problem is named; as JSON, in parts."""
    file.write_text(file.read_text(encoding="utf-8").replace("#prefetch", "prefech"), encoding="utf-8")
    line = "broker.prefech: there is no such setting; did you mean prefetch?"

    plain = CliRunner().invoke(app, ["check-config", "-c", str(file)])
    as_json = CliRunner().invoke(app, ["check-config", "-c", str(file), "--json"])

    assert (plain.exit_code, plain.stdout, plain.stderr) == (3, "", f"error: {line}\n")
    assert as_json.exit_code == 3
    assert json.loads(as_json.stdout) == {
        "valid": False,
        "file": str(file),
        "problems": [
            {
                "key": "broker.prefech",
                "problem": "there is no such setting",
                "remedy": "did you mean prefetch?",
            }
        ],
    }


def test_settings_that_cannot_run_are_not_valid(file: Path) -> None:
    """`run` needs a broker, so a missing address is found here and not at the start."""
    file.write_text(file.read_text(encoding="utf-8").replace("\nurl =", "\n#url ="), encoding="utf-8")

    result = CliRunner().invoke(app, ["check-config", "-c", str(file)])

    assert result.exit_code == 3
    assert result.stderr == (
        "error: broker.url: it is missing; set it, or broker.url_file, or CIRRUS_ADAPTER_BROKER__URL\n"
    )
