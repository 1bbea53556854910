"""What the sandbox tests share: a running sandbox at a fixed moment, spoken to with `requests`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests

from adapter.cirrus.sandbox import SandboxControl, SandboxOptions, SandboxServer

NOW = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
START = "2026-01-12T10:00:00Z"
END = "2026-01-12T14:00:00Z"
TOKENS = {"token-a": "alpha", "token-b": "beta"}


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
