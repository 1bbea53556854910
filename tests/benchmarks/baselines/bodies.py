"""What every baseline sends to Cirrus: one call for each event, as its documentation has it."""

from typing import Any

GROUP = {"GroupExtId": "EXAMS", "GroupName": "All exams"}

TRIES = 100
"""Times that a booking is tried whose exam is not there yet: the call that makes it is still under way."""
PAUSE = 0.05
"""Seconds between them."""

TIMEOUT = 30.0

TASK = "tell"
"""Name of Celery's task."""


def request_of(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the path and the body of the call that an event asks for."""
    data = event["data"]
    if event["type"] == "sis.exam.scheduled.v1":
        return "/schedule", _schedule(data)
    return "/schedule/add-candidates", _booking(data)


def _schedule(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "Schedule": {
            "AssessmentExtId": data["component"]["primaryCode"]["code"],
            "Title": data["name"],
            "ScheduleExtId": data["offeringId"],
            "StartDateTime": data["startDateTime"],
            "EndDateTime": data["endDateTime"],
            **GROUP,
        },
        "Candidates": [],
    }


def _booking(data: dict[str, Any]) -> dict[str, Any]:
    person = data["person"]
    return {
        "Schedule": {"ScheduleExtId": data["offeringId"], **GROUP},
        "Candidates": [
            {
                "CandidateExtId": person["primaryCode"]["code"],
                "FirstName": person["givenName"],
                "LastName": f"{person['surnamePrefix']} {person['surname']}",
                "Email": person["mail"],
            }
        ],
    }
