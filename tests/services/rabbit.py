"""A private RabbitMQ server, and fresh virtual hosts in it or in one that the environment names."""

import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from base64 import b64encode
from collections.abc import Generator, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from tests.services.packages import UnavailableError, install
from tests.services.processes import Leash, ServerFailedError, ServerProcess, free_port

DEBIAN_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
"""The scripts behind Debian's wrappers in /usr/sbin, which would run on the machine's own instance."""
ELECT = "[ra:trigger_election(amqqueue:get_pid(Q)) || Q <- rabbit_amqqueue:list(), amqqueue:is_quorum(Q)]."
START_PATIENCE = 90
STOP_PATIENCE = 2
"""Listeners and message stores close in milliseconds; the seconds after that are idle supervisors, which are killed."""


def installed() -> bool:
    """Tell whether the server program is on this machine."""
    return _programs() is not None


def ensure_installed() -> None:
    """Install the server where it is missing; raise `UnavailableError` where that cannot be."""
    if not installed():
        install("rabbitmq-server")


class RabbitServer:
    """One RabbitMQ node of our own: own ports, own data, own epmd, gone with the test session."""

    def __init__(self, leash: Leash) -> None:
        """Write the node's files; nothing runs yet."""
        programs = _programs()
        if programs is None:
            raise UnavailableError("RabbitMQ is not installed (on Debian: apt-get install rabbitmq-server)")
        self.port = free_port()
        self.admin_port = free_port()
        self._epmd_port = free_port()
        self._programs = programs
        self._leash = leash
        self._folder = leash.folder / f"rabbit-{self.port}"
        self._environment = self._write_files()
        self._epmd: ServerProcess | None = None
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """The AMQP URL of the default virtual host, as administrator."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def admin_url(self) -> str:
        """The base URL of the management API."""
        return f"http://guest:guest@127.0.0.1:{self.admin_port}"

    def start(self) -> None:
        """Start, and return when AMQP and the management API answer, and each queue that there was has a leader.

        A single node may leave a quorum queue without a leader for good when a message comes in before its first
        election (rabbitmq-server issue 10070); nothing that a client does helps then. And whoever deletes two queues
        whose dead-letter workers are just starting, as they do after an election, takes all such workers down: then no
        queue like them can be declared on the node any more.
        """
        assert not self.alive()
        is_new = not (self._folder / "mnesia").exists()
        if self._epmd is None:
            # Started here, in the foreground: a node that finds none leaves a daemon behind.
            self._epmd = self._run("epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1")
            self._epmd.wait_ready(lambda: _listens(self._epmd_port), patience=START_PATIENCE)
        self._process = self._run(str(self._programs / "rabbitmq-server"))
        self._process.wait_ready(self._answers, patience=START_PATIENCE)
        if not is_new:
            self.ctl("eval", ELECT)

    def stop(self) -> None:
        """Shut down in order; nothing of it runs afterwards."""
        if self._process is not None:
            self._process.stop(signal.SIGTERM, patience=STOP_PATIENCE)
        self.kill()

    def restart(self) -> None:
        """Stop and start with the same ports and data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End at once, without shutting down; `start` recovers."""
        for process in (self._process, self._epmd):
            if process is not None:
                process.kill()
        self._process = self._epmd = None

    def crash(self) -> None:
        """End it as a power cut does, and start it again."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Keep every connection open and answer nothing, until `thaw`."""
        assert self._process is not None
        self._process.freeze()

    def thaw(self) -> None:
        """Go on after `freeze`."""
        assert self._process is not None
        self._process.thaw()

    def alive(self) -> bool:
        """Tell whether the node's process exists (also when frozen)."""
        return self._process is not None and self._process.alive()

    def ensure_running(self) -> None:
        """Undo what a test did: start again, or thaw and wait for the answer."""
        if self._process is not None and self._process.alive():
            self._process.thaw()
            self._process.wait_ready(self._answers, patience=START_PATIENCE)
        else:
            self.kill()
            self.start()

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on this node; return what it prints. Takes a third of a second."""
        command = [str(self._programs / "rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(
            command, env=self._environment, cwd="/", capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise ServerFailedError(f"rabbitmqctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def memory_alarm(self) -> Generator[None]:
        """Block every publisher inside the context, as a broker short of memory does."""
        self.raise_memory_alarm()
        try:
            yield
        finally:
            self.end_memory_alarm()

    def raise_memory_alarm(self) -> None:
        """Block every publisher until `end_memory_alarm`."""
        self.ctl("set_vm_memory_high_watermark", "absolute", "1")

    def end_memory_alarm(self) -> None:
        """Let publishers go on; harmless without an alarm."""
        self.ctl("set_vm_memory_high_watermark", "0.4")

    def _run(self, *command: str) -> ServerProcess:
        log = self._folder / f"{Path(command[0]).name}.log"
        return ServerProcess(command, leash=self._leash, log=log, environment=self._environment)

    def _answers(self) -> bool:
        return _greets(self.port) and _listens(self.admin_port)

    def _write_files(self) -> dict[str, str]:
        """Write configuration, plug-ins and cookie; return the environment that keeps the node to itself."""
        home = self._folder / "home"
        home.mkdir(parents=True)
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        configuration = self._folder / "rabbitmq.conf"
        configuration.write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.admin_port}\n"
            "disk_free_limit.absolute = 1MB\n"
        )
        plugins = self._folder / "enabled_plugins"
        plugins.write_text("[rabbitmq_management].\n")
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "HOME": str(home),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_ALLOW_INPUT": "1",  # replaces the shell by the node: the process we start is the node
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-noinput {loopback}",
            "RABBITMQ_CTL_ERL_ARGS": loopback,
            "RABBITMQ_NODENAME": f"cirrus-test-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(configuration),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
        }


def create_vhost(admin_url: str, amqp_url: str) -> str:
    """Create an empty virtual host with a name of its own; return its AMQP URL."""
    name = f"test-{secrets.token_hex(6)}"
    user = quote(urlsplit(amqp_url).username or "guest", safe="")
    _call(admin_url, "PUT", f"/api/vhosts/{name}")
    allow_all = {"configure": ".*", "write": ".*", "read": ".*"}
    _call(admin_url, "PUT", f"/api/permissions/{name}/{user}", allow_all)
    return urlunsplit(urlsplit(amqp_url)._replace(path=f"/{name}"))


def delete_vhost(admin_url: str, amqp_url: str) -> None:
    """Delete a virtual host that `create_vhost` made, with its queues and connections."""
    _call(admin_url, "DELETE", f"/api/vhosts{urlsplit(amqp_url).path}")


def close_queue(admin_url: str, amqp_url: str, queue: str) -> None:
    """Let a queue refuse every message, as one does that is full, until `open_queue`."""
    full = {"max-length": 0, "overflow": "reject-publish"}
    policy = {"pattern": f"^{re.escape(queue)}$", "definition": full, "apply-to": "queues"}
    _call(admin_url, "PUT", f"/api/policies{urlsplit(amqp_url).path}/{_policy(queue)}", policy)


def open_queue(admin_url: str, amqp_url: str, queue: str) -> None:
    """Let a queue take messages again."""
    _call(admin_url, "DELETE", f"/api/policies{urlsplit(amqp_url).path}/{_policy(queue)}")


def _policy(queue: str) -> str:
    return quote(f"full-{queue}", safe="")


def _call(admin_url: str, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
    parts = urlsplit(admin_url)
    credentials = b64encode(f"{parts.username}:{parts.password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, json.dumps(body or {}), headers)
        answer = connection.getresponse()
        if answer.status >= http.client.BAD_REQUEST:
            raise ServerFailedError(f"{method} {path}: {answer.status} {answer.read()!r}")


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _greets(port: int) -> bool:
    """Tell whether AMQP is spoken: the port may be open before the node takes connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        return connection.recv(1) == b"\x01"
    return False


def _programs() -> Path | None:
    if (DEBIAN_PROGRAMS / "rabbitmq-server").exists():
        return DEBIAN_PROGRAMS
    server = shutil.which("rabbitmq-server")
    return None if server is None else Path(server).resolve().parent
