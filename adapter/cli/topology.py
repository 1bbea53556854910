"""`topology`: the exchanges and queues on the broker, declared, checked or shown."""

from collections.abc import Iterator

import typer

from adapter.broker.topology import Topology, declare, verify
from adapter.cli.console import AsJson, Commands, ConfigFile, note, put, put_json, settings
from adapter.observe.logging import configure
from adapter.settings import Settings

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Look after the exchanges and queues on the broker.")


@app.command(epilog="Example: cirrus-adapter topology apply --config adapter.toml")
def apply(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Declare what is missing; what exists is left as it is. `run` does the same at its start.

    Exchanges and bindings that the broker's user may not make have to be there; config/BROKER.md says what it needs.
    """
    chosen = _settings(config)
    declare(chosen.broker.read_url(), chosen.broker.topology())
    if as_json:
        put_json({"applied": True, **_shown(chosen.broker.topology())})
    note("Exchanges, queues and bindings are as they have to be")


@app.command(epilog="Example: cirrus-adapter topology check")
def check(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Check that everything is there, with these arguments, and change nothing; exits with 1 when it is not.

    AMQP shows neither bindings nor policies. That dead letters are kept is tried with one that expires at once;
    config/BROKER.md says which policies are harmful.
    """
    chosen = _settings(config)
    verify(chosen.broker.read_url(), chosen.broker.topology())
    if as_json:
        put_json({"valid": True})
    note("Exchanges and queues are as they have to be")


@app.command(epilog="Example: cirrus-adapter topology show --json")
def show(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show what the settings ask for; the broker is not asked."""
    topology = settings(config).broker.topology()
    if as_json:
        put_json(_shown(topology))
    else:
        for line in _lines(topology):
            put(line)


def _settings(config: ConfigFile) -> Settings:
    chosen = settings(config)
    configure("warning", chosen.observe.log_format)
    return chosen


def _shown(topology: Topology) -> dict[str, object]:
    return {
        "exchanges": [{"name": name, "type": "topic", "durable": True} for name in topology.exchanges],
        "queues": [
            {"name": name, "durable": True, "arguments": dict(arguments)} for name, arguments in topology.queues.items()
        ],
        "bindings": [
            {"queue": queue, "exchange": exchange, "routing_key": key}
            for queue, exchange, key in topology.queue_bindings
        ],
    }


def _lines(topology: Topology) -> Iterator[str]:
    for name in topology.exchanges:
        yield f"exchange  {name}  topic, durable"
    for name, arguments in topology.queues.items():
        told = ", ".join(f"{key}={value}" for key, value in arguments.items())
        yield f"queue     {name}  durable, {told}"
    for queue, exchange, key in topology.queue_bindings:
        yield f"binding   {exchange} -> {queue}  {key}"
