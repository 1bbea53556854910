"""The baseline: a plain kombu + requests consumer with threads, one call for each event; a program of its own.

It does what a competent first version does: keep-alive sessions, a pool of threads, acknowledgements only after the
answer, another try for a booking whose exam is not there yet. It keeps no state, so it coalesces nothing, orders
nothing, publishes no outcomes, and a crash or a lost answer leaves it not knowing what was done.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import kombu
import requests

from tests.benchmarks.baselines.bodies import PAUSE, TIMEOUT, TRIES, request_of


class Consumer:
    """Receives in the main thread, calls in the others; only the main thread talks to the broker."""

    def __init__(self, connection: kombu.Connection, queue: str, api: str, token: str, threads: int) -> None:
        self._connection = connection
        self._queue = queue
        self._cirrus = Cirrus(api, token)
        self._pool = ThreadPoolExecutor(threads)
        self._done: SimpleQueue[tuple[kombu.Message, bool]] = SimpleQueue()
        self._prefetch = threads * 2

    def run(self) -> None:
        """Consume until the process is ended."""
        channel = self._connection.channel()
        channel.basic_qos(0, self._prefetch, False)
        with kombu.Consumer(channel, [kombu.Queue(self._queue, no_declare=True)], on_message=self._receive):
            while True:
                with suppress(TimeoutError):
                    self._connection.drain_events(timeout=0.005)
                self._settle()

    def _receive(self, message: kombu.Message) -> None:
        self._pool.submit(self._work, message)

    def _settle(self) -> None:
        while True:
            try:
                message, good = self._done.get_nowait()
            except Empty:
                return
            if good:
                message.ack()
            else:
                message.requeue()

    def _work(self, message: kombu.Message) -> None:
        good = False
        try:
            self._cirrus.tell(json.loads(message.body))
            good = True
        finally:
            self._done.put((message, good))


class Cirrus:
    """Calls over one keep-alive session for each thread."""

    def __init__(self, api: str, token: str) -> None:
        self._api = api
        self._headers = {"Authorization": f"EAPI {token}"}
        self._local = threading.local()

    def tell(self, event: dict[str, Any]) -> None:
        """Make the call for one event; raise `HTTPError` when Cirrus refuses it."""
        path, body = request_of(event)
        for _ in range(TRIES):
            answer = self._session().post(self._api + path, json=body, headers=self._headers, timeout=TIMEOUT)
            if answer.status_code != requests.codes.bad_request:
                break
            time.sleep(PAUSE)
        answer.raise_for_status()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session


def main() -> None:
    """Take the broker's URL, the queue, the API's URL, the token and the number of threads from the command line."""
    url, queue, api, token, threads = sys.argv[1:]
    with kombu.Connection(url, heartbeat=0) as connection:
        Consumer(connection, queue, api, token, int(threads)).run()


if __name__ == "__main__":
    main()
