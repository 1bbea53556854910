"""`ledger`: bring the ledger to the schema that this version needs, look whether it is; make, count and change keys."""

from collections.abc import Generator
from contextlib import contextmanager

import typer

from adapter.app import open_database, open_ledger
from adapter.cli.console import AsJson, Commands, ConfigFile, Exit, fail, note, put, put_json, settings
from adapter.ledger import migrate as migrations
from adapter.ledger import sealing
from adapter.ledger.database import Database
from adapter.ledger.ledger import Ledger
from adapter.ledger.resealing import PLAIN
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
    """Make a key for `ledger.seal_key`, which seals what is stored of people."""
    key = sealing.new_key()
    if as_json:
        put_json({"key": key})
    else:
        put(key)


@app.command(epilog="Example: cirrus-adapter ledger keys --json")
def keys(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Tell how many values of each table are sealed with which key, and how many stand in plain."""
    chosen = settings(config)
    with _ledger(chosen) as ledger:
        newest = ledger.newest_key
        counted = ledger.keys_in_use()
    if as_json:
        put_json({"newest": newest, "tables": counted})
        return
    for table, numbers in counted.items():
        for key, number in numbers.items():
            put(f"{table:<10} {key:<9} {number}")
    note("No key is configured" if newest is None else f"New values are sealed with key {newest}")


@app.command(epilog="Example: cirrus-adapter ledger reseal")
def reseal(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Bring all that is stored of people under the first key of `ledger.seal_key`; exits with 1 when something is left.

    Workers may go on. It may be ended and begun again at any time: what is done is not done twice.
    """
    done: dict[str, int] = {}
    with _ledger(settings(config)) as ledger:
        newest = ledger.newest_key
        if newest is None:
            fail("ledger.seal_key is not set; make a key with: cirrus-adapter ledger new-key", Exit.CONFIGURATION)
        for batch in ledger.reseal():
            done[batch.table] = done.get(batch.table, 0) + batch.resealed
            if batch.resealed or batch.after is None:
                note(f"{batch.table}: {done[batch.table]} rows sealed anew")
        left = ledger.settle_keys()
    if as_json:
        put_json({"key": newest, "resealed": done, "left": left})
    if left:
        told = ", ".join(f"{number} {'in plain' if key == PLAIN else 'under ' + key}" for key, number in left.items())
        fail(
            f"not under key {newest}: {told} values; where a worker has written them meanwhile, give all workers "
            "the same first key and run it again, and else configure the missing key behind the first"
        )
    note(f"Everything is sealed with key {newest}; no other key is needed any more")


@contextmanager
def _ledger(chosen: Settings) -> Generator[Ledger]:
    ledger = open_ledger(chosen)
    try:
        ledger.check()
        yield ledger
    finally:
        ledger.close()


@contextmanager
def _database(chosen: Settings) -> Generator[Database]:
    database = open_database(chosen)
    try:
        yield database
    finally:
        database.close()
