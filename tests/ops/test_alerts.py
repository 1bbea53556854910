"""Tests that rules, alert tests, runbooks and the catalogue of metrics speak of the same things."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapter.observe import catalogue as c
from tests.ops.artefacts import (
    ALERTS,
    HOME,
    LABELS,
    RULES,
    RULES_FILE,
    RUNBOOKS,
    SCRAPED,
    TEST_FILES,
    fenced,
    mentions,
)

SECTIONS = [
    "Meaning",
    "Impact",
    "First five minutes",
    "Diagnosis",
    "Mitigation",
    "Verify",
    "Why this threshold",
]

COMMANDS = {
    "check-config",
    "demo",
    "events validate",
    "explain",
    "hold approve",
    "hold discard",
    "hold list",
    "ledger check",
    "ledger migrate",
    "plan",
    "reconcile",
    "results fetch",
    "results list",
    "results notices",
    "results show",
    "run",
    "sandbox",
    "status",
    "tasks list",
    "webhook",
}
"""What the command line of this version can do; a runbook must not send an operator to anything else."""

CLOSED = {
    ("bookings_unconfirmed", "horizon"): c.HORIZONS,
    ("cirrus_tenant_halted", "reason"): c.HALT_REASONS,
    ("cirrus_circuit_state", "state"): c.CIRCUIT_STATES,
    ("loop_heartbeat_timestamp_seconds", "loop"): c.LOOPS,
    ("broker_connected", "loop"): c.BROKER_LOOPS,
    ("messages_handled_total", "outcome"): c.HANDLED_OUTCOMES,
    ("notices_total", "outcome"): c.NOTICE_OUTCOMES,
    ("drift_items", "kind"): c.DRIFTING,
    ("cirrus_allowance_remaining_ratio", "allowance"): c.ALLOWANCES,
}

PROMTOOL_TESTS: dict[str, list[dict[str, Any]]] = {
    path.stem: yaml.safe_load(path.read_text())["tests"] for path in TEST_FILES
}
TEXTS = sorted(path for path in HOME.rglob("*") if path.is_file())

of_each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
of_each_alert = pytest.mark.parametrize("alert", ALERTS)
of_each_runbook = pytest.mark.parametrize("runbook", RUNBOOKS, ids=lambda path: path.stem)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(HOME)))
def test_every_metric_that_is_named_exists(path: Path) -> None:
    """Rules, tests, runbooks and dashboards name metrics, labels and label values of the catalogue only."""
    for mention in mentions(path.read_text()):
        assert mention.metric in LABELS, mention
        assert mention.labels <= LABELS[mention.metric] | SCRAPED, mention
        for label, text in mention.values:
            allowed = CLOSED.get((mention.metric.removeprefix(c.PREFIX), label))
            if allowed is not None:
                assert set(text.split("|")) <= set(allowed), mention


def test_the_reader_of_metric_names_finds_them() -> None:
    """The checks above look at something: names in PromQL, in grep patterns and with labels are found."""
    named = list(mentions('max by (job) (cirrus_adapter_a{x=~"1|2"}) \'^cirrus_adapter_(b|c)\\{y="3"\''))
    assert [mention.metric for mention in named] == ["cirrus_adapter_a", "cirrus_adapter_b", "cirrus_adapter_c"]
    assert [mention.values for mention in named] == [(("x", "1|2"),), (("y", "3"),), (("y", "3"),)]
    assert {m.metric for m in mentions(RULES_FILE.read_text())} >= {"cirrus_adapter_bookings_unconfirmed"}


@of_each_rule
def test_a_rule_has_what_its_reader_needs(rule: dict[str, Any]) -> None:
    """Each alert has a severity, a summary, a description and the link to the runbook of its name."""
    assert rule["alert"].startswith("CirrusAdapter")
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"runbooks/{rule['alert']}.md"
    assert (HOME / rule["annotations"]["runbook_url"]).is_file()


@of_each_rule
def test_a_rule_uses_labels_that_are_there(rule: dict[str, Any]) -> None:
    """An alert aggregates by labels of its metric, and its texts use labels that it keeps."""
    available = SCRAPED.union(*(LABELS[mention.metric] for mention in mentions(rule["expr"])))
    kept = {label for by in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in by.split(", ")}
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert kept <= available
    assert used <= kept | set(rule["labels"])


@of_each_rule
def test_ledger_gauges_are_never_summed(rule: dict[str, Any]) -> None:
    """Workers that share a ledger export the same gauges: a sum counts each booking once per worker."""
    gauges = {m.metric for m in mentions(rule["expr"]) if not m.metric.endswith("_total")}
    assert not (gauges and "sum" in rule["expr"])


@of_each_alert
def test_an_alert_is_tested_both_ways(alert: str) -> None:
    """Each alert has a test file with at least one test that it fires and one that it stays silent."""
    fires, silent = 0, 0
    for test in PROMTOOL_TESTS[alert]:
        checks = test["alert_rule_test"]
        assert {check["alertname"] for check in checks} == {alert}
        fired = any(check["exp_alerts"] for check in checks)
        assert fired != ("stays silent" in test["name"]), test["name"]
        fires += fired
        silent += not fired
    assert fires >= sum(rule["alert"] == alert for rule in RULES)
    assert silent >= 1


def test_a_healthy_adapter_is_tested_for_every_alert() -> None:
    """One test exports every metric of the rules with healthy values and expects no alert at all."""
    (healthy,) = PROMTOOL_TESTS["healthy"]
    checks = healthy["alert_rule_test"]
    assert {check["alertname"] for check in checks} == set(ALERTS)
    assert all(check["exp_alerts"] == [] for check in checks)
    exported = {mention.metric for series in healthy["input_series"] for mention in mentions(series["series"])}
    assert {mention.metric for rule in RULES for mention in mentions(rule["expr"])} <= exported


def test_every_runbook_belongs_to_an_alert() -> None:
    """There is one runbook per alert, and none is left over from an alert that is gone."""
    assert [path.stem for path in RUNBOOKS] == ALERTS


@of_each_runbook
def test_a_runbook_has_every_section(runbook: Path) -> None:
    """Title, then all sections in the fixed order, none of them empty."""
    title, *parts = re.split(r"^## ", runbook.read_text(), flags=re.MULTILINE)
    assert title.strip() == f"# {runbook.stem}"
    assert [part.splitlines()[0] for part in parts] == SECTIONS
    assert all(len(part.split()) > 20 for part in parts)


@of_each_runbook
def test_a_runbook_uses_commands_that_exist(runbook: Path) -> None:
    """Commands are those of our command line, curl of our operations server and `rabbitmqctl list_queues`."""
    text = runbook.read_text()
    lines = list(fenced(text, "sh"))
    assert lines
    for line in lines:
        assert line.startswith(("cirrus-adapter ", 'curl -s "$OPS/', "rabbitmqctl list_queues ")), line
    for command in re.findall(r"cirrus-adapter (?=[a-z])([a-z-]+(?: [a-z]+)?)", "\n".join([*lines, *inline(text)])):
        assert command in COMMANDS or command.split()[0] in COMMANDS, command
    for page in re.findall(r"\$OPS(/\w*)", text):
        assert page in {"/metrics", "/livez", "/readyz"}


@of_each_runbook
def test_first_five_minutes_say_what_to_expect(runbook: Path) -> None:
    """Each command of the first five minutes, and of the verification, has its expected output."""
    for section in ("First five minutes", "Verify"):
        text = runbook.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
        assert text.count("```sh") <= text.count("Expected")


def test_links_between_the_pages_lead_somewhere() -> None:
    """Relative links in runbooks and in the README point at files that exist."""
    for path in (*RUNBOOKS, HOME / "README.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
            assert (path.parent / target).is_file(), f"{path.name}: {target}"


def inline(markdown: str) -> list[str]:
    """Return the `code` parts of the running text."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", markdown)
