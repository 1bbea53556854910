"""The sandbox's assessments (§4)."""

import pytest

from tests.contract.sandbox_kit import running

NEW = {"Title": "Exam", "ExternalId": "N1", "Purpose": 1, "Code": "N1"}


def test_creation_answers_the_id_as_a_string_and_is_not_repeatable() -> None:
    """S-ASSESS-ADD, §4.1: "External id [x] is already in use"."""
    with running() as cirrus:
        expected = {"Content": "N1", "Success": True, "Errors": None}
        assert cirrus.call("POST", "/assessment", NEW).json() == expected
        repeat = cirrus.call("POST", "/assessment", NEW)
        assert (repeat.status_code, repeat.json()["Errors"]) == (400, "External id [N1] is already in use")


@pytest.mark.parametrize("change", [{"Title": None}, {"Code": ""}, {"Purpose": None}, {"Purpose": 4}])
def test_mandatory_fields_are_checked(change: dict[str, object]) -> None:
    """§4.1: Title, Code and a Purpose of 1, 2 or 3."""
    with running() as cirrus:
        assert cirrus.call("POST", "/assessment", NEW | change).status_code == 400


def test_only_a_published_assessment_can_be_scheduled() -> None:
    """§4.3, §5.1: IsPublished must be true; only a person publishes."""
    with running() as cirrus:
        cirrus.call("POST", "/assessment", NEW)
        assert cirrus.book(AssessmentExtId="N1").status_code == 400
        assert cirrus.draft(AssessmentExternalId="N1").status_code == 400
        cirrus.control.ui("publish_assessment", tenant="alpha", assessment="N1")
        assert cirrus.call("GET", "/assessment/N1").json()["Content"]["IsPublished"] is True
        assert cirrus.book(AssessmentExtId="N1").status_code == 200


def test_a_published_assessment_can_not_be_updated() -> None:
    """§4.2: drafts only; success has no content (E2)."""
    with running() as cirrus:
        cirrus.call("POST", "/assessment", NEW)
        changed = cirrus.call("PATCH", "/assessment/N1", {"Title": "New"})
        assert changed.json() == {"Success": True, "Errors": None}
        assert cirrus.call("PATCH", "/assessment/A1", {"Title": "New"}).status_code == 400


def test_assessments_can_be_made_up_on_the_spot() -> None:
    """The option for demos and benchmarks: every id is a published assessment."""
    with running(auto_assessments=True, assessment_minutes=30) as cirrus:
        assert cirrus.call("GET", "/assessment/Any").json()["Content"]["MaxTimePerAttempt"] == 30
        assert cirrus.book(AssessmentExtId="Other").status_code == 200
