"""`explain`: everything that happened to one booking, candidate or exam, and where it stands now."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, get_args

import typer

from adapter.app import open_ledger
from adapter.cli.console import AsJson, ConfigFile, fail, put, put_json, settings
from adapter.cli.hold import kept_data, kept_text
from adapter.cli.tasks import as_data as task_data
from adapter.domain.records import BOOKING, CANDIDATE, DEPARTURE, RESULT, RESULT_LIST, SITTING, Record, Ref
from adapter.domain.steps import Step
from adapter.domain.version import utc_text
from adapter.ledger.history import History, Line, TaskRow
from adapter.ledger.ledger import Ledger
from adapter.observe.redaction import MASK, scrub
from handlers.people import texts_of

EXAMPLES = """Examples:

  cirrus-adapter explain coa-2031-0001

  cirrus-adapter explain s1048576 --tenant uni.example --json"""

STEPS = {step.__name__: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", step.__name__).lower() for step in get_args(Step)}
"""What we did, by the note that a confirmed step without further content leaves in the journal."""

FACTS: Mapping[str, tuple[str, ...]] = {
    CANDIDATE: ("extra_set", "read_at"),
    SITTING: ("exists", "activated", "archived", "title", "start", "end", "doubt", "read_at"),
    BOOKING: ("seat", "by", "link", "tries", "lapsed"),
    DEPARTURE: ("seat",),
    RESULT_LIST: ("end", "expected", "missing", "attendance_at", "heard_at"),
    RESULT: ("looked",),
}
"""Of what Cirrus is known to hold, what is shown of each kind of record."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One record with its timeline; `mask` takes out of a text what is personal about it."""

    history: History
    tasks: tuple[TaskRow, ...]
    personal: re.Pattern[str] | None

    @classmethod
    def of(cls, history: History, tasks: tuple[TaskRow, ...], candidate: Record | None) -> "Explained":
        """Return a record's timeline; `candidate` is the person whom it is about, if anybody."""
        return cls(history, tasks, _personal(candidate))

    def mask(self, text: str) -> str:
        """Return the text without names, mail addresses and secrets."""
        return scrub(self.personal.sub(MASK, text) if self.personal else text)


