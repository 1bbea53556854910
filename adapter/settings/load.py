"""Load the settings from a file and an environment, or say everything that is wrong with them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adapter.errors import ConfigurationError
from adapter.settings.environment import CONFIG, EnvironmentSource
from adapter.settings.problems import ConfigurationErrors, sense_problems, shape_problems
from adapter.settings.tree import Settings

DEFAULT_FILE = Path("adapter.toml")

LARGEST_FILE = 1_000_000
MOST_DOTS = 1_000
"""On one line: what a dotted key takes to read grows with the square of its parts."""


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings; the environment goes before the file.

    The file is `path`, else the one that CIRRUS_ADAPTER_CONFIG names, else `adapter.toml` in the working
    directory if it exists. Files that hold secrets are read once, to see that they can be; nothing else is
    touched. Raises `ConfigurationErrors`, which is a `ConfigurationError`, with all that is wrong.
    """
    environment = EnvironmentSource(Settings, environ)
    spelled = environment()
    document = _document(settings_file(path, environ))
    merged = _merged(document, spelled)
    problems = list(environment.problems)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        problems += shape_problems(error, environment.names)
        raise ConfigurationErrors(problems) from None
    problems += sense_problems(settings)
    if problems:
        raise ConfigurationErrors(problems)
    return settings


def settings_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file that `load` reads, None when there is none."""
    if path is not None:
        return path
    if named := environ.get(CONFIG):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _document(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    if not file.is_file():
        raise ConfigurationErrors(
            [ConfigurationError(str(file), "there is no such file", f"correct --config or {CONFIG}")]
        )
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE or any(line.count(b".") > MOST_DOTS for line in text.splitlines()):
            problem = f"it has more than {LARGEST_FILE:,} bytes, or more than {MOST_DOTS:,} dots on a line"
            raise ConfigurationErrors([ConfigurationError(str(file), problem, "name a file of settings")])
        return tomllib.loads(text.decode())
    except tomllib.TOMLDecodeError as error:
        fault = ConfigurationError(str(file), f"it is not TOML: {error}", "correct the file")
    except UnicodeDecodeError:
        fault = ConfigurationError(str(file), "it is not UTF-8 text", "save it as UTF-8")
    except (ValueError, RecursionError):
        fault = ConfigurationError(str(file), "a number is too long, or a value too deeply nested", "correct the file")
    except OSError as error:
        why = error.strerror or type(error).__name__
        fault = ConfigurationError(str(file), f"cannot read it: {why}", "let this user read it")
    raise ConfigurationErrors([fault])


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return both trees as one; where both have a key, `above` counts."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        merged[key] = _merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value  # pyright: ignore[reportUnknownArgumentType]
    return merged
