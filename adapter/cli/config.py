"""`check-config`: is everything set as it has to be? Touches nothing but files."""

import json
import os
from typing import Annotated

import typer

from adapter.cli.console import AsJson, ConfigFile, note, put, put_json, report
from adapter.errors import ConfigurationError
from adapter.settings import ConfigurationErrors, Settings, load, settings_file
from adapter.settings.shown import lines, shown

EXAMPLES = """Examples:

  cirrus-adapter check-config

  cirrus-adapter check-config --config /etc/cirrus-adapter/adapter.toml --show"""


def check_config(
    *,
    config: ConfigFile = None,
    show: Annotated[bool, typer.Option("--show", help="Print every setting in force; secrets are masked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check the settings, offline: unknown keys and variables, types, secrets' files, contradictions.

    Every problem is one line on stderr; the exit code is 3 when there is any.
    """
    file = settings_file(config, os.environ)
    try:
        settings = load(config, os.environ)
        settings.broker.read_url()
    except ConfigurationError as error:
        if as_json:
            put_json({"valid": False, "file": str(file) if file else None, "problems": _problems(error)})
        raise typer.Exit(report(error)) from None
    if as_json:
        told: dict[str, object] = {"valid": True, "file": str(file) if file else None, "problems": []}
        put_json({**told, "settings": shown(settings)} if show else told)
    elif show:
        for key, value in lines(shown(settings)):
            put(f"{key} = {'(not set)' if value is None else json.dumps(value, ensure_ascii=False)}")
    note(_summary(settings, str(file) if file else "the environment alone"))


def _summary(settings: Settings, source: str) -> str:
    names = ", ".join(tenant.name for tenant in settings.tenants.values())
    sealed = (
        "" if settings.ledger.read_seal_keys() else "; without ledger.seal_key, what is stored of people is readable"
    )
    return f"The settings are valid ({source}): {names}{sealed}"


def _problems(error: ConfigurationError) -> list[dict[str, str]]:
    found = error.problems if isinstance(error, ConfigurationErrors) else (error,)
    return [{"key": one.key, "problem": one.problem, "remedy": one.remedy} for one in found]
