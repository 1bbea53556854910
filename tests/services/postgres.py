"""A private PostgreSQL server, and fresh databases in it or in one that the environment names."""

import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from tests.services.packages import UnavailableError, install
from tests.services.processes import Leash, ServerProcess, free_port

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # fsync and full_page_writes guard against a crash of the operating system only. Killing the server loses
    # nothing that was committed, because synchronous_commit stays on: tests that kill it stay meaningful.
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}
START_PATIENCE = 60
STOP_PATIENCE = 20


def installed() -> bool:
    """Tell whether the server program is on this machine."""
    return _programs() is not None


def ensure_installed() -> None:
    """Install the server where it is missing; raise `UnavailableError` where that cannot be."""
    if not installed():
        install("postgresql")


class PostgresServer:
    """One PostgreSQL of our own: own port, own data, no password, gone with the test session."""

    def __init__(self, leash: Leash) -> None:
        """Create the data folder; nothing runs yet."""
        programs = _programs()
        if programs is None:
            raise UnavailableError("PostgreSQL is not installed (on Debian: apt-get install postgresql)")
        self.port = free_port()
        self._programs = programs
        self._leash = leash
        self._user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
        self._folder = leash.folder / f"postgres-{self.port}"
        self._folder.mkdir()
        if self._user is not None:
            shutil.chown(self._folder, self._user, self._user)
        self._process: ServerProcess | None = None
        self._create_cluster()

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the maintenance database, as superuser."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start, and return when connections are accepted."""
        assert not self.alive()
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self._process = ServerProcess(
            [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings],
            leash=self._leash,
            log=self._log,
            environment=_environment(),
            user=self._user,
        )
        self._process.wait_ready(self._accepts, patience=START_PATIENCE)

    def stop(self) -> None:
        """Shut down in order; open transactions are rolled back."""
        if self._process is not None:
            self._process.stop(signal.SIGINT, patience=STOP_PATIENCE)
            self._process = None

    def restart(self) -> None:
        """Stop and start with the same port and data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End at once, without shutting down; `start` recovers."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def crash(self) -> None:
        """End it as a power cut does, and start it again: it recovers what was committed."""
        self.kill()
        self.start()

    def demote(self) -> None:
        """Be what is left after a fail-over to a read-only standby: connections are gone, new ones cannot write."""
        self._make_read_only("on")

    def promote(self) -> None:
        """Take writes again, from connections made anew; harmless for one that takes writes."""
        self._make_read_only("off")

    def freeze(self) -> None:
        """Keep every connection open and answer nothing, until `thaw`."""
        assert self._process is not None
        self._process.freeze()

    def thaw(self) -> None:
        """Go on after `freeze`."""
        assert self._process is not None
        self._process.thaw()

    def alive(self) -> bool:
        """Tell whether the server process exists (also when frozen)."""
        return self._process is not None and self._process.alive()

    def ensure_running(self) -> None:
        """Undo what a test did: start again, or thaw and wait for the answer."""
        if self._process is not None and self._process.alive():
            self._process.thaw()
            self._process.wait_ready(self._accepts, patience=START_PATIENCE)
        else:
            self.start()

    def _make_read_only(self, switch: LiteralString) -> None:
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        with psycopg.connect(_conninfo(self.url), autocommit=True, connect_timeout=10) as connection:
            connection.execute(SQL("ALTER SYSTEM SET default_transaction_read_only = {}").format(SQL(switch)))
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(others)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _log(self) -> Path:
        return self._leash.folder / f"postgres-{self.port}.log"

    def _create_cluster(self) -> None:
        command = [
            str(self._programs / "initdb"),
            *("-D", str(self._data), "-U", "postgres", "-A", "trust"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
        ]
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            env=_environment(),
            cwd="/",
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
        )

    def _accepts(self) -> bool:
        try:
            psycopg.connect(_conninfo(self.url), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def create_database(server_url: str) -> str:
    """Create an empty database with a name of its own; return its SQLAlchemy URL."""
    name = f"test_{secrets.token_hex(6)}"
    _execute(server_url, "CREATE DATABASE {} TEMPLATE template0", name)
    url = make_url(server_url).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)


def drop_database(server_url: str, database_url: str) -> None:
    """Drop a database that `create_database` made, ending the connections that a test left open."""
    name = make_url(database_url).database
    assert name is not None
    _execute(server_url, "DROP DATABASE {} WITH (FORCE)", name)


def _execute(server_url: str, statement: LiteralString, database: str) -> None:
    with psycopg.connect(_conninfo(server_url), autocommit=True, connect_timeout=10) as connection:
        connection.execute(SQL(statement).format(Identifier(database)))


def _conninfo(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _programs() -> Path | None:
    """Return the folder of the newest server programs (Debian keeps them off the PATH)."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if debian:
        return debian[-1].parent
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).resolve().parent


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