def explain(
    external_id: Annotated[str, typer.Argument(metavar="EXTERNAL-ID", help="An id of the SIS, or one of Cirrus.")],
    *,
    tenant: Annotated[str | None, typer.Option(help="Look at this tenant only.")] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what the SIS said, what we did, what Cirrus answered, what was told, and how it stands now.

    Names and mail addresses are not shown. The exit code is 1 when nothing is known of the id.
    """
    ledger = open_ledger(settings(config))
    try:
        ledger.check()
        found = list(find(ledger, external_id, tenant))
    finally:
        ledger.close()
    if as_json:
        put_json([as_data(each) for each in found])
    for each in () if as_json else found:
        for line in _page(each):
            put(line)
    if not found:
        where = f" in tenant {tenant}" if tenant else ""
        fail(f"nothing is known of '{external_id}'{where}; an event about it may be among the dead letters")


def find(ledger: Ledger, external_id: str, tenant: str | None) -> Iterator[Explained]:
    """Yield all that is known of an external id."""
    histories = ledger.explain(external_id, tenant)
    rows = ledger.tasks() if histories else []
    for history in histories:
        record = history.record
        mine = tuple(row for row in rows if (row.tenant, row.about) == (history.tenant, record.ref))
        yield Explained.of(history, mine, _person(ledger, history))


def as_data(each: Explained) -> dict[str, object]:
    """Return a timeline as JSON values."""
    record, mask = each.history.record, each.mask
    return {
        "tenant": each.history.tenant,
        "kind": record.ref.kind,
        "id": record.ref.key,
        "external_id": record.external_id,
        "part_of": _ref(record.home if record.home != record.ref else None),
        "about": _ref(record.about),
        "timeline": [
            {"at": utc_text(line.at), "who": _who(line), "what": line.what, "note": mask(line.note)}
            for line in each.history.lines
        ],
        "now": {
            "status": record.status.value,
            "waiting_for": {
                "what": mask(record.wanting.reason),
                "record": _ref(record.wanting.ref),
                "since": utc_text(record.wanting.since),
            }
            if record.wanting
            else None,
            "reason": {"code": record.reason.code, "text": mask(record.reason.text)} if record.reason else None,
            "deadline": utc_text(record.deadline) if record.deadline else None,
            "in_cirrus": facts(record),
            "kept_back": [kept_data(kept) for kept in each.history.kept],
            "tasks": [{**task_data(row), "text": mask(row.text)} for row in each.tasks],
        },
    }


def facts(record: Record) -> dict[str, Any]:
    """Return what Cirrus is known to hold, without who it is."""
    known = {name: record.confirmed[name] for name in FACTS[record.ref.kind] if name in record.confirmed}
    seen: Mapping[str, Any] | None = record.confirmed.get("seen")
    if record.ref.kind == CANDIDATE and seen is not None:
        known["exists"] = not seen.get("absent")
    if record.ref.kind in (BOOKING, DEPARTURE):
        known.setdefault("seat", False)
    if record.ref.kind == RESULT:
        told: Mapping[str, Mapping[str, Any]] = record.confirmed.get("told", {})
        known["versions"] = {part: one["version"] for part, one in told.items()}
    return known


def _who(line: Line) -> str:
    """Tell the four voices apart: what was learnt without a decision is an answer of Cirrus."""
    if line.who != "adapter":
        return {"sis": "SIS said", "cirrus": "Cirrus said", "operator": "asked by hand"}.get(line.who, line.who)
    if line.note in STEPS:
        return "we did"
    return "Cirrus answered" if line.what == "continues" else "we decided"


def _page(each: Explained) -> Iterator[str]:
    record = each.history.record
    known_as = f" (in Cirrus: {record.external_id})" if record.external_id else ""
    yield f"{record.ref}{known_as}, tenant {each.history.tenant}"
    if record.home != record.ref:
        yield f"  for {record.home}" + (f", {record.about}" if record.about else "")
    yield ""
    for line in each.history.lines:
        yield f"  {_moment(line.at)}  {_who(line):<15}  {each.mask(_told(line))}"
    yield ""
    for what, text in _now(each):
        yield f"  {what:<11} {text}"
    yield ""


def _told(line: Line) -> str:
    match line.who:
        case "adapter":
            return STEPS.get(line.note, line.note if line.what == "continues" else f"{line.what}: {line.note}")
        case _:
            return f"{line.what}: {line.note}"


def _now(each: Explained) -> Iterator[tuple[str, str]]:
    record, mask = each.history.record, each.mask
    yield "now", record.status.value
    if (wanting := record.wanting) is not None:
        awaited = f" ({wanting.ref})" if wanting.ref else ""
        yield "waits for", mask(f"{wanting.reason}{awaited}, since {_moment(wanting.since)}")
    if record.reason is not None:
        yield "reason", mask(f"{record.reason.code}: {record.reason.text}")
    if record.deadline is not None and record.ref.kind != RESULT_LIST:
        yield "exam starts", _moment(record.deadline)
    known = ", ".join(f"{name} {_plain(value)}" for name, value in facts(record).items())
    yield "in Cirrus", known or "not asked about it on its own account"
    for kept in each.history.kept:
        yield "kept back", kept_text(kept)
    for row in each.tasks:
        until = f" (until {_moment(row.deadline)})" if row.deadline else ""
        yield "task", mask(f"{row.name}: {row.text}{until}")


def _plain(value: object) -> str:
    match value:
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "not known"
        case _:
            return str(value)


def _moment(at: datetime) -> str:
    return utc_text(at.replace(microsecond=0))


def _ref(ref: Ref | None) -> dict[str, str] | None:
    return None if ref is None else {"kind": ref.kind, "id": ref.key}


def _person(ledger: Ledger, history: History) -> Record | None:
    """Return the candidate that a record is or is about."""
    record = history.record
    if record.ref.kind == CANDIDATE:
        return record
    if record.about is None:
        return None
    near = ledger.explain(record.about.key, history.tenant)
    return next((each.record for each in near if each.record.ref == record.about), None)


def _personal(candidate: Record | None) -> re.Pattern[str] | None:
    """Match what is personal about a candidate: reasons may quote Cirrus, and Cirrus quotes people."""
    if candidate is None:
        return None
    texts = sorted(texts_of(candidate), key=len, reverse=True)
    if not texts:
        return None
    return re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in texts), re.IGNORECASE)
