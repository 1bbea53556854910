"""`sandbox`: a simulated Cirrus to try things out against."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.cirrus.regions import PREFIX
from adapter.cli.console import AsJson, Exit, complain, fail, note, put_json

if TYPE_CHECKING:
    from adapter.cirrus.sandbox import Step

EXAMPLES = """Examples:

  cirrus-adapter sandbox

  cirrus-adapter sandbox --port 0 --token abc=uni.example --latency-ms 150 --auto-assessments

  cirrus-adapter sandbox --webhook http://127.0.0.1:9465/webhook/demo/SECRET --script day.toml

A script is TOML, a table for each step; `at` is in seconds after the start, `do` is what a person does in Cirrus, or
webhook, assessments or clock. config/sandbox-script.example.toml has more:

  [[steps]]

  at = 2.5

  do = "sit"

  schedule = "S1"

  early = true"""


def sandbox(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8900,
    token: Annotated[
        list[str] | None,
        typer.Option(metavar="TOKEN=TENANT", help="A token and whose data it opens; may be repeated."),
    ] = None,
    latency_ms: Annotated[float, typer.Option(min=0, help="Milliseconds that every call takes longer.")] = 0,
    time_zone: Annotated[str, typer.Option(help="Zone in which times without one are read.")] = "UTC",
    seed: Annotated[str, typer.Option(help="Launch links, generated ids and scores follow from it.")] = "cirrus",
    auto_assessments: Annotated[
        bool, typer.Option("--auto-assessments", help="Take every unknown assessment for a published one.")
    ] = False,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where published results are announced; for one tenant.")
    ] = None,
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Steps to play after the start, as below.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a simulated Cirrus until it is interrupted; everything is in memory and gone afterwards."""
    from adapter.cirrus.sandbox import SandboxOptions, run_sandbox  # noqa: PLC0415 - aiohttp is for the sandbox alone

    tokens = _tokens(token) if token else {"sandbox-token": "demo"}
    steps = [*_webhook_steps(webhook, tokens), *_script_steps(script)]
    options = SandboxOptions(
        tokens=tokens, seed=seed, latency_ms=latency_ms, time_zone=time_zone, auto_assessments=auto_assessments
    )

    def ready(url: str) -> None:
        if as_json:
            put_json({"url": url, "api_url": url + PREFIX})
        note(f'The sandbox answers. In the settings: base_url = "{url}", token = "{next(iter(tokens))}"')
        note("Ctrl+C ends it.")

    try:
        run_sandbox(host, port, options, ready=ready, script=steps, tell=complain)
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror or error}")


def _tokens(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if any(not token or not tenant for token, _, tenant in split):
        raise typer.BadParameter("write it as TOKEN=TENANT", param_hint="--token")
    return {token: tenant for token, _, tenant in split}


def _webhook_steps(url: str | None, tokens: dict[str, str]) -> "list[Step]":
    """Return the first step of all: the webhook of the one tenant, with ids alone in its messages."""
    from adapter.cirrus.sandbox import Step, read_webhook  # noqa: PLC0415 - aiohttp is for the sandbox alone

    if url is None:
        return []
    if len(set(tokens.values())) > 1:
        raise typer.BadParameter("there are several tenants; use --script", param_hint="--webhook")
    try:
        read_webhook({"url": url})
    except ValueError:
        raise typer.BadParameter("write it as http://HOST/PATH or https://HOST/PATH", param_hint="--webhook") from None
    return [Step(0, "webhook", {"url": url})]


def _script_steps(file: Path | None) -> "list[Step]":
    from adapter.cirrus.sandbox import ScriptError, read_script  # noqa: PLC0415 - aiohttp is for the sandbox alone

    if file is None:
        return []
    try:
        return read_script(file)
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", Exit.USAGE)
    except ScriptError as error:
        fail(f"{file}: {error}", Exit.USAGE)
