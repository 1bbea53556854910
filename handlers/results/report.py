"""What an answer of Cirrus tells about the results of a sitting."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from msgspec.structs import asdict, replace

from adapter.domain.allowance import Need
from adapter.domain.answers import Accepted, AttemptsSeen, Receipt, ResultsSeen
from adapter.domain.findings import Continues, Dismissed, Document, Finding, Settled, State
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Record
from adapter.domain.steps import ReadAttempts, ReadResults
from adapter.domain.verdict import Confirmed, Halt, Manual, Reason, Rejected, Retry, Unsure, Verdict
from adapter.domain.version import utc_text
from handlers import said
from handlers.results import tasks
from handlers.results.attendance import read_attendance
from handlers.results.attribution import Attributed, attribute, orphan_part
from handlers.results.sweep import FOUND, LOOK_FAILED, LOOKED, current_look
from handlers.results.telling import Telling, tell, withdraw
from handlers.results.view import Reading, ResultList, Wish, candidate_of, first_record, wishes_of

MOST_EMPTY = 3
"""Readings that show nothing although Cirrus has said that there is something, until that is believed."""

UNREAD = "unread"
"""Part of a record under which a document is kept that no result could be read from."""


def report(aggregate: Aggregate, receipt: Receipt, policy: Policy) -> tuple[Finding, ...]:
    """Return what is known of the results after one step."""
    view = ResultList.of(aggregate, policy)
    match receipt.step:
        case ReadAttempts():
            return tuple(_attendance(view, receipt))
        case ReadResults() as step:
            member = _member(aggregate, view, step)
            return () if member is None else tuple(_Answer(aggregate, view, member, step, receipt, policy).findings())
        case _:
            raise TypeError(f"nobody asks for {type(receipt.step).__name__} here")


def _attendance(view: ResultList, receipt: Receipt) -> Iterator[Finding]:
    root, verdict = view.root, receipt.verdict
    if root is None or not isinstance(verdict, Confirmed | Rejected | Manual):
        return
    looks = int(root.confirmed.get("attendance_looks", 0)) + 1
    known = {**root.confirmed, "attendance_at": utc_text(receipt.at), "attendance_looks": looks, "unfinished": False}
    match receipt.answer:
        case Accepted(content=AttemptsSeen() as seen):
            sat = read_attendance(view, seen)
            known |= {"absent": list(sat.absent), "unfinished": sat.unfinished}
            note = f"{len(sat.absent)} did not sit"
            yield Finding(root.ref, Continues(), confirmed=known, outcomes=sat.outcomes, note=note)
        case _:
            yield Finding(root.ref, Continues(), confirmed=known, note="attendance is not to be had")


def _member(aggregate: Aggregate, view: ResultList, step: ReadResults) -> Record | None:
    if step.candidate_id is None:
        return next(iter(aggregate.members), None)
    held = view.results.get(step.candidate_id)
    return first_record(view, step.candidate_id) if held is None and view.root is not None else held


@dataclass(frozen=True, slots=True)
class _Answer:
    """One answer about one candidate's result."""

    aggregate: Aggregate
    view: ResultList
    member: Record
    step: ReadResults
    receipt: Receipt
    policy: Policy

    def findings(self) -> Iterator[Finding]:
        verdict: Verdict = self.receipt.verdict
        match verdict:
            case Confirmed():
                yield from self._read()
            case Retry() | Unsure():
                yield self._unanswered()
            case Rejected(reason=reason) | Manual(reason=reason):
                yield self._refused(reason)
            case Halt():
                return
            case _ as never:
                assert_never(never)

    @property
    def _answered(self) -> tuple[Wish, ...]:
        """What was wished for and is read by this step."""
        attempt_id = self.step.attempt_id
        return tuple(w for w in wishes_of(self.member) if attempt_id is None or w.attempt_id in (None, attempt_id))

    def _read(self) -> Iterator[Finding]:
        document = self._document()
        given = self._given()
        found = _Found(dict(self.member.confirmed.get("told", {})))
        for each in given:
            found.add(tell(self.view, self.member, each, self.aggregate.tenant, document), orphan_part(each.seen))
        gone = [part for part in self._concerned() if part in found.told and part not in {each.part for each in given}]
        gone = [part for part in gone if not found.told[part]["voided"]]
        readings = self._readings(empty=bool(gone) or not given, changed=bool(found.tellings))
        if self._believed(readings) and not self._deleted():
            for part in gone:
                found.add(withdraw(self.view, self.member, part, self.aggregate.tenant))
        if not given and not found.told and document is not None and self._answered:
            found.documents.append(Document(UNREAD, 1, None, {"document": document}))
        yield self._finding(found, readings, shown=bool(given))
        first = self.step.need is Need.FIRST and bool(found.tellings)
        if first and self.view.root is not None:
            heard = {**self.view.root.confirmed, "heard_at": utc_text(self.receipt.at)}
            yield Finding(self.view.root.ref, Continues(), confirmed=heard)

    def _document(self) -> Mapping[str, Any] | None:
        seen = self.receipt.answer.content if isinstance(self.receipt.answer, Accepted) else None
        return seen.document if isinstance(seen, ResultsSeen) and self.policy.results.keep_raw else None

    def _given(self) -> tuple[Attributed, ...]:
        seen = self.receipt.answer.content if isinstance(self.receipt.answer, Accepted) else None
        results = seen.results if isinstance(seen, ResultsSeen) else ()
        candidate_id = candidate_of(self.member)
        return attribute(self.view, candidate_id, results, by_attempt_id=self.policy.external_attempts)

    def _concerned(self) -> Iterator[str]:
        """Yield the parts of the record that this step would have shown."""
        told: Mapping[str, Mapping[str, Any]] = self.member.confirmed.get("told", {})
        if (attempt_id := self.step.attempt_id) is None:
            yield from told
            return
        bookings = self.view.bookings.get(candidate_of(self.member), ())
        mine = {f"booking/{booked.record.ref.key}" for booked in bookings if booked.attempt_id == attempt_id}
        yield from mine | {f"orphan/{attempt_id}"}

    def _believed(self, readings: Mapping[str, Mapping[str, Any]]) -> bool:
        """Tell whether a result that was told and is not there any more has been missed often enough."""
        mine = [readings[wish.facet] for wish in self._answered]
        return bool(mine) and all(reading["empty"] >= MOST_EMPTY for reading in mine)

    def _deleted(self) -> bool:
        """Tell whether Cirrus may have deleted the exam with its results, as its settings can ask of it."""
        after, end = self.policy.results.deleted_after, self.view.end
        return after is not None and end is not None and self.receipt.at >= end + after

    def _readings(self, *, empty: bool, changed: bool) -> dict[str, dict[str, Any]]:
        """Return how far the reading has come for each notice, beside those that this step does not answer."""
        readings: dict[str, dict[str, Any]] = dict(self.member.confirmed.get("readings", {}))
        for wish in self._answered:
            before, notice = wish.reading, wish.said.version.event_id
            again = before.empty if before is not None and before.notice == notice else 0
            times = again + 1 if empty else 0
            same = 0 if changed or empty or before is None else before.same + 1
            done = not empty or times >= MOST_EMPTY
            readings[wish.facet] = _plain(Reading(notice, self.receipt.at, done=done, empty=times, same=same))
        return readings

    def _finding(self, found: "_Found", readings: dict[str, dict[str, Any]], *, shown: bool) -> Finding:
        by_look = self.step.need is Need.SWEEP and bool(found.tellings)
        confirmed = {**self._looked(found=by_look), "told": found.told, "readings": readings}
        still_wished = any(wishes_of(replace(self.member, confirmed=confirmed)))
        state: State = Continues() if still_wished else Settled()
        kinds = [telling.outcome.type.split(".")[2] for telling in found.tellings]
        finding = Finding(
            self.member.ref,
            state,
            confirmed=confirmed,
            outcomes=tuple(telling.outcome for telling in found.tellings),
            documents=(*(telling.document for telling in found.tellings), *found.documents),
            first=self.member,
            note=", ".join(kinds) or ("as it was" if shown else "nothing published"),
        )
        in_vain = bool(self._answered) and not found.told and not still_wished
        return self._with_task(finding, asked=in_vain, done=bool(found.told))

    def _with_task(self, finding: Finding, *, asked: bool, done: bool) -> Finding:
        known = next((task for task in self.aggregate.tasks if task.ref == self.member.ref), None)
        told: Sequence[Outcome] = finding.outcomes
        if known is not None and done:
            closed = said.closed(self.member, known.ref, known.id, known.name)
            return replace(finding, outcomes=(*told, closed), closes=(known.name,))
        if known is None and asked:
            task = tasks.read_result(self.member)
            raised = said.raised(self.aggregate.tenant, self.member, task)
            return replace(finding, outcomes=(*told, raised), tasks=(task,))
        return finding

    def _unanswered(self) -> Finding:
        """Note a reading without an answer, so that the others go on before it is tried again."""
        readings: dict[str, dict[str, Any]] = dict(self.member.confirmed.get("readings", {}))
        for wish in self._answered:
            before, notice = wish.reading, wish.said.version.event_id
            held = before if before is not None and before.notice == notice else Reading(notice, self.receipt.at)
            readings[wish.facet] = _plain(replace(held, at=self.receipt.at, failed=held.failed + 1))
        confirmed = {**self.member.confirmed, "readings": readings}
        if not self._answered:
            confirmed[LOOK_FAILED] = int(self.member.confirmed.get(LOOK_FAILED, 0)) + 1
        return Finding(self.member.ref, Continues(), confirmed=confirmed, first=self.member, note="no answer")

    def _refused(self, reason: Reason) -> Finding:
        readings = self._readings(empty=True, changed=False)
        done = {wish.facet: {**readings[wish.facet], "done": True} for wish in self._answered}
        confirmed = {**self._looked(found=False), "readings": {**readings, **done}}
        return Finding(self.member.ref, Dismissed(reason), confirmed=confirmed, first=self.member, note=reason.code)

    def _looked(self, *, found: bool) -> dict[str, Any]:
        """Note in which look a candidate was asked for, whatever the reason for asking, and whether that has found."""
        look = current_look(self.view, self.receipt.at, self.policy)
        known = {name: value for name, value in self.member.confirmed.items() if name != LOOK_FAILED}
        if look is None:
            return known
        return {**known, LOOKED: look.number} | ({FOUND: look.number} if found else {})


@dataclass(slots=True)
class _Found:
    """What one reading comes to: what is to be told and kept, and what is known to have been told afterwards."""

    told: dict[str, Any] = field(repr=False)
    tellings: list[Telling] = field(default_factory=list[Telling])
    documents: list[Document] = field(default_factory=list[Document])

    def add(self, telling: Telling | None, former: str | None = None) -> None:
        """Take what is told; it takes the place of what was told under `former`, while nobody knew whose it was."""
        if telling is not None:
            self.tellings.append(telling)
            self.told = {part: one for part, one in self.told.items() if part != former} | {telling.part: telling.told}


def _plain(reading: Reading) -> dict[str, Any]:
    return {**asdict(reading), "at": utc_text(reading.at)}
