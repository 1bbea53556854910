"""What an event says of a person, as facets of the candidate's record.

A candidate is spoken of in two ways: by the SIS's own events about the person (facet `person`, guarded
by the person's sequence), and in passing by bookings (facet `mention`, guarded by time alone, because a
booking's sequence counts bookings). The newer of the two by time is what holds.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from adapter.domain.envelope import Envelope
from adapter.domain.mapping import IdMapping, Unmappable
from adapter.domain.policy import Policy
from adapter.domain.records import CANDIDATE, Aggregate, Change, Record, Ref
from adapter.domain.steps import Profile
from adapter.domain.verdict import Reason
from adapter.domain.version import Rank, Statement, utc_time
from handlers.ooapi import Code, Person

PERSON = "person"
MENTION = "mention"
NEEDS = "needs"
ENROLMENT = "enrolment:"
ERASURE = "erasure"
MERGED = "merged"


def candidate_ref(person_id: str) -> Ref:
    """Name a candidate's record."""
    return Ref(CANDIDATE, person_id)


def candidate_id(mapping: IdMapping, person_id: str, primary: Code, others: tuple[Code, ...] = ()) -> str:
    """Return CandidateExtId as the institution maps it; raise `Unmappable` when it has no usable form."""
    match mapping.candidate_id:
        case "primaryCode":
            return mapping.external_id(primary.code)
        case "personId":
            return mapping.external_id(person_id)
        case code_type:
            for code in (primary, *others):
                if code.codeType == code_type:
                    return mapping.external_id(code.code)
            raise Unmappable(f"the person has no code of type '{code_type}'")


def person_change(envelope: Envelope, person: Person, mapping: IdMapping, *, mention: bool) -> Change:
    """Return what the event says of the person's identity and names."""
    data: dict[str, Any] = {
        "first": person.givenName,
        "last": f"{person.surnamePrefix} {person.surname}" if person.surnamePrefix else person.surname,
        "mail": person.mail,
        "hierarchy": mapping.default_hierarchy.external_id,
    }
    external_id = None
    try:
        external_id = candidate_id(mapping, person.personId, person.primaryCode, person.otherCodes)
    except Unmappable as problem:
        data["refusal"] = str(problem)
    version = envelope.version(Rank.UPDATE, sequenced=not mention)
    return Change(
        ref=candidate_ref(person.personId),
        facet=MENTION if mention else PERSON,
        statement=Statement.first(version, data),
        external_id=external_id,
        mention=mention,
        ripples=True,
    )


def person_of(record: Record) -> Statement | None:
    """Return the newest statement of who this person is, None when only ids are known.

    Where both say the same, the older one is returned: a mention is no new version of a person.
    """
    own, mention = record.facets.get(PERSON), record.facets.get(MENTION)
    if own is None or mention is None:
        return own or mention
    if own.data == mention.data:
        return own if own.since.time <= mention.since.time else mention
    return own if own.version.time >= mention.version.time else mention


def texts_of(record: Record) -> frozenset[str]:
    """Return the names and addresses of a candidate, as the SIS says them and as Cirrus was seen to hold them."""
    said = [record.data(facet) or {} for facet in (PERSON, MENTION)]
    seen: Mapping[str, Any] = record.confirmed.get("seen") or {}
    values = {each.get(name) for each in said for name in ("first", "last", "mail")}
    values |= {seen.get(name) for name in ("first_name", "last_name", "mail")}
    return frozenset(value for value in values if value)


def people(aggregate: Aggregate) -> frozenset[str]:
    """Return the names and addresses of everybody in an aggregate."""
    near = (aggregate.root, *aggregate.members, *aggregate.related.values())
    texts = [texts_of(record) for record in near if record is not None and record.ref.kind == CANDIDATE]
    return frozenset[str]().union(*texts)


def person_id(record: Record | None) -> str | None:
    """Return the SIS's id of a person, that of the survivor for one who was merged into another."""
    if record is None:
        return None
    merged = record.data(MERGED)
    return record.ref.key if merged is None else str(merged["into"])


def withdrawal(record: Record) -> Statement | None:
    """Return the statement by which the person has left the last programme, None for anybody still enrolled."""
    enrolments = [said for facet, said in record.facets.items() if facet.startswith(ENROLMENT)]
    if not enrolments or any(said.data["active"] for said in enrolments):
        return None
    return max(enrolments, key=lambda said: (said.version.time, said.version.event_id))


def left_before(left: Statement, day: date) -> bool:
    """Tell whether a withdrawal covers a day: from the end date that the SIS names, else from when it said so."""
    ended: str = left.data["ended"] or left.since.time.date().isoformat()
    return day.isoformat() >= ended


def obstacle(record: Record) -> Reason | None:
    """Return why this candidate can never be brought into Cirrus as things stand, None when it can."""
    statement = person_of(record)
    if statement is not None and (refusal := statement.data.get("refusal")):
        return Reason("invalid-id", f"The student's id cannot be used in Cirrus: {refusal}.")
    if record.rival is not None:
        return Reason("id-taken", f"The id '{record.external_id}' already belongs to another person in the SIS.")
    return None


def profile(record: Record, extra: int | None, policy: Policy) -> Profile:
    """Return the candidate as Cirrus should know it; the record must hold a person and an external id."""
    statement = person_of(record)
    assert statement is not None, "the caller has found a person"
    assert record.external_id is not None, "a person without a usable id carries a refusal"
    left = withdrawal(record)
    return Profile(
        external_id=record.external_id,
        first_name=statement.data["first"],
        last_name=statement.data["last"],
        mail=statement.data["mail"],
        extra_time=extra,
        login_disabled=(left is not None) if policy.withdrawal_disables_login else None,
    )


def in_cirrus(record: Record) -> bool:
    """Tell whether Cirrus is known to have this candidate."""
    seen: dict[str, Any] | None = record.confirmed.get("seen")
    return seen is not None and not seen.get("absent")


def is_later(one: str, other: str | None) -> bool:
    """Compare two noted moments; anything is later than never."""
    return other is None or utc_time(one) > utc_time(other)


def profile_extra_at(record: Record, moment: datetime) -> int:
    """Return the extra time that the profile held at a moment, as far as it was us who changed it since."""
    percent = profile_extra(record)
    for change in reversed(record.confirmed.get("extra_changes", [])):
        if utc_time(change["at"]) <= moment:
            break
        percent = int(change["before"])
    return percent


def profile_extra(record: Record) -> int:
    """Return the extra time that Cirrus is known to hold on the profile, in percent."""
    seen: dict[str, Any] = record.confirmed.get("seen") or {}
    return int(seen.get("extra_time") or 0)
