"""What the SIS hears of a result: published, corrected, voided; and nothing where nothing has changed.

The content decides, by its hash: a notice that is repeated, and a result that is read twice, are not told twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapter.domain.answers import ResultSeen
from adapter.domain.findings import Document
from adapter.domain.outcomes import Outcome
from adapter.domain.records import Record
from adapter.domain.version import fingerprint, utc_text
from handlers import said
from handlers.results.attribution import Attributed, orphan_part
from handlers.results.view import ResultList, candidate_of

WITHDRAWN = "the result is no longer published in Cirrus"
VOIDED = "the result was voided in Cirrus"


@dataclass(frozen=True, slots=True)
class Telling:
    """One event about a result, with what is remembered of it and kept for people to look at."""

    part: str
    told: Mapping[str, Any] = field(repr=False)
    outcome: Outcome
    document: Document = field(repr=False)


def tell(
    view: ResultList, member: Record, given: Attributed, tenant: str, raw: Mapping[str, Any] | None
) -> Telling | None:
    """Return what is to be told of a result, None when the SIS knows it already; `raw` is kept beside it."""
    before = _before(member, given)
    result = _result(given)
    # When it was published is no part of what was achieved: publishing the same once more is no correction.
    digest = fingerprint({name: value for name, value in result.items() if name != "resultDate"})
    booking = given.booking.record.ref.key if given.booking is not None else None
    voided = given.seen.standing == "voided"
    if before is not None:
        same_result = before["hash"] == digest or (voided and before["voided"])
        if same_result and before["voided"] == voided and before["booking"] == booking:
            return None
    data = {**_ids(view, member, given), "result": result, "contentHash": digest, "orphan": given.orphan}
    if voided:
        return _telling(member, given.part, before, tenant, said.RESULT_VOIDED, _void(data, VOIDED), raw)
    kind = said.RESULT_PUBLISHED if before is None else said.RESULT_CORRECTED
    if before is not None:
        data["previous"] = {"score": before["score"], "pass": before["pass"]}
    return _telling(member, given.part, before, tenant, kind, data, raw)


def withdraw(view: ResultList, member: Record, part: str, tenant: str) -> Telling | None:
    """Return that a result which was told is published no longer, None when the SIS knows."""
    before: Mapping[str, Any] = member.confirmed["told"][part]
    if before["voided"]:
        return None
    bookings = view.bookings.get(candidate_of(member), ())
    booked = next((each for each in bookings if each.record.ref.key == before["booking"]), None)
    gone = Attributed(part, ResultSeen("voided"), booked, orphan=booked is None or not booked.stands)
    data = {**_ids(view, member, gone), "result": _result(gone), "contentHash": before["hash"], "orphan": gone.orphan}
    return _telling(member, part, before, tenant, said.RESULT_VOIDED, _void(data, WITHDRAWN), None)


def _before(member: Record, given: Attributed) -> Mapping[str, Any] | None:
    """Return what was told of this result, also while nobody knew whose it was."""
    told: Mapping[str, Mapping[str, Any]] = member.confirmed.get("told", {})
    return told.get(given.part) or told.get(orphan_part(given.seen))


def _telling(
    member: Record,
    part: str,
    before: Mapping[str, Any] | None,
    tenant: str,
    kind: str,
    data: dict[str, Any],
    raw: Mapping[str, Any] | None,
) -> Telling:
    version = 1 if before is None else int(before["version"]) + 1
    data["resultVersion"] = version
    if kind != said.RESULT_PUBLISHED:
        data["supersedes"] = before["event"] if before is not None else None
    outcome = said.about(
        member,
        kind,
        f"{member.ref.key}/{part}/{version}/{data['contentHash'][:16]}",
        data,
        subject=data["associationId"],
    )
    event_id = str(outcome.id(tenant))
    result: Mapping[str, Any] = data.get("result", {})
    told = {
        "version": version,
        "hash": data["contentHash"],
        "event": event_id,
        "booking": data["associationId"],
        "voided": kind == said.RESULT_VOIDED,
        "score": result.get("score"),
        "pass": result.get("pass", "unknown"),
    }
    content = {"type": kind, "data": data} | ({} if raw is None else {"document": raw})
    return Telling(part, told, outcome, Document(part, version, event_id, content))


def _void(data: Mapping[str, Any], reason: str) -> dict[str, Any]:
    kept = {name: value for name, value in data.items() if name != "result"}
    return {**kept, "reason": reason}


def _ids(view: ResultList, member: Record, given: Attributed) -> dict[str, Any]:
    booking = given.booking.record if given.booking is not None else None
    sitting = view.sitting.record.ref.key if view.sitting is not None else None
    candidate_id = candidate_of(member)
    bookings = view.bookings.get(candidate_id, ())
    person = next((each.person_id for each in bookings if each.person_id is not None), None)
    alone = "/" in view.schedule_id
    return {
        "associationId": booking.ref.key if booking is not None else None,
        "offeringId": booking.home.key if booking is not None else sitting,
        "personId": person,
        "candidateExtId": None if alone else candidate_id,
        "scheduleExtId": given.seen.schedule_id if alone else view.schedule_id,
    }


def _result(given: Attributed) -> dict[str, Any]:
    seen = given.seen
    return {
        "state": "notSubmitted" if seen.standing == "not-submitted" else "completed",
        "pass": seen.standing if seen.standing in ("passed", "failed") else "unknown",
        "score": seen.score,
        "rawScore": seen.raw_score,
        "maxRawScore": seen.max_raw_score,
        "grade": seen.grade,
        "testDate": utc_text(seen.test_date) if seen.test_date else None,
        "resultDate": utc_text(seen.result_date) if seen.result_date else None,
        "attempt": given.booking.attempt if given.booking is not None else seen.attempt,
        "final": seen.final,
    }
