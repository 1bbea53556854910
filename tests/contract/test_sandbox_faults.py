"""Faults on demand: what goes wrong, for which calls, before or after the effect."""

import pytest
import requests

from adapter.cirrus.sandbox import ControlError
from tests.contract.sandbox_kit import Cirrus, candidate, running

BOOKING = {
    "Schedule": {
        "AssessmentExtId": "A1",
        "ScheduleExtId": "S1",
        "StartDateTime": "2026-01-12T10:00:00Z",
        "GroupExtId": "G1",
        "GroupName": "Faculty",
    }
}


def _exists(cirrus: Cirrus, schedule_id: str = "S1") -> bool:
    return schedule_id in cirrus.control.state()["tenants"]["alpha"]["schedules"]


@pytest.mark.parametrize(("when", "exists"), [("before", False), ("after", True)])
def test_a_connection_is_reset_before_or_after_the_effect(when: str, exists: bool) -> None:
    """A client can not tell the two apart: it must read back."""
    with running() as cirrus:
        cirrus.control.fault("reset", when=when, method="POST", path="^/schedule$")
        with pytest.raises(requests.ConnectionError):
            cirrus.book("S1", [candidate("c1")])
        assert _exists(cirrus) is exists
        call = cirrus.control.calls()[-1]
        assert (call["status"], call["fault"]) == (None, f"reset {when}")
        assert cirrus.call("GET", "/external/schedule/S1").status_code == (200 if exists else 400)


@pytest.mark.parametrize(("when", "exists"), [("before", False), ("after", True)])
def test_a_server_error_comes_before_or_after_the_effect(when: str, exists: bool) -> None:
    """§0: 500 says nothing about what was done."""
    with running() as cirrus:
        cirrus.control.fault("status", when=when, status=502, path="^/schedule$")
        assert cirrus.book("S1").status_code == 502
        assert _exists(cirrus) is exists
        assert cirrus.book("S2").status_code == 200


@pytest.mark.parametrize(("when", "exists"), [("before", False), ("after", True)])
def test_a_call_can_hang(when: str, exists: bool) -> None:
    """A read timeout is the common form of an unknown outcome; the server still stops promptly."""
    with running() as cirrus:
        cirrus.control.fault("hang", when=when, path="^/schedule$")
        with pytest.raises(requests.ReadTimeout):
            cirrus.call("POST", "/schedule", BOOKING, timeout=0.3)
        assert _exists(cirrus) is exists


def test_throttling_says_when_to_come_back() -> None:
    """§00: no hard limit today, Cirrus reserves the right."""
    with running() as cirrus:
        cirrus.control.fault("throttle", retry_after=7)
        answer = cirrus.call("GET", "/groups")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_maintenance_is_a_page_of_html_until_cleared() -> None:
    """A maintenance window answers 503 and no JSON, whatever the call."""
    with running() as cirrus:
        cirrus.control.fault("maintenance", count=None)
        for _ in range(3):
            answer = cirrus.call("GET", "/groups")
            assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (503, "text/html")
        cirrus.control.clear_faults()
        assert cirrus.call("GET", "/groups").status_code == 200


def test_a_token_can_be_refused_for_one_tenant() -> None:
    """A fault may be for one tenant alone."""
    with running() as cirrus:
        cirrus.control.fault("expired_token", tenant="alpha", count=None)
        assert cirrus.call("GET", "/groups").status_code == 403
        cirrus.token = "token-b"
        assert cirrus.call("GET", "/groups").status_code == 200


def test_the_nth_call_and_a_number_of_calls_can_be_chosen() -> None:
    """From the nth matching call on, count times."""
    with running() as cirrus:
        cirrus.control.fault("status", method="GET", path="^/user/", nth=2, count=2)
        statuses = [cirrus.call("GET", path).status_code for path in ("/user/x", "/groups", "/user/x")]
        statuses += [cirrus.call("GET", "/user/x").status_code for _ in range(2)]
        assert statuses == [400, 200, 500, 500, 400]
        armed = cirrus.control.faults()[0]
        assert (armed["matched"], armed["applied"]) == (4, 2)


def test_a_rate_is_drawn_from_the_seed() -> None:
    """Two runs fail at the same calls; about the asked share fails."""
    runs = []
    for _ in range(2):
        with running() as cirrus:
            cirrus.control.fault("status", rate=0.3, count=None)
            runs.append([cirrus.call("GET", "/groups").status_code for _ in range(100)])
    assert runs[0] == runs[1]
    assert 15 < runs[0].count(500) < 45


def test_latency_delays_and_does_not_hide_another_fault() -> None:
    """A delay and one other fault may strike the same call."""
    with running() as cirrus:
        cirrus.control.fault("latency", latency_ms=50, count=None)
        cirrus.control.fault("status", count=1)
        failed = cirrus.call("GET", "/groups")
        fine = cirrus.call("GET", "/groups")
        assert [failed.status_code, fine.status_code] == [500, 200]
        assert min(failed.elapsed.total_seconds(), fine.elapsed.total_seconds()) >= 0.05


def test_every_call_can_have_a_latency() -> None:
    """The global setting for benchmarks."""
    with running(latency_ms=30) as cirrus:
        assert cirrus.call("GET", "/groups").elapsed.total_seconds() >= 0.03


@pytest.mark.parametrize(
    "order", [{"kind": "flood"}, {"kind": "status", "verb": "GET"}, {"kind": "reset", "when": "never"}]
)
def test_a_fault_that_can_not_be_read_is_refused(order: dict[str, str]) -> None:
    """A typing mistake in a test must not pass as a quiet sandbox."""
    with running() as cirrus, pytest.raises(ControlError):
        cirrus.control.fault(**order)
