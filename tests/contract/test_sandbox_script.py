"""Scripts of the sandbox: what it does by itself after its start."""

from pathlib import Path

import pytest
import requests

from adapter.cirrus.sandbox import SandboxOptions, SandboxServer, ScriptError, Step, read_script
from tests.contract.sandbox_kit import NOW, TOKENS, Cirrus, candidate, receiving, until
from tests.values import replace

EXAMPLE = Path(__file__).parents[2] / "config" / "sandbox-script.example.toml"
EXAM = "co-2031-law101-1"
STUDENT = "s1048576"


def _script(folder: Path, text: str) -> Path:
    file = folder / "script.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_steps_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    """Everything but `at` and `do` is the request; times become text, as in JSON."""
    file = _script(
        tmp_path,
        '[[steps]]\nat = 2.5\ndo = "sit"\nschedule = "S1"\n'
        '[[steps]]\nat = 1\ndo = "edit_schedule"\nschedule = "S1"\nstart = 2026-01-12T10:00:00Z\n',
    )
    assert read_script(file) == [
        Step(1, "edit_schedule", {"schedule": "S1", "start": "2026-01-12T10:00:00+00:00"}),
        Step(2.5, "sit", {"schedule": "S1"}),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps =", "not TOML"),
        ("", r"no \[\[steps\]\]"),
        ("steps = []", r"no \[\[steps\]\]"),
        ("steps = [1]", "step 1: not a table"),
        ("[[step]]\nat = 1", "unknown keys: step"),
        ('[[steps]]\ndo = "sit"', "step 1: 'at'"),
        ('[[steps]]\nat = -1\ndo = "sit"', "step 1: 'at'"),
        ('[[steps]]\nat = true\ndo = "sit"', "step 1: 'at'"),
        ("[[steps]]\nat = 1", "step 1: 'do' must be one of: webhook, assessments, clock, deactivate_schedule"),
        ('[[steps]]\nat = 1\ndo = "dance"', "step 1: 'do'"),
        ('[[steps]]\nat = 1\ndo = ["sit"]', "step 1: 'do'"),
        ('[[steps]]\nat = 1\ndo = "sit"\n[[steps]]\nat = 1\ndo = "webhook"', "step 2: url is missing"),
        ('[[steps]]\nat = 1\ndo = "sit"\nn = 99999999999999999999999', "step 1: "),
    ],
)
def test_a_file_that_is_no_script_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The message names the step."""
    with pytest.raises(ScriptError, match=said):
        read_script(_script(tmp_path, text))


def test_steps_that_fail_are_told_and_the_rest_goes_on() -> None:
    """A script is not stopped by a schedule that was not booked."""
    told: list[str] = []
    steps = [
        Step(0, "sit", {"schedule": "none"}),
        Step(0, "clock", {}),
        Step(0, "assessments", {"tenant": "alpha", "assessments": [{"id": "X1", "minutes": 45}]}),
        Step(0.05, "clock", {"advance": 3600}),
    ]
    options = SandboxOptions(tokens=TOKENS, now=lambda: NOW)
    with SandboxServer(options, script=steps, tell=told.append) as server:
        until(lambda: server.control.state()["now"] == "2026-01-12T09:00:00+00:00")
        assert server.control.state()["tenants"]["alpha"]["assessments"]["X1"]["minutes"] == 45
    assert told == ["sit at 0 s: tenant must be one of: alpha, beta", "clock at 0 s: KeyError: 'advance'"]


def test_the_example_plays() -> None:
    """From the webhook to the rescore, with an exam that is booked in time."""
    with receiving() as receiver:
        steps = [
            replace(step, at=0.5 + step.at / 100 if step.at else 0, body=step.body | _redirected(step, receiver.url))
            for step in read_script(EXAMPLE)
        ]
        told: list[str] = []
        with SandboxServer(script=steps, tell=told.append) as server, requests.Session() as session:
            cirrus = Cirrus(server, session)
            cirrus.token = "sandbox-token"
            times = {"StartDateTime": "2031-01-21T08:00:00Z", "EndDateTime": "2031-01-21T12:00:00Z"}
            cirrus.book(EXAM, [candidate(STUDENT), candidate("s2")], AssessmentExtId="LAW101-WRITTEN", **times)
            until(lambda: server.control.webhook_counts()["announced"] == 3)
            until(lambda: server.control.webhook_counts()["waiting"] == 0)
            marks = cirrus.schedule(EXAM, "demo")["seats"][STUDENT]["results"]
        assert told == []
        assert [(mark["score"], mark["published"]) for mark in marks] == [(56, True)]
        assert {notice.body["CandidateExtId"] for notice in receiver.notices} == {STUDENT, "s2"}


def _redirected(step: Step, url: str) -> dict[str, str]:
    return {"url": url} if step.do == "webhook" else {}
