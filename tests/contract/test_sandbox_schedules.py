"""The sandbox's drafts and their life (§5.2 to 5.6, 5.13)."""

import pytest

from tests.contract.sandbox_kit import candidate, running

PATH = "/external/schedule/S1"


def test_a_draft_is_shown_without_links_and_assessment() -> None:
    """§5.6: the documented keys and no others."""
    with running() as cirrus:
        assert cirrus.draft("S1").json()["Content"] == "S1"
        shown = cirrus.call("GET", PATH).json()["Content"]
        assert shown.keys() == {
            "ExternalId", "Title", "StartDateTime", "EndDateTime", "Hierarchy", "ArchiveState", "IsActivated",
            "Candidates", "Invigilators", "SharingInformation",
        }  # fmt: skip
        assert (shown["IsActivated"], shown["ArchiveState"]) == (False, 1)
        assert shown["StartDateTime"] == "2026-01-12T10:00:00Z"


def test_an_id_and_a_title_are_generated_when_missing() -> None:
    """§5.2: both have defaults, and so has the end: start + duration + 60 minutes."""
    with running() as cirrus:
        generated = cirrus.draft(None, EndDateTime=None).json()["Content"]
        shown = cirrus.call("GET", f"/external/schedule/{generated}").json()["Content"]
        assert shown["Title"]
        assert shown["EndDateTime"] == "2026-01-12T13:00:00Z"


def test_a_repeated_draft_is_an_error() -> None:
    """§D 1: creates are not idempotent."""
    with running() as cirrus:
        cirrus.draft("S1")
        repeat = cirrus.draft("S1")
        assert (repeat.status_code, repeat.json()["Errors"]) == (400, "Schedule [S1] already exists")


def test_the_window_must_exceed_the_duration() -> None:
    """§5.1: also when the end is just start + duration."""
    with running() as cirrus:
        assert cirrus.draft("S1", EndDateTime="2026-01-12T12:00:00Z").status_code == 400
        assert cirrus.draft("S1", EndDateTime="2026-01-12T12:01:00Z").status_code == 200


def test_an_update_may_re_key_under_either_name() -> None:
    """§5.3: table and sample disagree about the key; zone-less times are read in the tenant's zone."""
    with running(time_zone="Europe/Amsterdam") as cirrus:
        cirrus.draft("S1")
        body = {"ScheduleExternalId": "S2", "StartDateTime": "2026-01-12T10:30:00"}
        assert cirrus.call("PATCH", PATH, body).status_code == 200
        assert cirrus.call("GET", PATH).status_code == 400
        shown = cirrus.call("GET", "/external/schedule/S2").json()["Content"]
        assert shown["StartDateTime"] == "2026-01-12T09:30:00Z"
        assert cirrus.call("PATCH", "/external/schedule/S2", {"ScheduleExtId": "S3"}).status_code == 200
        assert cirrus.call("GET", "/external/schedule/S3").status_code == 200


def test_an_activated_schedule_is_frozen_but_for_the_pin_alone() -> None:
    """§5.4: a PIN together with anything else is refused."""
    with running() as cirrus:
        cirrus.draft("S1")
        cirrus.call("PUT", f"{PATH}/activate")
        frozen = cirrus.call("PATCH", PATH, {"Title": "New"})
        assert (frozen.status_code, frozen.json()["Errors"]) == (400, "Can't update activated schedule")
        assert cirrus.call("PATCH", PATH, {"PIN": "1234", "Title": "New"}).status_code == 400
        alone = cirrus.call("PATCH", PATH, {"PIN": "1234"})
        assert alone.json() == {"Content": None, "Success": True, "Errors": None}
        assert cirrus.schedule()["pin"] == "1234"


def test_the_pin_has_two_lengths() -> None:
    """§0: 64 on create, 4 on update."""
    with running() as cirrus:
        assert cirrus.draft("S1", PIN="1" * 64).status_code == 200
        assert cirrus.call("PATCH", PATH, {"PIN": "12345"}).status_code == 400


