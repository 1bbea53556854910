"""`ledger`: bring the ledger to the schema that this version needs, look whether it is, make a key for it."""

from collections.abc import Generator
from contextlib import contextmanager

import typer
from cryptography.fernet import Fernet

from adapter.app import open_database
from adapter.cli.console import AsJson, Commands, ConfigFile, note, put, put_json, settings
from adapter.ledger import migrate as migrations
from adapter.ledger.database import Database
from adapter.settings import Settings

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Look after the ledger's database.")


@app.command(epilog="Example: cirrus-adapter ledger migrate --config adapter.toml")
def migrate(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Bring the ledger to the newest migration; run it before each new version.

    What the ledger holds stays. It may be run by several hosts at once, and again at any time.
    """
    with _database(settings(config)) as database:
        before = migrations.found(database)
        after = migrations.migrate(database)
    if as_json:
        put_json({"before": before, "after": after, "changed": before != after})
    note(f"The ledger is at migration {after}" + (", as it was" if before == after else ""))


@app.command(epilog="Example: cirrus-adapter ledger check --json")
def check(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Tell whether the ledger is at the migration that this version needs; exits with 1 when it is not."""
    with _database(settings(config)) as database:
        at, needed = migrations.found(database), migrations.needed()
        if as_json:
            put_json({"found": at, "needed": needed, "current": at == needed})
        migrations.check(database)
    note(f"The ledger is at migration {at}, as this version needs it")


@app.command("new-key", epilog="Example: cirrus-adapter ledger new-key > /run/secrets/seal-key")
def new_key(*, as_json: AsJson = False) -> None:
    """Make a key for `ledger.seal_key`, which seals launch links at rest."""
    key = Fernet.generate_key().decode()
    if as_json:
        put_json({"key": key})
    else:
        put(key)


@contextmanager
def _database(chosen: Settings) -> Generator[Database]:
    database = open_database(chosen)
    try:
        yield database
    finally:
        database.close()
