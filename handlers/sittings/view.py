"""A sitting and its bookings as the plan sees them: the records' plain data, typed and with the rules applied."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, cast

from adapter.domain.policy import Mode, Policy
from adapter.domain.records import BOOKING, Record
from adapter.domain.steps import Hierarchy, Schedule
from adapter.domain.version import Statement, utc_text, utc_time
from handlers.sittings.translate import LIFE, SEAT, TIMETABLE

LONGEST_TITLE = 100
"""Of a schedule, in UTF-16 units (cirrus-api.md 5.1)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the schedule in Cirrus; `exists` is None as long as nobody has looked or tried.

    `made` tells that it has existed, `doubt` that it must be read before anything is sent, `limit` how many
    candidates a call may hold while Cirrus refuses larger ones, `extra` the largest percentage that its window
    has had to allow for: a window is not shortened because somebody leaves.
    """

    exists: bool | None = None
    made: bool = False
    activated: bool = False
    archived: bool = False
    doubt: bool = False
    title: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    extra: int = 0
    limit: int | None = None
    refusal: str | None = None
    read_at: datetime | None = None
    tried_at: datetime | None = None
    deletion_refused: bool = False
    attempts: tuple[str, ...] | None = None

    @classmethod
    def of(cls, record: Record | None) -> "Known":
        """Read what a root record has confirmed."""
        if record is None or not record.confirmed:
            return cls()
        given = {name: value for name, value in record.confirmed.items() if name in cls.__dataclass_fields__}
        for name in ("start", "end", "read_at", "tried_at"):
            if given.get(name):
                given[name] = utc_time(given[name])
        if given.get("attempts") is not None:
            given["attempts"] = tuple(given["attempts"])
        return cls(**given)

    def data(self) -> dict[str, Any]:
        """Return what `of` reads: plain JSON values, without those that are as at the start."""
        given = {known.name: (getattr(self, known.name), known.default) for known in fields(self)}
        return {name: _plain(value) for name, (value, default) in given.items() if value != default}


def _plain(value: object) -> object:
    match value:
        case datetime():
            return utc_text(value)
        case tuple():
            return list(cast("tuple[object, ...]", value))
        case _:
            return value


@dataclass(frozen=True, slots=True)
class SittingView:
    """A sitting that the SIS has described. Times are UTC, `duration` is in minutes."""

    record: Record
    timetable: Statement
    life: Statement | None
    start: datetime
    end: datetime
    duration: int | None
    known: Known

    @classmethod
    def of(cls, record: Record | None) -> "SittingView | None":
        """Return the view of a record, None while the SIS has not said when the exam is."""
        if record is None or (timetable := record.facets.get(TIMETABLE)) is None:
            return None
        return cls(
            record=record,
            timetable=timetable,
            life=record.facets.get(LIFE),
            start=utc_time(timetable.data["start"]),
            end=utc_time(timetable.data["end"]),
            duration=timetable.data["duration"],
            known=Known.of(record),
        )

    @property
    def canceled(self) -> bool:
        """Whether the SIS has cancelled the exam."""
        return is_canceled(self.life)

    @property
    def refused(self) -> bool:
        """Whether its ids cannot be used in Cirrus."""
        return "refusal" in self.timetable.data

    @property
    def minutes(self) -> int:
        """The exam's duration in minutes; its whole window where the SIS has named none."""
        return self.duration or max(1, int((self.end - self.start).total_seconds()) // 60)

    @property
    def external_id(self) -> str:
        """ScheduleExtId; only to be asked of a sitting without a refusal."""
        assert self.record.external_id is not None, "a sitting without a usable id carries a refusal"
        return self.record.external_id

    @property
    def hierarchy(self) -> Hierarchy:
        """The group that new candidates are put in."""
        given = self.timetable.data["hierarchy"]
        return Hierarchy(given["id"], given["name"])

    @property
    def label(self) -> str:
        """The version of the sitting that an outcome answers."""
        return f"{self.timetable.label}+{self.life.label if self.life else ''}"

    def mode(self, policy: Policy) -> Mode:
        """How this sitting is provisioned."""
        return policy.mode_of(self.timetable.data.get("assessment", ""))

    def activation(self, policy: Policy) -> datetime:
        """Return when a draft is to be activated: as late as the institution dares."""
        return self.start - policy.activate_before

    def differs(self, wanted: Schedule) -> bool:
        """Tell whether what Cirrus is known to hold differs in title or times."""
        return any(
            known is not None and known != getattr(wanted, name)
            for name, known in (("title", self.known.title), ("start", self.known.start), ("end", self.known.end))
        )

    def schedule(self, extra: int) -> Schedule:
        """Return the schedule that Cirrus should hold, its window longer than the exam with `extra` percent more."""
        needed = timedelta(minutes=(self.duration or 0) * (100 + extra) // 100 + 1)
        return Schedule(
            external_id=self.external_id,
            assessment_id=self.timetable.data["assessment"],
            title=_shortened(self.timetable.data["title"]),
            start=self.start,
            end=max(self.end, self.start + needed),
            hierarchy=self.hierarchy,
            pin=self.timetable.data["pin"],
        )


def is_canceled(life: Statement | None) -> bool:
    """Tell whether what was last said of an exam's life is that it was cancelled."""
    return life is not None and bool(life.data["canceled"])


def _shortened(title: str) -> str:
    """Cut a title to what Cirrus keeps, so that what is read back can be compared; lengths as .NET counts them."""
    if _length(title) <= LONGEST_TITLE:
        return title
    kept = title
    while _length(kept) >= LONGEST_TITLE:
        kept = kept[:-1]
    return kept.rstrip() + "\u2026"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def booking_is_live(record: Record) -> bool:
    """Tell whether the SIS wants this booking, whatever became of it."""
    said = record.data(SEAT)
    return record.ref.kind == BOOKING and said is not None and bool(said["live"])


def holds_seat(record: Record) -> bool:
    """Tell whether Cirrus is known to hold a seat for this booking or departure."""
    return bool(record.confirmed.get("seat"))
