"""`results show`: what was told of one result, version beside version, and what Cirrus had answered."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

import typer

from adapter.app import open_ledger
from adapter.cli.console import AsJson, ConfigFile, fail, note, put, put_json, settings
from adapter.cli.results.columns import columns
from adapter.cli.results.scope import Tenant, listed, moment, policies
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, RESULT, Ref, result_ref
from adapter.domain.version import utc_text
from adapter.ledger.documents import Filed
from adapter.ledger.ledger import Ledger
from adapter.ledger.results import Placed, Wanted
from handlers.results.report import UNREAD

EXAMPLES = """Examples:

  cirrus-adapter results show coa-2031-0001

  cirrus-adapter results show co-2031/s1048576 --raw"""

TOLD = ("scheduleExtId", "candidateExtId", "offeringId", "personId", "associationId", "orphan")
ACHIEVED = ("state", "pass", "score", "rawScore", "maxRawScore", "grade", "testDate", "resultDate", "attempt", "final")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one result."""

    tenant: str
    result: str
    filed: Filed

    @property
    def sealed(self) -> bool:
        """Whether none of our keys opens it."""
        return self.filed.content is None

    @property
    def type(self) -> str | None:
        """The type of the event that told it, None where nothing could be told."""
        return self._content.get("type")

    @property
    def data(self) -> Mapping[str, Any]:
        """What was told."""
        data: Mapping[str, Any] = self._content.get("data", {})
        return data

    @property
    def document(self) -> object:
        """What Cirrus had answered, None where that was not kept."""
        return self._content.get("document")

    @property
    def _content(self) -> Mapping[str, Any]:
        return self.filed.content or {}

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield what is shown of it to people, always the same names in the same order."""
        result: Mapping[str, Any] = self.data.get("result", {})
        yield "told", "sealed: no key opens it" if self.sealed else self.type or "nothing: no result could be read"
        yield "at", moment(self.filed.at)
        yield "event", _plain(self.filed.event_id)
        yield from ((name, _plain(result.get(name))) for name in ACHIEVED)
        yield "supersedes", _plain(self.data.get("supersedes"))
        yield "reason", _plain(self.data.get("reason"))
        yield from ((name, _plain(self.data.get(name))) for name in TOLD)

    def summary(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "tenant": self.tenant,
            "result": self.result,
            "part": self.filed.part,
            "version": self.filed.version,
            "at": utc_text(self.filed.at),
            "event_id": self.filed.event_id,
            "sealed": self.sealed,
            "type": self.type,
            "data": self.data,
        }

    def raw(self) -> dict[str, object]:
        """Return what Cirrus had answered."""
        whose = ("tenant", "result", "part", "version", "at", "sealed")
        return {**{name: self.summary()[name] for name in whose}, "document": self.document}


def show(
    name: Annotated[str, typer.Argument(metavar="BOOKING", help="A booking, or a result as SCHEDULE/CANDIDATE.")],
    *,
    raw: Annotated[bool, typer.Option("--raw", help="Print what Cirrus answered, as JSON.")] = False,
    tenant: Tenant = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the versions of a booking's result side by side: what was told, when, and why.

    SCHEDULE/CANDIDATE, by the ids of Cirrus, shows all that is kept of this candidate there, also what belongs to no
    booking and what could not be read. The exit code is 1 when nothing is known of the id. Results are personal:
    the output is for whoever has to see it.
    """
    chosen = settings(config)
    covered = policies(chosen, tenant)
    with closing(open_ledger(chosen)) as ledger:
        ledger.check()
        found = list(_of_result(ledger, covered, name) if "/" in name else _of_booking(ledger, covered, name))
        hint = _hint(ledger, covered, name) if not found and "/" not in name else None
    if raw:
        put_json([each.raw() for each in found])
    elif as_json:
        put_json([each.summary() for each in found])
    else:
        for line in _page(found):
            put(line)
    if hint is not None:
        note(hint)
    if any(each.sealed for each in found):
        fail("ledger.seal_key does not open all that is kept; configure the former key behind the new one to see it")
    if raw and found and all(each.document is None for each in found):
        note("what Cirrus answered was not kept: see results.keep_raw")


def _of_result(ledger: Ledger, covered: Mapping[str, Policy], name: str) -> Iterator[Version]:
    places = [Placed(tenant, Ref(RESULT, name)) for tenant in sorted(covered)]
    found = [version for place in places for version in _versions(ledger, place)]
    if not found:
        fail(f"nothing is kept of result '{name}'")
    yield from found


def _of_booking(ledger: Ledger, covered: Mapping[str, Policy], name: str) -> Iterator[Version]:
    bookings = ledger.named(sorted(covered), BOOKING, name)
    if not bookings:
        fail(f"nothing is known of booking '{name}'; an event about it may be among the dead letters")
    for booking in bookings:
        part = f"booking/{booking.ref.key}"
        for place in ledger.results_filed([booking.tenant], part):
            yield from (version for version in _versions(ledger, place) if version.filed.part == part)


def _versions(ledger: Ledger, place: Placed) -> Iterator[Version]:
    for filed in ledger.documents(place.tenant, place.ref):
        yield Version(place.tenant, place.ref.key, filed)


def _hint(ledger: Ledger, covered: Mapping[str, Policy], name: str) -> str:
    """Say why there is nothing to show of a booking that is known."""
    for each in listed(ledger, covered, Wanted(booking=name)):
        for candidate_id, bookings in each.view.bookings.items():
            if name in {id_ for booked in bookings for id_ in (booked.record.ref.key, booked.record.external_id)}:
                ref = result_ref(each.view.schedule_id, candidate_id)
                if any(filed.part == UNREAD for filed in ledger.documents(each.tenant, ref)):
                    return f"Cirrus answered, but no result could be read: cirrus-adapter results show {ref.key} --raw"
    return f"no result of booking {name} was told, or it is kept no longer"


def _page(found: Sequence[Version]) -> Iterator[str]:
    for (tenant, result, part), versions in groupby(
        found, key=lambda each: (each.tenant, each.result, each.filed.part)
    ):
        yield f"{part.replace('/', ' ', 1)}, result {result}, tenant {tenant}"
        side_by_side = list(versions)
        rows = zip(*(list(each.facts()) for each in side_by_side), strict=True)
        head = ("", *(f"v{each.filed.version}" for each in side_by_side))
        yield from columns(head, *((row[0][0], *(text for _, text in row)) for row in rows))
        yield ""


def _plain(value: object) -> str:
    match value:
        case None:
            return "-"
        case True:
            return "yes"
        case False:
            return "no"
        case _:
            return str(value)
