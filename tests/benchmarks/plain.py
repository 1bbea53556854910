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

GROUP = {"GroupExtId": "EXAMS", "GroupName": "All exams"}
TRIES = 100
PAUSE = 0.05


class Consumer:
    """Receives in the main thread, calls in the others; only the main thread talks to the broker."""

    def __init__(self, connection: kombu.Connection, queue: str, api: str, token: str, threads: int) -> None:
        self._connection = connection
        self._queue = queue
        self._api = api
        self._headers = {"Authorization": f"EAPI {token}"}
        self._pool = ThreadPoolExecutor(threads)
        self._local = threading.local()
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
            self._handle(json.loads(message.body))
            good = True
        finally:
            self._done.put((message, good))

    def _handle(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if event["type"] == "sis.exam.scheduled.v1":
            self._post("/schedule", schedule(data)).raise_for_status()
            return
        for _ in range(TRIES):
            answer = self._post("/schedule/add-candidates", booking(data))
            if answer.status_code != requests.codes.bad_request:
                break
            time.sleep(PAUSE)  # the call that makes the schedule is still under way
        answer.raise_for_status()

    def _post(self, path: str, body: dict[str, Any]) -> requests.Response:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session.post(self._api + path, json=body, headers=self._headers, timeout=30)


def schedule(data: dict[str, Any]) -> dict[str, Any]:
    """POST /schedule, without candidates."""
    return {
        "Schedule": {
            "AssessmentExtId": data["component"]["primaryCode"]["code"],
            "Title": data["name"],
            "ScheduleExtId": data["offeringId"],
            "StartDateTime": data["startDateTime"],
            "EndDateTime": data["endDateTime"],
            **GROUP,
        },
        "Candidates": [],
    }


def booking(data: dict[str, Any]) -> dict[str, Any]:
    """POST /schedule/add-candidates, with one candidate."""
    person = data["person"]
    return {
        "Schedule": {"ScheduleExtId": data["offeringId"], **GROUP},
        "Candidates": [
            {
                "CandidateExtId": person["primaryCode"]["code"],
                "FirstName": person["givenName"],
                "LastName": f"{person['surnamePrefix']} {person['surname']}",
                "Email": person["mail"],
            }
        ],
    }


def main() -> None:
    """Take the broker's URL, the queue, the API's URL, the token and the number of threads from the command line."""
    url, queue, api, token, threads = sys.argv[1:]
    with kombu.Connection(url, heartbeat=0) as connection:
        Consumer(connection, queue, api, token, int(threads)).run()


if __name__ == "__main__":
    main()