def test_an_update_without_fields_is_invalid() -> None:
    """§5.4: "invalid input data" when all fields are empty."""
    with running() as cirrus:
        cirrus.draft("S1")
        for body in ({}, {"PIN": None}, None):
            answer = cirrus.call("PATCH", PATH, body)
            assert answer.status_code == 400


def test_activation_is_not_repeatable() -> None:
    """§5.5: a repeat is 400 "already activated"; success is E2."""
    with running() as cirrus:
        cirrus.draft("S1")
        assert cirrus.call("PUT", f"{PATH}/activate").json() == {"Success": True, "Errors": None}
        repeat = cirrus.call("PUT", f"{PATH}/activate")
        assert (repeat.status_code, repeat.json()["Errors"]) == (400, "Schedule is already activated")


def test_activation_checks_the_extra_time_of_the_candidates() -> None:
    """§5.5: can't activate with invalid information, such as a window too short for extra time."""
    with running() as cirrus:
        cirrus.user("u1", SpecialNeeds=True, ReasonableAdjustmentPercentage=50)
        cirrus.draft("S1", EndDateTime="2026-01-12T13:00:00Z")
        cirrus.call("PUT", "/schedule/S1/candidates", ["u1"])
        assert cirrus.call("PUT", f"{PATH}/activate").status_code == 400
        cirrus.call("PATCH", PATH, {"EndDateTime": "2026-01-12T13:01:00Z"})
        assert cirrus.call("PUT", f"{PATH}/activate").status_code == 200


def test_a_draft_can_be_deleted_and_an_activated_schedule_not() -> None:
    """§5.13: the text has a curly apostrophe, as parts of the docs do (§10)."""
    with running() as cirrus:
        cirrus.draft("S1")
        cirrus.draft("S2")
        assert cirrus.call("DELETE", PATH).json() == {"Success": True, "Errors": None}
        assert cirrus.call("DELETE", PATH).status_code == 400
        cirrus.call("PUT", "/external/schedule/S2/activate")
        refused = cirrus.call("DELETE", "/external/schedule/S2")
        assert (refused.status_code, refused.json()["Errors"]) == (400, "Can\u2019t delete schedule")


def test_deletion_of_an_activated_schedule_is_an_option_but_never_with_attempts() -> None:
    """§5.13: conditions are not documented; the knowledge base says only if nobody started (§11)."""
    with running(delete_activated=True) as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.book("S2", [candidate("c1")])
        assert cirrus.call("DELETE", PATH).status_code == 200
        cirrus.control.advance(2.5 * 3600)
        cirrus.control.ui("start_attempt", tenant="alpha", schedule="S2", candidate="c1")
        assert cirrus.call("DELETE", "/external/schedule/S2").status_code == 400


def test_answers_can_lack_their_zone() -> None:
    """§0: a date without a zone is in the tenant's default zone (option)."""
    with running(zoneless_answers=True, time_zone="Europe/Amsterdam") as cirrus:
        cirrus.draft("S1")
        assert cirrus.call("GET", PATH).json()["Content"]["StartDateTime"] == "2026-01-12T11:00:00"


@pytest.mark.parametrize("schedule_id", ["S_1", "S 1", "S" * 65])
def test_schedule_ids_have_an_alphabet_and_a_length(schedule_id: str) -> None:
    """§0: letters, digits and dashes, at most 64."""
    with running() as cirrus:
        assert cirrus.draft(schedule_id).status_code == 400
        assert cirrus.book(schedule_id).status_code == 400
        assert cirrus.draft("S-1").status_code == 200


def test_the_hierarchy_of_a_draft_must_exist() -> None:
    """§5.2: HierarchyExternalId names a hierarchy; its path is shown."""
    with running() as cirrus:
        assert cirrus.draft("S1", HierarchyExternalId="G1").status_code == 400
        cirrus.call("POST", "/groups", {"ExternalId": "G1", "Title": "Faculty"})
        assert cirrus.draft("S1", HierarchyExternalId="G1").status_code == 200
        shown = cirrus.call("GET", PATH).json()["Content"]
        assert shown["Hierarchy"] == {"ExternalId": "G1", "FullPath": "Faculty"}
