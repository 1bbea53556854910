"""S24: go-live on a tenant that is in use. A dry run says what is there; then it is linked, not duplicated."""

from contextlib import closing
from datetime import timedelta
from typing import Any

import orjson
import requests

from adapter.cli.dry_run import DryRun
from adapter.cli.surveys import surveys
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import COURSE, DAY, HOUR, Json, candidate, person, text
from tests.scenarios.world import HIERARCHY, World

PATIENCE = 60.0


def fill(world: World, path: str, body: Json) -> None:
    """Enter something into Cirrus as another system has done before us."""
    headers = {"Authorization": "EAPI token-of-uni"}
    requests.post(f"{world.server.api_url}{path}", json=body, headers=headers, timeout=30).raise_for_status()


def schedule(world: World, exam: str, *people: str, later: timedelta = timedelta(0)) -> None:
    """Enter a schedule with candidates, as the SIS has them."""
    start = world.sis.now + 3 * DAY + later
    fields = {"AssessmentExtId": COURSE, "ScheduleExtId": exam, "Title": f"Exam {exam}"}
    times = {"StartDateTime": text(start), "EndDateTime": text(start + 3 * HOUR)}
    hierarchy = {"GroupExtId": HIERARCHY, "GroupName": HIERARCHY}
    listed = [profile(who) | {"CandidateExtId": candidate(who)} for who in people]
    fill(world, "/schedule", {"Schedule": fields | times | hierarchy, "Candidates": listed})


def profile(who: str) -> Json:
    """Return a candidate's fields as Cirrus has them."""
    known = person(who)
    return {"FirstName": known["givenName"], "LastName": known["surname"], "Email": known["mail"]}


def held(world: World) -> dict[str, Any]:
    """Return what the tenant holds."""
    return world.cirrus.state()["tenants"]["uni"]


def test_a_tenant_in_use_is_linked_after_a_dry_run_that_says_what_is_there(begin: Begin) -> None:
    """S24: matches, gaps, differences and conflicts are told without a write; then no user or schedule is doubled."""
    world = begin(start=False, policy={"launch_links": False})
    sis = world.sis
    schedule(world, "same", "p1", "p2", "guest")
    schedule(world, "fewer", "p1")
    schedule(world, "moved", "p3", later=4 * HOUR)
    fill(world, "/user", profile("p4") | {"ExternalId": candidate("p4"), "Email": "old@example.org"})
    before = held(world)
    events = [
        *[sis.scheduled(exam, 3 * DAY) for exam in ("same", "fewer", "moved", "new")],
        *[sis.enrolled(who) for who in ("p1", "p2", "p3", "p4", "p5")],
        *[sis.booked(f"same-{who}", "same", who) for who in ("p1", "p2")],
        *[sis.booked(f"fewer-{who}", "fewer", who) for who in ("p1", "p4")],
        sis.booked("moved-p3", "moved", "p3"),
        sis.booked("new-p5", "new", "p5"),
    ]

    with surveys(world.settings, 0, None) as by_tenant, closing(DryRun(world.settings, sis.now, None)) as dry_run:
        found = dry_run.run(dry_run.read([orjson.dumps(event) for event in events]), by_tenant).found
    assert {each.external_id: each.verdict for each in found} == {
        "same": "match",
        "fewer": "difference",
        "moved": "conflict",
        "new": "gap",
        candidate("p1"): "match",
        candidate("p2"): "match",
        candidate("p3"): "match",
        candidate("p4"): "difference",
        candidate("p5"): "gap",
    }
    details = {each.external_id: each.detail for each in found}
    assert details["same"] == "1 without a booking stay; it is activated"
    assert "1 of 2 candidates would be added" in details["fewer"]
    assert "start is" in details["moved"]
    assert details[candidate("p4")] == "mail would be changed"
    assert held(world) == before, "a dry run writes nothing"

    world.start()
    world.say(*events)
    for booking in ("same-p1", "same-p2", "fewer-p1", "fewer-p4", "moved-p3", "new-p5"):
        world.heard("booking.confirmed", booking, patience=PATIENCE)
    world.heard("drift.detected", "moved", patience=PATIENCE)
    world.settle(patience=PATIENCE)
    after = held(world)
    assert set(after["schedules"]) == {*before["schedules"], "new"}
    assert set(after["users"]) == {*before["users"], candidate("p5")}
    assert world.seats("same") == {candidate(who) for who in ("p1", "p2", "guest")}
    assert world.seats("fewer") == {candidate(who) for who in ("p1", "p4")}
    assert after["schedules"]["moved"]["start"] == before["schedules"]["moved"]["start"]
    assert world.profile(candidate("p4"))["Email"] == "p4@example.org"
    assert world.tasks() == []
