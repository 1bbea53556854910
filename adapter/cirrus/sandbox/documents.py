"""What an answer with results looks like (§9.1, S-RESULTS): beyond `CandidateInfo` it is UNSEEN, hence three shapes.

All are bare objects without an envelope (E5) that begin with `CandidateExtId` and `CandidateInfo`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.options import SandboxOptions
from adapter.cirrus.sandbox.reading import written
from adapter.cirrus.sandbox.state import Paper, User
from adapter.cirrus.sandbox.users import person


def document(user: User, papers: Sequence[Paper], options: SandboxOptions) -> Json:
    """Return the document about these attempts of a candidate, those without a published result left out."""
    published = [paper for paper in papers if paper.attempt.published is not None]
    return SHAPES[options.result_shape](user, published, options)


def _list(user: User, papers: Sequence[Paper], options: SandboxOptions) -> Json:
    results = [_entry(paper, options) for paper in papers]
    return {"CandidateExtId": user.external_id, "CandidateInfo": person(user), "Results": results}


def _flat(user: User, papers: Sequence[Paper], options: SandboxOptions) -> Json:
    top: Json = {"CandidateExtId": user.external_id, "CandidateInfo": person(user)}
    if not papers:
        return top
    return top | _entry(max(papers, key=_age), options)


def _nested(user: User, papers: Sequence[Paper], options: SandboxOptions) -> Json:
    schedules: dict[str, Json] = {}
    for paper in papers:
        schedule = paper.schedule
        shown = schedules.setdefault(
            schedule.external_id,
            {"ScheduleExtId": schedule.external_id, "Title": schedule.title, "Attempts": []},
        )
        shown["Attempts"].append(_attempt(paper, options))
    info = person(user) | {"Schedules": list(schedules.values())}
    return {"CandidateExtId": user.external_id, "CandidateInfo": info}


SHAPES: dict[str, Callable[[User, Sequence[Paper], SandboxOptions], Json]] = {
    "list": _list,
    "nested": _nested,
    "flat": _flat,
}
"""The shapes `SandboxOptions.result_shape` chooses from."""


def _entry(paper: Paper, options: SandboxOptions) -> Json:
    """Return one result with the names of §8, where published results appear in review sessions."""
    attempt, mark = paper.attempt, paper.mark
    return {
        "ScheduleExtId": paper.schedule.external_id,
        "ScheduleTitle": paper.schedule.title,
        "AssessmentExtId": paper.schedule.assessment.external_id,
        **_attempt_id(paper),
        "AttemptNumber": attempt.number,
        "LastSatDate": written(attempt.ended or attempt.started, options),
        "PassedStatus": mark.outcome,
        "Score": mark.score,
        "RawScore": mark.raw_score,
        "MaxRawScore": mark.max_raw_score,
        "Grade": mark.grade,
        "PublishedDate": _optional(attempt.published, options),
    }


def _attempt(paper: Paper, options: SandboxOptions) -> Json:
    attempt, mark = paper.attempt, paper.mark
    return {
        **_attempt_id(paper),
        "AttemptNumber": attempt.number,
        "StartDate": written(attempt.started, options),
        "EndDate": _optional(attempt.ended, options),
        "Result": {
            "Outcome": mark.outcome,
            "Percentage": mark.score,
            "Points": mark.raw_score,
            "MaxPoints": mark.max_raw_score,
            "Grade": mark.grade,
            "PublicationDate": _optional(attempt.published, options),
        },
    }


def _attempt_id(paper: Paper) -> Json:
    return {} if paper.attempt_id is None else {"AttemptExtId": paper.attempt_id}


def _optional(moment: datetime | None, options: SandboxOptions) -> str | None:
    return None if moment is None else written(moment, options)


def _age(paper: Paper) -> tuple[datetime, datetime, int]:
    """Order by publication, then by when it was sat."""
    attempt = paper.attempt
    return attempt.published or attempt.started, attempt.ended or attempt.started, attempt.number
