"""`sandbox`: a simulated Cirrus to try things out against."""

from typing import Annotated

import typer

from adapter.cirrus.regions import PREFIX
from adapter.cli.console import AsJson, fail, note, put_json

EXAMPLES = """Examples:

  cirrus-adapter sandbox

  cirrus-adapter sandbox --port 0 --token abc=uni.example --latency-ms 150 --auto-assessments"""


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
    seed: Annotated[str, typer.Option(help="Launch links and generated ids follow from it.")] = "cirrus",
    auto_assessments: Annotated[
        bool, typer.Option("--auto-assessments", help="Take every unknown assessment for a published one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve a simulated Cirrus until it is interrupted; everything is in memory and gone afterwards."""
    from adapter.cirrus.sandbox import SandboxOptions, run_sandbox  # noqa: PLC0415 - aiohttp is for the sandbox alone

    tokens = _tokens(token) if token else {"sandbox-token": "demo"}
    options = SandboxOptions(
        tokens=tokens, seed=seed, latency_ms=latency_ms, time_zone=time_zone, auto_assessments=auto_assessments
    )

    def ready(url: str) -> None:
        if as_json:
            put_json({"url": url, "api_url": url + PREFIX})
        note(f'The sandbox answers. In the settings: base_url = "{url}", token = "{next(iter(tokens))}"')
        note("Ctrl+C ends it.")

    try:
        run_sandbox(host, port, options, ready=ready)
    except OSError as error:
        fail(f"cannot listen on {host}:{port}: {error.strerror or error}")


def _tokens(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if any(not token or not tenant for token, _, tenant in split):
        raise typer.BadParameter("write it as TOKEN=TENANT", param_hint="--token")
    return {token: tenant for token, _, tenant in split}
