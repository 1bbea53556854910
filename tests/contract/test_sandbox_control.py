"""The sandbox's control and inspection API under /_sandbox/."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from adapter.cirrus import sandbox
from adapter.cirrus.sandbox import ControlError, SandboxOptions, SandboxServer
from tests.contract.sandbox_kit import candidate, running


def test_every_call_is_listed_without_personal_data() -> None:
    """Bodies are shown only when asked for."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1"), candidate("c2")])
        cirrus.call("GET", "/groups", params={"search": "secret"})
        calls = cirrus.control.calls()
        assert [(call["n"], call["operation"], call["items"], call["status"]) for call in calls] == [
            (1, "POST /schedule", 2, 200),
            (2, "GET /groups", 1, 200),
        ]
        assert (calls[0]["tenant"], calls[0]["time"]) == ("alpha", "2026-01-12T08:00:00+00:00")
        assert "example.com" not in str(calls)
        assert "secret" not in str(calls)
        shown = cirrus.control.calls(bodies=True)
        assert "c1@example.com" in shown[0]["body"]
        assert shown[1]["query"] == "search=secret"


def test_calls_are_counted_by_operation_whatever_their_ids() -> None:
    """Counts answer "how many calls did that take"."""
    with running() as cirrus:
        for user_id in ("u1", "u2"):
            cirrus.user(user_id)
            cirrus.call("GET", f"/user/{user_id}")
        cirrus.call("GET", "/nothing/here")
        assert cirrus.control.counts() == {"POST /user": 2, "GET /user/{id}": 2, "unknown": 1}
        tally = cirrus.control.tally()
        assert tally["statuses"] == {"200": 4, "404": 1}
        assert (tally["calls"], tally["most_at_once"]) == (5, 1)


def test_the_call_list_is_bounded_and_the_counts_are_not() -> None:
    """A benchmark of 100,000 calls must not fill the memory."""
    with running(calls_kept=2) as cirrus:
        for _ in range(3):
            cirrus.call("GET", "/groups")
        assert [call["n"] for call in cirrus.control.calls()] == [2, 3]
        assert [call["n"] for call in cirrus.control.calls(limit=1)] == [3]
        assert cirrus.control.counts() == {"GET /groups": 3}


def test_two_runs_with_the_same_effect_have_the_same_final_state() -> None:
    """Links, order and clock are left out of the final view, and only they."""
    finals = []
    for order in (["c1", "c2"], ["c2", "c1"]):
        with running(repeat_add="ignored_with_link") as cirrus:
            cirrus.book("S1")
            for who in order:
                cirrus.add("S1", [candidate(who)])
            cirrus.add("S1", [candidate(order[0])])
            finals.append(cirrus.control.final_state())
            assert len(cirrus.schedule()["seats"][order[0]]["links"]) == 2
    assert finals[0] == finals[1]
    assert finals[0]["alpha"]["schedules"]["S1"]["seats"].keys() == {"c1", "c2"}


def test_reset_takes_everything_back() -> None:
    """Data, faults, calls, tokens and clock."""
    with running() as cirrus:
        cirrus.user("u1")
        cirrus.control.fault("maintenance", count=None)
        cirrus.control.rotate_token("alpha")
        cirrus.control.advance(3600)
        cirrus.control.reset()
        state = cirrus.control.state()
        assert (state["now"], state["tenants"]["alpha"]["users"]) == ("2026-01-12T08:00:00+00:00", {})
        assert (cirrus.control.calls(), cirrus.control.faults()) == ([], [])
        assert cirrus.call("GET", "/groups").status_code == 200


def test_assessments_are_seeded_for_one_tenant_or_all() -> None:
    """There is no call to publish, so a test seeds."""
    with running() as cirrus:
        cirrus.control.seed_assessments({"X1": 45}, tenant="beta")
        tenants = cirrus.control.state()["tenants"]
        assert list(tenants["alpha"]["assessments"]) == ["A1"]
        assert tenants["beta"]["assessments"]["X1"]["minutes"] == 45


def test_the_tenant_may_be_left_out_only_when_there_is_one() -> None:
    """A person works in one tenant."""
    with running() as cirrus, pytest.raises(ControlError, match="alpha, beta"):
        cirrus.control.ui("publish_assessment", assessment="A1")
    with running(tokens={"token-a": "alpha"}) as cirrus:
        cirrus.control.ui("publish_assessment", assessment="A1")


def test_unknown_control_calls_are_refused() -> None:
    """A typing mistake is an error."""
    with running() as cirrus:
        with pytest.raises(ControlError, match="action must be one of"):
            cirrus.control.ui("dance", tenant="alpha")
        assert requests.get(f"{cirrus.server.url}/_sandbox/none", timeout=10).status_code == 400
        assert requests.get(f"{cirrus.server.url}/elsewhere", timeout=10).status_code == 404


def test_people_get_a_page() -> None:
    """GET /_sandbox/ shows state and calls as escaped HTML."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.call("GET", "/user/<b>")
        page = requests.get(f"{cirrus.server.url}/_sandbox/", timeout=10)
        assert page.headers["Content-Type"].startswith("text/html")
        assert "<td>S1</td>" in page.text
        assert "POST /schedule" in page.text
        assert "<b>" not in page.text


def test_a_port_that_is_taken_is_reported_to_the_caller() -> None:
    """The failure of the background thread is raised where the sandbox was started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = SandboxServer(SandboxOptions(), port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            server.__enter__()


def test_the_sandbox_shares_no_code_with_the_client() -> None:
    """Its wire code is written from the documented facts alone."""
    files = list(Path(sandbox.__path__[0]).glob("*.py"))
    assert files
    for file in files:
        imported = [
            line for line in file.read_text().splitlines() if line.startswith(("from adapter", "import adapter"))
        ]
        assert all(line.startswith("from adapter.cirrus.sandbox") for line in imported), file.name


def test_the_foreground_sandbox_serves_until_it_is_told_to_stop() -> None:
    """`run_sandbox` tells its URL once it answers, and leaves with 0 at SIGTERM."""
    program = (
        "from adapter.cirrus.sandbox import SandboxOptions, run_sandbox\n"
        "run_sandbox('127.0.0.1', 0, SandboxOptions(), ready=lambda url: print(url, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert requests.get(f"{url}/_sandbox/counts", timeout=10).json()["calls"] == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
