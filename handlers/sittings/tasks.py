"""What only a person can do in Cirrus for a sitting, as tasks with exact steps.

Why each exists: cirrus-api.md sections 5.3, 5.9, 5.13, 11 and D.7: an activated schedule can hardly be
changed by API.
"""

from adapter.domain.findings import Task
from adapter.domain.steps import Schedule
from adapter.domain.verdict import Reason
from adapter.domain.version import fingerprint, utc_text
from handlers.sittings.seats import Booked
from handlers.sittings.view import SittingView, booking_label

REMOVE_CANDIDATE = "remove-candidate"
REMOVE_STRANGERS = "remove-strangers"
LATE_EXTRA_TIME = "late-extra-time"
LOST_LINK = "launch-link-lost"
MOVE_SCHEDULE = "move-schedule"
REMOVE_SCHEDULE = "remove-schedule"
RESTORE_SCHEDULE = "restore-schedule"
PREPARE_ASSESSMENT = "prepare-assessment"
PREPARE_HIERARCHY = "prepare-hierarchy"
PREPARATIONS = (PREPARE_ASSESSMENT, PREPARE_HIERARCHY)

UNSEEN = frozenset({LATE_EXTRA_TIME, LOST_LINK})
"""Tasks of which no read-back shows whether they were done: they end with the exam, and Cirrus is not asked."""


def remove_candidate(member: Booked, sitting: SittingView) -> Task:
    """Ask for a candidate to be taken off an activated schedule."""
    lapse = member.lapse(sitting.life)
    label = booking_label(member.record)
    return Task(
        member.record.ref,
        REMOVE_CANDIDATE,
        label if lapse is None else f"{label}/{lapse.label}",
        f"Take candidate {member.candidate_id} off schedule {sitting.external_id}: the booking no longer stands.",
        (
            f"In Cirrus, open the schedule with external id {sitting.external_id}.",
            f"In its list of candidates, find user id {member.candidate_id}.",
            "If the candidate has not started, remove the candidate. If the exam has begun, leave it as it is.",
        ),
        sitting.start,
        () if lapse is None else (lapse.of,),
    )


def remove_strangers(sitting: SittingView) -> Task:
    """Ask for the candidates to be taken off an activated schedule who have no booking and are not to stay."""
    evicted = sitting.known.evicted
    return Task(
        sitting.record.ref,
        REMOVE_STRANGERS,
        f"{sitting.known.restored}/{fingerprint(evicted)[:8]}",
        f"Take {len(evicted)} candidate(s) off schedule {sitting.external_id}: they were added by hand, without a"
        " booking.",
        (
            f"In Cirrus, open the schedule with external id {sitting.external_id}.",
            f"In its list of candidates, find and remove the user ids {', '.join(evicted)}.",
            "If the exam has begun for one of them, leave that one, and have the booking entered in the SIS.",
        ),
        sitting.start,
    )


def late_extra_time(member: Booked, sitting: SittingView) -> Task:
    """Ask the invigilator to grant extra time that came too late for the profile."""
    return Task(
        member.record.ref,
        LATE_EXTRA_TIME,
        f"{booking_label(member.record)}/{member.extra}",
        f"See to it that candidate {member.candidate_id} gets {member.extra} % extra time in schedule"
        f" {sitting.external_id}: it came too late to be sure that Cirrus gives more than {member.in_force} %.",
        (
            f"In Cirrus, open the invigilation of the schedule with external id {sitting.external_id}.",
            f"Find user id {member.candidate_id} once the candidate has started.",
            f"If Cirrus gives less than {member.extra} % of the exam's duration as extra time, add what is missing.",
        ),
        sitting.start,
    )


def lost_link(member: Booked, sitting: SittingView) -> Task:
    """Report a launch link whose only copy was lost with an answer."""
    return Task(
        member.record.ref,
        LOST_LINK,
        booking_label(member.record),
        f"Candidate {member.candidate_id} is on schedule {sitting.external_id}, but the launch link is not known.",
        (
            "Tell the candidate to log in to Cirrus with the usual account; the exam is on the dashboard.",
            "If your candidates can only start by link, take the candidate off the schedule in Cirrus and book again.",
        ),
        sitting.start,
    )


def move_schedule(sitting: SittingView, wanted: Schedule) -> Task:
    """Ask for an activated schedule to be changed."""
    return Task(
        sitting.record.ref,
        MOVE_SCHEDULE,
        f"{sitting.label}/{utc_text(wanted.end)}",
        f"Schedule {sitting.external_id} is activated in Cirrus and differs from the SIS.",
        (
            f"In Cirrus, open the schedule with external id {sitting.external_id}.",
            "If nobody has started, deactivate it.",
            f"Set start {utc_text(wanted.start)}, end {utc_text(wanted.end)} (UTC) and title '{wanted.title}'.",
            "Activate it again. If somebody has started, agree with the exam office what to do.",
        ),
        sitting.start,
    )


def remove_schedule(sitting: SittingView) -> Task:
    """Ask for a cancelled sitting's schedule to be removed."""
    return Task(
        sitting.record.ref,
        REMOVE_SCHEDULE,
        sitting.label,
        f"The exam of schedule {sitting.external_id} was cancelled; Cirrus does not let the API remove it.",
        (
            f"In Cirrus, open the schedule with external id {sitting.external_id}.",
            "If nobody has started, deactivate and delete it. If somebody has, archive it.",
        ),
        sitting.start,
    )


def restore_schedule(sitting: SittingView) -> Task:
    """Ask what became of a schedule that was removed or archived by hand."""
    return Task(
        sitting.record.ref,
        RESTORE_SCHEDULE,
        sitting.label,
        f"Schedule {sitting.external_id} was removed or archived in Cirrus although the SIS still wants it.",
        (
            f"In Cirrus, look for the schedule with external id {sitting.external_id} among the archived ones.",
            "Restore it, or cancel the exam in the SIS.",
        ),
        sitting.start,
    )


def prepare(name: str, sitting: SittingView, reason: Reason) -> Task:
    """Ask for what a schedule needs in Cirrus before it can be made; `name` is one of `PREPARATIONS`."""
    if name == PREPARE_HIERARCHY:
        hierarchy = sitting.hierarchy
        step = f"In Cirrus, make the hierarchy '{hierarchy.name}' with organisation id {hierarchy.external_id}."
    else:
        assessment = sitting.timetable.data["assessment"]
        step = f"In Cirrus, make sure that the assessment with external id {assessment} exists, and publish it."
    return Task(
        sitting.record.ref,
        name,
        sitting.label,
        f"Schedule {sitting.external_id} cannot be made: {reason.text}",
        (step, "The exam and its bookings follow by themselves."),
        sitting.start,
    )
