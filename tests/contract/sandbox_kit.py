"""What the sandbox tests share: a running sandbox at a fixed moment, spoken to with `requests`."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import orjson
import requests

from adapter.cirrus.sandbox import SandboxControl, SandboxOptions, SandboxServer

NOW = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
START = "2026-01-12T10:00:00Z"
END = "2026-01-12T14:00:00Z"
TOKENS = {"token-a": "alpha", "token-b": "beta"}
HOUR = 3600.0
PATIENCE_SECONDS = 20.0
NO_NOTICES = {"announced": 0, "sent": 0, "delivered": 0, "retried": 0, "given_up": 0, "lost": 0, "dropped": 0}


class Cirrus:
    """One running sandbox and a session to call it with."""

    def __init__(self, server: SandboxServer, session: requests.Session) -> None:
        self.server = server
        self.session = session
        self.token = "token-a"

    @property
    def control(self) -> SandboxControl:
        """Return the control client."""
        return self.server.control

    def call(self, method: str, path: str, body: object = None, **more: object) -> requests.Response:
        """Call the API with the current token."""
        headers = {"Authorization": f"EAPI {self.token}", "Content-type": "application/json"}
        url = self.server.api_url + path
        return self.session.request(method, url, json=body, headers=headers, timeout=more.pop("timeout", 10), **more)

    def book(self, schedule_id: str = "S1", candidates: Iterable[object] = (), **changes: object) -> requests.Response:
        """POST /schedule for assessment A1, 10:00 to 14:00."""
        top = {key: changes.pop(key) for key in ("Upsert", "Workflow") if key in changes}
        schedule = {
            "AssessmentExtId": "A1",
            "ScheduleExtId": schedule_id,
            "StartDateTime": START,
            "EndDateTime": END,
            "GroupExtId": "G1",
            "GroupName": "Faculty",
        } | changes
        return self.call("POST", "/schedule", {"Schedule": schedule, "Candidates": list(candidates)} | top)

    def add(self, schedule_id: str, candidates: Iterable[object]) -> requests.Response:
        """POST /schedule/add-candidates."""
        schedule = {"ScheduleExtId": schedule_id, "GroupExtId": "G1", "GroupName": "Faculty"}
        body = {"Schedule": schedule, "Candidates": list(candidates)}
        return self.call("POST", "/schedule/add-candidates", body)

    def draft(self, schedule_id: str = "S1", **changes: object) -> requests.Response:
        """POST /external/schedule for assessment A1, 10:00 to 14:00."""
        body = {
            "AssessmentExternalId": "A1",
            "ScheduleExternalId": schedule_id,
            "StartDateTime": START,
            "EndDateTime": END,
        } | changes
        return self.call("POST", "/external/schedule", body)

    def user(self, user_id: str, **fields: object) -> requests.Response:
        """POST /user."""
        return self.call("POST", "/user", {"ExternalId": user_id, "FirstName": "F", "LastName": "L"} | fields)

    def ui(self, action: str, schedule_id: str = "S1", **wanted: object) -> None:
        """Act as a person in tenant alpha."""
        self.control.ui(action, tenant="alpha", schedule=schedule_id, **wanted)

    def sat(self, *candidates: str) -> None:
        """Book candidates, c1 unless others are given, and let them sit early."""
        self.book("S1", [candidate(who) for who in candidates or ("c1",)])
        self.ui("sit", early=True)

    def hook(self, receiver: "Receiver", **options: object) -> None:
        """Set up the webhook of tenant alpha."""
        self.control.webhook(receiver.url, tenant="alpha", **options)

    def settled(self) -> dict[str, int]:
        """Wait until no notice is under way, and return the webhook's counts without `waiting`."""
        until(lambda: self.control.webhook_counts()["waiting"] == 0)
        return {key: count for key, count in self.control.webhook_counts().items() if key != "waiting"}

    def results(self, candidate_id: str | None = None, **query: str) -> requests.Response:
        """GET /results."""
        named = {} if candidate_id is None else {"CandidateExtId": candidate_id}
        return self.call("GET", "/results", params=named | query)

    def marks(self, candidate_id: str, schedule_id: str = "S1") -> list[dict[str, Any]]:
        """Return a candidate's marks as the inspection API shows them."""
        return self.schedule(schedule_id)["seats"][candidate_id]["results"]

    def schedule(self, schedule_id: str = "S1", tenant: str = "alpha") -> dict[str, Any]:
        """Return a schedule as the inspection API shows it."""
        return self.control.state()["tenants"][tenant]["schedules"][schedule_id]


def candidate(candidate_id: str, **fields: object) -> dict[str, Any]:
    """Return a candidate of a schedule call."""
    return {
        "CandidateExtId": candidate_id,
        "FirstName": "F",
        "LastName": "L",
        "Email": f"{candidate_id}@example.com",
    } | fields


@contextmanager
def running(**options: object) -> Iterator[Cirrus]:
    """Run a sandbox at 08:00 with assessment A1 of 120 minutes in both tenants."""
    chosen = SandboxOptions(**{"tokens": TOKENS, "now": lambda: NOW} | options)
    with SandboxServer(chosen) as server, requests.Session() as session:
        session.trust_env = False
        cirrus = Cirrus(server, session)
        cirrus.control.seed_assessments({"A1": 120})
        yield cirrus


def until(holds: Callable[[], bool]) -> None:
    """Wait for a condition; fail when it takes unreasonably long."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message a receiver got; header names are in lower case."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """Return the message as JSON."""
        return orjson.loads(self.raw)


@dataclass(slots=True)
class Receiver:
    """Where webhooks are sent: answers with the statuses put into `answers`, then with 200, once `is_open` is set."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    is_open: Event = field(default_factory=Event)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver of webhooks."""
    receiver = Receiver()
    receiver.is_open.set()

    class Handler(BaseHTTPRequestHandler):
        """Keeps each message and answers."""

        def do_POST(self) -> None:
            """Answer one message."""
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            receiver.notices.append(Notice(self.path, headers, raw))
            receiver.is_open.wait(PATIENCE_SECONDS)
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        """Takes a whole cohort's messages at once."""

        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
