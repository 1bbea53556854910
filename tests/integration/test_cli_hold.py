"""`hold`: what operators see of a mass change, in `explain` and `status` too, and what their decisions do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapter.app import open_ledger
from adapter.cli.console import Exit
from adapter.domain.policy import GuardPolicy
from adapter.ledger.ledger import Ledger
from adapter.settings import load
from tests.contract.ledger_kit import POLICY, TENANT, booked, cancelled, said, scheduled
from tests.integration import cli_kit as kit
from tests.values import replace

NOWHERE = "http://127.0.0.1:1"
BROKER = "memory://hold"
GUARDED = replace(POLICY, guard=GuardPolicy(delay=timedelta(hours=1)))
BOOKINGS = range(20)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write settings with a migrated ledger in which half of an exam's bookings are held."""
    file = kit.write_settings(tmp_path, broker=BROKER, ledger=f"sqlite:///{tmp_path}/ledger.db", api=NOWHERE)
    assert kit.invoke("ledger", "migrate", file=file).exit_code == 0
    start = kit.now() + timedelta(days=7)
    events = [said(f"b{n}", booked(f"coa-{n}", "co-1", who=f"p{n}")) for n in BOOKINGS]
    gone = [cancelled(f"c{n}", f"coa-{n}", "co-1", who=f"p{n}") for n in range(10)]
    with opened(file) as ledger:
        ledger.store_batch([said("s", scheduled("co-1", start=start)), *events], {TENANT: GUARDED})
        ledger.store_batch(gone, {TENANT: GUARDED})
        assert ledger.watch_removals(TENANT, GUARDED) == 10
    return file


@contextmanager
def opened(file: Path) -> Iterator[Ledger]:
    """Open the ledger of some settings for the time of a `with` block."""
    ledger = open_ledger(load(file, {}))
    try:
        yield ledger
    finally:
        ledger.close()


def listed(file: Path, *more: str) -> list[dict[str, Any]]:
    """Return the holds as a script reads them."""
    found: list[dict[str, Any]] = json.loads(kit.invoke("hold", "list", "--json", *more, file=file).stdout)
    return found


def test_a_hold_is_listed_with_all_that_it_holds(file: Path) -> None:
    """A person reads why and what, a script reads the same, and the note says how much is open."""
    (hold,) = listed(file)
    assert (hold["tenant"], hold["exam"], hold["closed_at"]) == (TENANT, "co-1", None)
    assert hold["text"] == "10 of 20 bookings of exam co-1 would end within an hour, more than 25 %"
    assert [one["about"]["id"] for one in hold["removals"]] == [f"coa-{n}" for n in range(10)]
    assert {one["state"] for one in hold["removals"]} == {"held"}
    page = kit.invoke("hold", "list", file=file)
    assert page.stdout.startswith(hold["id"])
    assert "booking coa-3: sis.test.v1 (event c3), held by" in page.stdout
    assert "1 open holds, 10 removals held" in page.stderr


def test_explain_and_status_show_what_is_held(file: Path) -> None:
    """Whoever looks at one booking, or at the whole, sees that something is kept back."""
    (hold,) = listed(file)
    (explained,) = json.loads(kit.invoke("explain", "coa-3", "--json", file=file).stdout)
    (kept,) = explained["now"]["kept_back"]
    assert (kept["event_id"], kept["state"], kept["hold"]) == ("c3", "held", hold["id"])
    page = kit.invoke("explain", "coa-3", file=file).stdout
    assert f"kept back   sis.test.v1 (event c3), held by {hold['id']} until somebody decides" in page
    assert f"held: hold {hold['id']}: 10 of 20 bookings" in page
    status = json.loads(kit.invoke("status", "--json", file=file).stdout)
    assert (status["holds_open"], status["removals_held"]) == ({TENANT: 1}, 10)
    assert "removals held until somebody decides (1 open holds)" in kit.invoke("status", file=file).stdout


def test_approve_and_discard_say_how_much_was_decided(file: Path) -> None:
    """One is approved, the rest discarded; the journal has who and why, and the hold is closed."""
    (hold,) = listed(file)
    one = kit.invoke("hold", "approve", "--only", "coa-3", "--why", "meant", "--by", "kim", "--json", file=file)
    assert json.loads(one.stdout) == {"decision": "approved", "removals": {hold["id"]: 1}}
    rest = kit.invoke("hold", "discard", hold["id"], "--why", "wrong import", "--by", "kim", file=file)
    assert rest.stdout == f"{hold['id']}  9 discarded\n"
    assert listed(file) == []
    (closed,) = listed(file, "--closed")
    assert (closed["closed_as"], closed["closed_by"]) == ("discarded", "kim")
    (explained,) = json.loads(kit.invoke("explain", "coa-4", "--json", file=file).stdout)
    line = next(line for line in explained["timeline"] if line["what"] == "discarded")
    assert (line["who"], line["note"]) == ("asked by hand", "by kim: wrong import")
    assert explained["now"]["kept_back"][0]["state"] == "discarded"


@pytest.mark.parametrize("choice", [("--exam", "co-1"), ("--tenant", TENANT), ("--all",)])
def test_all_that_is_held_can_be_decided_at_once(file: Path, choice: tuple[str, ...]) -> None:
    """By exam, by tenant, or everything; who decides is the login where nobody is named."""
    done = kit.invoke("hold", "approve", *choice, "--why", "meant", "--json", file=file)
    assert sum(json.loads(done.stdout)["removals"].values()) == 10
    (closed,) = listed(file, "--closed")
    assert closed["closed_by"]


@pytest.mark.parametrize("decision", ["approve", "discard"])
def test_a_decision_needs_an_object_and_a_reason(file: Path, decision: str) -> None:
    """Without saying what is meant, or why, nothing is decided; what is not held cannot be."""
    assert kit.invoke("hold", decision, "--why", "so", file=file).exit_code == Exit.USAGE
    assert kit.invoke("hold", decision, "--all", file=file).exit_code == Exit.USAGE
    nothing = kit.invoke("hold", decision, "00000000", "--why", "so", file=file)
    assert nothing.exit_code == Exit.FAILURE
    assert "nothing of the kind is held" in nothing.stderr
    assert [len(hold["removals"]) for hold in listed(file)] == [10]
