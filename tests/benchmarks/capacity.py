"""The sandbox alone: how many calls and seats a second it can do, so that nobody mistakes its limit for ours."""

import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count

import orjson

from adapter.cirrus.sandbox.options import API_BASE
from tests.benchmarks.stage import TOKEN, Place, Sandbox

CLIENTS = 4
SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """Without latency, from a plain client: calls with one candidate, and candidates in full calls, each second."""

    calls_per_second: float
    seats_per_second: float


def measure_sandbox(place: Place, batch: int) -> Capacity:
    """Start a sandbox without latency and call it as fast as a few plain connections can."""
    sandbox = Sandbox(place, 0.0)
    try:
        singles = _calls_per_second(sandbox.port, 1)
        full = _calls_per_second(sandbox.port, batch)
    finally:
        sandbox.close()
    return Capacity(singles, full * batch)


def _calls_per_second(port: int, batch: int) -> float:
    numbers = count()
    done: list[int] = []
    until = time.monotonic() + SECONDS
    threads = [
        threading.Thread(target=lambda: done.append(_call_until(until, port, batch, numbers))) for _ in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SECONDS


def _call_until(until: float, port: int, batch: int, numbers: "count[int]") -> int:
    """Make schedules of `batch` new candidates until the time is up; return how many calls that were."""
    headers = {"Authorization": f"EAPI {TOKEN}", "Content-type": "application/json"}
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    calls = 0
    while time.monotonic() < until:
        connection.request("POST", f"{API_BASE}/schedule", _body(next(numbers), batch), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        calls += 1
    connection.close()
    return calls


def _body(number: int, batch: int) -> bytes:
    names = [f"C{batch}x{number}x{index}" for index in range(batch)]
    schedule = {
        "AssessmentExtId": "COURSE",
        "ScheduleExtId": f"S{batch}x{number}",
        "StartDateTime": "2099-01-01T09:00:00Z",
        "EndDateTime": "2099-01-01T13:00:00Z",
        "GroupExtId": "EXAMS",
        "GroupName": "All exams",
    }
    candidates = [
        {"CandidateExtId": name, "FirstName": "Given", "LastName": "Surname", "Email": f"{name}@uni.example"}
        for name in names
    ]
    return orjson.dumps({"Schedule": schedule, "Candidates": candidates})
