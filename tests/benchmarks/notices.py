"""The webhook's receiver under load: notices a second into PostgreSQL, and how long Cirrus would wait for its answer.

The receiver is `cirrus-adapter webhook` in a process of its own; a notice counts when it was answered with 200, and
each that was has to be in the table afterwards.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import quantiles

import orjson

from tests.benchmarks.season import TENANT
from tests.benchmarks.stage import PATIENCE, PROGRAM, Place, answers
from tests.services.processes import free_port

CLIENTS = 16
PACE = 300.0
PACED_SECONDS = 5.0
WARM_UP = 200
PATH = "/webhook/benchmark/benchmark-secret-0123456789"
OK = 200

Due = Callable[[int], float]
"""When the nth notice is to be sent; a time that is past is at once."""


@dataclass(frozen=True, slots=True)
class NoticeRates:
    """Notices answered with 200 each second at full throttle, and the answer times, in ms, at that and at a pace.

    At a pace, a time counts from the moment at which the notice was due, whether or not a client was free for it.
    """

    clients: int
    notices: int
    per_second: float
    p50_ms: float
    p99_ms: float
    paced_per_second: float
    paced_p50_ms: float
    paced_p99_ms: float
    problems: tuple[str, ...]


def measure_notices(place: Place, notices: int, clients: int = CLIENTS) -> NoticeRates:
    """Start the receiver on an empty database and send it distinct notices over connections that are kept."""
    port, ops = free_port(), free_port()
    config = _configure(place, port, ops)
    place.finish("migrate", PROGRAM, "ledger", "migrate", "--config", config)
    receiver = place.start("webhook", PROGRAM, "webhook", "--config", config)
    receiver.wait_ready(lambda: answers(ops, "/readyz"), patience=PATIENCE)
    numbers = count()
    try:
        with _senders(port, clients) as senders:
            _send(senders, numbers, WARM_UP, _at_once)
            started = time.monotonic()
            full = _send(senders, numbers, notices, _at_once)
            seconds = time.monotonic() - started
            begin = time.monotonic()
            paced = _send(senders, numbers, int(PACE * PACED_SECONDS), lambda nth: begin + nth / PACE)
            answered = sum(sender.answered for sender in senders)
    finally:
        receiver.kill()
    sent = next(numbers)
    return NoticeRates(
        clients=clients,
        notices=notices,
        per_second=len(full) / seconds,
        p50_ms=_quantile(full, 50),
        p99_ms=_quantile(full, 99),
        paced_per_second=PACE,
        paced_p50_ms=_quantile(paced, 50),
        paced_p99_ms=_quantile(paced, 99),
        problems=tuple(_problems(sent, answered, place.query("SELECT count(*) FROM notices")[0][0])),
    )


class _Sender:
    """One connection that is kept; it reads no more of an answer than it must, so that the receiver is measured."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answered = 0

    def send(self, body: bytes) -> bool:
        """Send one notice; return whether it was answered with 200."""
        self._socket.sendall(
            b"POST %s HTTP/1.1\r\nHost: receiver\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (PATH.encode(), len(body), body)
        )
        answer = b""
        while not (head := answer.partition(b"\r\n\r\n"))[1] or len(head[2]) < _length(head[0]):
            part = self._socket.recv(65_536)
            assert part, "the receiver hung up"
            answer += part
        good = int(answer.split(b" ", 2)[1]) == OK
        self.answered += good
        return good

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _length(head: bytes) -> int:
    return int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])


@contextmanager
def _senders(port: int, clients: int) -> Iterator[list[_Sender]]:
    senders = [_Sender(port) for _ in range(clients)]
    try:
        yield senders
    finally:
        for sender in senders:
            sender.close()


def _at_once(_nth: int) -> float:
    return 0.0


def _send(senders: list[_Sender], numbers: "count[int]", notices: int, due: Due) -> list[float]:
    """Send so many notices over all connections; return the seconds that each answer with 200 took."""
    turns = iter(range(notices))
    taking = threading.Lock()
    took: list[float] = []

    def work(sender: _Sender) -> None:
        while True:
            with taking:
                nth = next(turns, None)
                if nth is None:
                    return
                number = next(numbers)
            body = _body(number)
            moment = due(nth)
            time.sleep(max(0.0, moment - time.monotonic()))
            begin = moment or time.monotonic()
            if sender.send(body):
                took.append(time.monotonic() - begin)

    threads = [threading.Thread(target=work, args=(sender,)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def _body(number: int) -> bytes:
    return orjson.dumps(
        {
            "CandidateExtId": f"S{number:07}",
            "ScheduleExtId": f"sitting-{number % 100:04}",
            "AttemptExtId": f"attempt-{number:08}",
        }
    )


def _quantile(seconds: list[float], percent: int) -> float:
    return quantiles(seconds, n=100)[percent - 1] * 1000


def _problems(sent: int, answered: int, stored: int) -> Iterator[str]:
    if answered != sent:
        yield f"{sent - answered} of {sent} notices were not answered with 200"
    if stored != answered:
        yield f"{answered} notices were answered with 200, and {stored} are stored"


def _configure(place: Place, port: int, ops: int) -> Path:
    file = place.leash.folder / "webhook.toml"
    file.write_text(f"""
[ledger]
url = "{place.postgres_url}"
seal_key = "{place.seal_key}"

[observe]
port = {ops}

[webhook]
port = {port}

[tenants.benchmark]
name = "{TENANT}"
base_url = "http://127.0.0.1:1"
token = "benchmark"

[tenants.benchmark.mapping]
default_hierarchy = {{ id = "EXAMS", name = "All exams" }}

[tenants.benchmark.webhook]
path_secret = "{PATH.rpartition("/")[2]}"
""")
    return file
