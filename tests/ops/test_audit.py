"""Tests of the audit of our dependencies: what it says when a service knows, does not know, or cannot be asked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit"
CLEAN = {"name": "kombu", "version": "5.7", "vulns": []}
BAD = {"name": "amqp", "version": "5.4", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["5.5"]}]}
UNHEARD = {"name": "vine", "skip_reason": "not found"}


def audit(folder: Path, **answers: list[dict[str, Any]] | None) -> subprocess.CompletedProcess[str]:
    """Audit with a pip-audit that answers as given for each service; None: it cannot reach the service."""
    program = folder / "pip-audit"
    texts = {service: "" if said is None else json.dumps({"dependencies": said}) for service, said in answers.items()}
    program.write_text(f"#!{sys.executable}\nimport sys\nprint({texts!r}.get(sys.argv[-1], ''))\n")
    program.chmod(0o755)
    command = [sys.executable, str(AUDIT), str(program), "runtime.txt"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("pypi", [None, [UNHEARD], []])
def test_no_service_is_no_clean_bill_of_health(pypi: list[dict[str, Any]] | None, tmp_path: Path) -> None:
    """Without a service that knows any package the audit does not fail, and does not look as if it had passed."""
    done = audit(tmp_path, pypi=pypi, osv=None)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "runtime.txt was not audited: no vulnerability service is reachable\n"


def test_a_vulnerability_fails_the_audit(tmp_path: Path) -> None:
    """It is named with the release that is free of it."""
    done = audit(tmp_path, pypi=[CLEAN, BAD])
    assert done.returncode == 1
    assert done.stderr == "amqp: PYSEC-1 (CVE-1), fixed in 5.5\n"
    assert done.stdout == "2 packages were audited\n"


def test_what_one_service_cannot_tell_another_may(tmp_path: Path) -> None:
    """Where the registry is a mirror without advisories, the other service is asked."""
    done = audit(tmp_path, pypi=[UNHEARD], osv=[BAD])
    assert done.returncode == 1


def test_what_nobody_knows_is_named(tmp_path: Path) -> None:
    """A clean audit says which packages it does not speak for."""
    done = audit(tmp_path, pypi=[CLEAN, UNHEARD])
    assert (done.returncode, done.stdout) == (0, "1 packages were audited, not audited: vine\n")
