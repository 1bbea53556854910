"""Assessors and coordinators at work (§7, §9, §11): marking, publication, and what changes a published result."""

from collections.abc import Iterable
from dataclasses import replace

from adapter.cirrus.sandbox.answers import Json, Refusal
from adapter.cirrus.sandbox.marks import made_up, names_a_mark, read_mark
from adapter.cirrus.sandbox.named import named_paper, named_schedule, named_seat, named_seats
from adapter.cirrus.sandbox.reading import flag, number
from adapter.cirrus.sandbox.state import Attempt, Paper, Schedule, Seat, Tenant

_NOT_HANDED_IN = "Candidate has not handed in"
_NOT_PUBLISHED = "Candidate has no published result"


def mark(tenant: Tenant, wanted: Json) -> None:
    """Mark what a candidate handed in; without `candidate`, everybody's attempts that have no mark yet.

    `score` (percent), `raw_score`, `max_raw_score`, `grade` and `outcome` are free to give. A started attempt
    that was never handed in can be marked NOT_SUBMITTED.
    """
    schedule = named_schedule(tenant, wanted)
    seed = tenant.options.seed
    seats = named_seats(schedule, wanted)
    if seats is None:
        papers = _papers(schedule, schedule.seats.values())
        papers = [paper for paper in papers if _is_handed_in(paper.attempt) and paper.attempt.mark is None]
    else:
        fits = _is_started if wanted.get("outcome") == "NOT_SUBMITTED" else _is_handed_in
        papers = [named_paper(schedule, seat, wanted, fits, _NOT_HANDED_IN) for seat in seats]
    if any(paper.attempt.published for paper in papers):
        raise Refusal("Result is published: rescore it")
    marks = [read_mark(wanted, None, seed, paper) for paper in papers]
    for paper, given in zip(papers, marks, strict=True):
        paper.attempt.mark = given


def publish_results(tenant: Tenant, wanted: Json) -> None:
    """Publish what is marked, after marking what was handed in without a mark; what is published stays as it is."""
    schedule = named_schedule(tenant, wanted)
    chosen = number(wanted, "attempt")
    named = named_seats(schedule, wanted)
    for seat in named or ():
        named_paper(schedule, seat, wanted, _is_publishable, _NOT_HANDED_IN)
    papers = _papers(schedule, schedule.seats.values() if named is None else named)
    papers = [paper for paper in papers if _is_publishable(paper.attempt)]
    publish(tenant, [paper for paper in papers if chosen in {None, paper.attempt.number}])


def rescore(tenant: Tenant, wanted: Json) -> None:
    """Change score, grade or outcome of a published result; it stays published and is announced again."""
    if not names_a_mark(wanted):
        raise Refusal("Nothing to change: give score, raw_score, grade or outcome")
    paper = _published(tenant, wanted)
    attempt = paper.attempt
    given = read_mark(wanted, attempt.mark, tenant.options.seed, paper)
    if attempt.status == "VOID" and given.outcome != "VOIDED":
        attempt.status = "HANDED_IN"
    attempt.mark = given
    _announce(tenant, [paper])


def void_result(tenant: Tenant, wanted: Json) -> None:
    """Void a published result, of fraud for example; it stays published with outcome VOIDED, and is announced."""
    paper = _published(tenant, wanted)
    paper.attempt.mark = replace(paper.mark, outcome="VOIDED")
    paper.attempt.status = "VOID"
    _announce(tenant, [paper])


def withdraw_result(tenant: Tenant, wanted: Json) -> None:
    """Take the publication of a result back; nothing is announced unless `announce` is true (UNSEEN)."""
    paper = _published(tenant, wanted)
    paper.attempt.published = None
    if flag(wanted, "announce"):
        _announce(tenant, [paper])


def publish(tenant: Tenant, papers: list[Paper]) -> None:
    """Publish attempts that are not published yet, as one batch."""
    fresh = [paper for paper in papers if paper.attempt.published is None]
    for paper in fresh:
        if paper.attempt.mark is None:
            paper.attempt.mark = made_up(tenant.options.seed, paper)
        paper.attempt.published = tenant.now
    _announce(tenant, fresh)


def _announce(tenant: Tenant, papers: list[Paper]) -> None:
    for paper in papers:
        paper.attempt.announced += 1
    tenant.announcements += papers


def _published(tenant: Tenant, wanted: Json) -> Paper:
    schedule = named_schedule(tenant, wanted)
    return named_paper(schedule, named_seat(schedule, wanted), wanted, _is_published, _NOT_PUBLISHED)


def _papers(schedule: Schedule, seats: Iterable[Seat]) -> list[Paper]:
    return [Paper(schedule, seat, attempt) for seat in seats for attempt in seat.attempts]


def _is_started(_attempt: Attempt) -> bool:
    return True


def _is_handed_in(attempt: Attempt) -> bool:
    return attempt.status == "HANDED_IN"


def _is_publishable(attempt: Attempt) -> bool:
    return attempt.mark is not None or _is_handed_in(attempt)


def _is_published(attempt: Attempt) -> bool:
    return attempt.published is not None
