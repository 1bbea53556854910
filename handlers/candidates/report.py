"""What an answer of Cirrus tells about a candidate."""

from dataclasses import asdict
from typing import Any, assert_never

from adapter.domain.answers import Absent, Accepted, CandidateSeen, Receipt
from adapter.domain.findings import Continues, Finding
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate
from adapter.domain.steps import ChangeCandidate, CreateCandidate, Profile
from adapter.domain.verdict import Confirmed, Halt, Manual, Rejected, Retry, Unsure, Verdict
from adapter.domain.version import utc_text
from handlers.candidates.erasure import ERASING, learnt
from handlers.candidates.plan import rejected

KEPT_CHANGES = 10
"""Of the extra time; more of them within one exam's preparation are not worth telling apart."""


def report(aggregate: Aggregate, receipt: Receipt, policy: Policy) -> tuple[Finding, ...]:  # noqa: ARG001 - one signature for every handler
    """Return what is known of the candidate after one step."""
    record = aggregate.root
    assert record is not None, "a step is only taken for a known candidate"
    known = dict(record.confirmed)
    verdict: Verdict = receipt.verdict
    if ERASING in known and (after := learnt(known, receipt)) is not None:
        return (Finding(record.ref, Continues(), confirmed=after, note=_note(receipt)),)
    match verdict:
        case Confirmed():
            return (Finding(record.ref, Continues(), confirmed=_learnt(known, receipt), note=_note(receipt)),)
        case Unsure():
            known["seen"] = None
            return (Finding(record.ref, Continues(), confirmed=known, note="no certain answer"),)
        case Manual(name="prepare-hierarchy") if isinstance(receipt.step, CreateCandidate) and receipt.step.hierarchies:
            known["no_hierarchy"] = True
            return (Finding(record.ref, Continues(), confirmed=known, note="its hierarchy is not in Cirrus yet"),)
        case Rejected(reason=reason) | Manual(reason=reason):
            return (rejected(record, reason),)
        case Retry() | Halt():
            return ()
        case _ as never:
            assert_never(never)


def _learnt(known: dict[str, Any], receipt: Receipt) -> dict[str, Any]:
    match receipt.step:
        case CreateCandidate(profile=profile):
            known |= {"seen": _shown(profile), "changed": ["created"]}
            known["read_at"] = utc_text(receipt.at)
            _note_extra_time(known, 0, profile.extra_time, receipt)
        case ChangeCandidate(profile=profile, fields=fields):
            before = known["seen"]
            known |= {"seen": {**before, **{field: getattr(profile, field) for field in fields}}}
            known["changed"] = sorted({*known.get("changed", []), *fields})
            if "extra_time" in fields:
                _note_extra_time(known, before.get("extra_time") or 0, profile.extra_time, receipt)
        case _:
            known["seen"] = seen = _read(receipt)
            known["read_at"] = utc_text(receipt.at)
            if seen is not None and seen.get("extra_time") and "extra_changes" not in known:
                # Nobody knows since when it is there: only from now on may anybody rely on it.
                known["extra_changes"] = [{"at": utc_text(receipt.at), "before": 0}]
    return known


def _note_extra_time(known: dict[str, Any], before: int, after: int | None, receipt: Receipt) -> None:
    """Keep when the extra time changed: Cirrus honours what the profile held as it prepared the exam."""
    if after is not None:
        changes = [*known.get("extra_changes", []), {"at": utc_text(receipt.at), "before": before}]
        known |= {"extra_set": after, "extra_changes": changes[-KEPT_CHANGES:]}


def _shown(profile: Profile) -> dict[str, Any]:
    return {
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "mail": profile.mail,
        "extra_time": profile.extra_time or 0,
        "login_disabled": bool(profile.login_disabled),
    }


def _read(receipt: Receipt) -> dict[str, Any] | None:
    match receipt.answer:
        case Accepted(content=Absent()):
            return {"absent": True}
        case Accepted(content=CandidateSeen() as seen):
            shown = asdict(seen)
            del shown["external_id"], shown["hierarchies"]
            return shown
        case _:
            return None


def _note(receipt: Receipt) -> str:
    match receipt.answer:
        case Accepted(content=Absent()):
            return "unknown to Cirrus"
        case _:
            return type(receipt.step).__name__
