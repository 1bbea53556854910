"""The sandbox's hierarchies (§2)."""

import requests

from tests.contract.sandbox_kit import Cirrus, running


def _create(cirrus: Cirrus, group_id: str, **fields: object) -> requests.Response:
    return cirrus.call("POST", "/groups", {"ExternalId": group_id, "Title": f"Title {group_id}"} | fields)


def test_a_search_without_a_hit_has_an_empty_body() -> None:
    """§2.1: 200 with no content at all, not an empty array."""
    with running() as cirrus:
        answer = cirrus.call("GET", "/groups", params={"search": "none"})
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_search_answers_a_bare_array_with_paths() -> None:
    """S-GROUP-GET: envelope E3; the path separator is a backslash between blanks."""
    with running() as cirrus:
        _create(cirrus, "Root", IsOrganization=True)
        _create(cirrus, "Child", ParentExternalId="Root")
        found = cirrus.call("GET", "/groups", params={"search": "child"}).json()
        assert [group["Path"] for group in found] == ["Title Root \\ Title Child"]
        assert found[0]["ParentExternalId"] == "Root"
        assert found[0]["AllowRelationshipWithSchedules"] is True


def test_creation_answers_201() -> None:
    """§2.2: the only endpoint with 201 (S-GROUP-ADD)."""
    with running() as cirrus:
        answer = _create(cirrus, "G1")
        assert answer.status_code == 201
        assert answer.json() == {"Content": {"ExternalId": "G1"}, "Success": True, "Errors": None}
        assert _create(cirrus, "G1").status_code == 400


def test_group_ids_are_strictly_alphanumeric() -> None:
    """§2.2: no dash here, though schedule calls accept one in GroupExtId (§0)."""
    with running() as cirrus:
        assert "alpha-numeric(a-z 0-9)" in _create(cirrus, "G-1").json()["Errors"]
        assert "longer than 500" in _create(cirrus, "g" * 65).json()["Errors"]
        assert cirrus.book(GroupExtId="G-1").status_code == 200


def test_an_empty_parent_on_update_moves_to_the_root() -> None:
    """§2.3: and ExternalId and Title are mandatory even on PATCH."""
    with running() as cirrus:
        _create(cirrus, "Root")
        _create(cirrus, "Child", ParentExternalId="Root")
        assert cirrus.call("PATCH", "/groups/Child", {"IsArchived": True}).status_code == 400
        body = {"ExternalId": "Renamed", "Title": "New", "ParentExternalId": ""}
        assert cirrus.call("PATCH", "/groups/Child", body).json()["Content"] == {"ExternalId": "Renamed"}
        group = cirrus.control.state()["tenants"]["alpha"]["groups"]["Renamed"]
        assert (group["parent"], group["title"]) == (None, "New")


def test_deletion_answers_without_an_envelope_and_fails_with_a_string() -> None:
    """S-GROUP-DEL: E5 on success, Errors as a string on failure; used groups stay (§2.4)."""
    with running() as cirrus:
        _create(cirrus, "Root")
        _create(cirrus, "Child", ParentExternalId="Root")
        assert cirrus.call("DELETE", "/groups/Root").json()["Errors"] == "Group or its children are used"
        assert cirrus.call("DELETE", "/groups/Child").json() == {"SuccessfullyRemoved": ["Child"]}
        repeat = cirrus.call("DELETE", "/groups/Child")
        expected = {"Success": False, "Errors": "Group with ExternalId [Child] is not found."}
        assert (repeat.status_code, repeat.json()) == (400, expected)
