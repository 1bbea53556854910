"""A sitting and its bookings as the plan sees them: the records' plain data, typed and with the rules applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from msgspec.structs import replace

from adapter.domain.policy import Mode, Policy
from adapter.domain.records import BOOKING, Record
from adapter.domain.steps import Hierarchy, Schedule
from adapter.domain.version import Statement, utc_text, utc_time
from adapter.value import Value
from handlers.sittings.translate import LIFE, RESTORE, SEAT, TIMETABLE

LONGEST_TITLE = 100
"""Of a schedule, in UTF-16 units (cirrus-api.md 5.1)."""

COMPARED = ("title", "start", "end")
"""What a read-back shows of a schedule's own values (cirrus-api.md 5.6)."""

REMOVED = "removed"
"""In what is known of a booking: the version of it whose seat somebody has taken away by hand."""


class Known(Value, frozen=True):
    """What is known of the schedule in Cirrus; `exists` is None as long as nobody has looked or tried.

    `made` tells that it has existed, `doubt` that it must be read before anything is sent, `limit` how many
    candidates a call may hold while Cirrus refuses larger ones, `extra` the largest percentage that its window
    has had to allow for: a window is not shortened because somebody leaves.

    `our_...` is what we have last set, or found as wanted: what differs from it was changed by hand. So was a
    schedule that is a draft although it was `live`, and one that is gone, unless we were `removing` it. `strangers`
    are on the schedule and have no booking; `evicted` are those of them who are to go. `restored` is the last wish of
    an operator that was followed, `drift` what was last told of it, `drifts` how often.
    """

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"drift"})

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
    removing: bool = False
    deletion_refused: bool = False
    attempts: tuple[str, ...] | None = None
    our_title: str | None = None
    our_start: datetime | None = None
    our_end: datetime | None = None
    live: bool = False
    sent_at: datetime | None = None
    strangers: tuple[str, ...] = ()
    evicted: tuple[str, ...] = ()
    restored: str | None = None
    drift: Mapping[str, Any] | None = None
    drifts: int = 0

    @classmethod
    def of(cls, record: Record | None) -> "Known":
        """Read what a root record has confirmed."""
        if record is None or not record.confirmed:
            return cls()
        given = {name: value for name, value in record.confirmed.items() if name in cls.__struct_fields__}
        for name in ("start", "end", "read_at", "tried_at", "our_start", "our_end", "sent_at"):
            if given.get(name):
                given[name] = utc_time(given[name])
        for name in ("attempts", "strangers", "evicted"):
            if given.get(name) is not None:
                given[name] = tuple(given[name])
        return cls(**given)

    @property
    def gone(self) -> bool:
        """Whether it was there, and no longer is, or not for anybody to sit."""
        return self.made and (self.exists is False or self.archived)

    def ours(self, name: str) -> object:
        """Return what we have last set for one of `COMPARED`, None where nobody knows."""
        return getattr(self, f"our_{name}")

    def without_schedule(self, read_at: datetime | None = None) -> "Known":
        """Return what stays known when nothing of the schedule counts any more: what was wished and what was told."""
        return Known(exists=False, read_at=read_at, restored=self.restored, drift=self.drift, drifts=self.drifts)

    def agreeing(self, wanted: Schedule) -> "Known":
        """Note which values are as wanted: from now on, whoever makes them differ has done so by hand."""
        same = {name for name in COMPARED if getattr(self, name) == getattr(wanted, name)}
        return replace(self, **{f"our_{name}": getattr(wanted, name) for name in same})

    def data(self) -> dict[str, Any]:
        """Return what `of` reads: plain JSON values, without those that are as at the start."""
        start = Known()
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: _plain(value) for name, value in given.items() if value != getattr(start, name)}


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

    @property
    def asked(self) -> str | None:
        """The last wish of an operator that Cirrus be as the SIS says, None while there was none."""
        wish = self.record.facets.get(RESTORE)
        return wish.label if wish is not None else None

    def restores(self, policy: Policy) -> bool:
        """Tell whether what was changed by hand is to be put right: as a rule, or for now because it was asked for."""
        return policy.drift == "restore" or self.asked != self.known.restored

    def mode(self, policy: Policy) -> Mode:
        """How this sitting is provisioned."""
        return policy.mode_of(self.timetable.data.get("assessment", ""))

    def check(self, policy: Policy) -> datetime | None:
        """Return when a schedule is looked at once more before its exam, None where that is not wanted."""
        return self.start - policy.drift_check_before if policy.drift_check_before else None

    def check_due(self, now: datetime, policy: Policy) -> bool:
        """Tell whether that moment has come; what was made or read since needs no look."""
        at, known = self.check(policy), self.known
        if at is None or not at <= now < self.start or not known.exists or self.canceled:
            return False
        return all(moment is None or moment < at for moment in (known.sent_at, known.read_at))

    def activation(self, policy: Policy) -> datetime:
        """Return when a draft is to be activated: as late as the institution dares."""
        return self.start - policy.activate_before

    def differs(self, wanted: Schedule) -> bool:
        """Tell whether what Cirrus is known to hold differs in title or times."""
        return any(
            known is not None and known != getattr(wanted, name)
            for name, known in (("title", self.known.title), ("start", self.known.start), ("end", self.known.end))
        )

    def by_hand(self, wanted: Schedule) -> frozenset[str]:
        """Return what of `COMPARED` somebody has changed since we set it, and the SIS has not."""
        return frozenset(
            name
            for name in COMPARED
            if (value := getattr(wanted, name)) == self.known.ours(name)
            and getattr(self.known, name) not in (None, value)
        )

    def target(self, extra: int, policy: Policy) -> Schedule:
        """Return the schedule to be had in Cirrus: as the SIS wants it, but for what was changed by hand."""
        wanted = self.schedule(extra)
        if policy.drift == "restore" or not (kept := self.by_hand(wanted)):
            return wanted
        held = replace(wanted, **{name: getattr(self.known, name) for name in kept})
        if (held.start, held.end) == (self.known.start, self.known.end):
            return held
        return replace(held, end=max(held.end, held.start + self._needed(extra)))

    def _needed(self, extra: int) -> timedelta:
        return timedelta(minutes=(self.duration or 0) * (100 + extra) // 100 + 1)

    def schedule(self, extra: int) -> Schedule:
        """Return the schedule that the SIS wants, its window longer than the exam with `extra` percent more."""
        return Schedule(
            external_id=self.external_id,
            assessment_id=self.timetable.data["assessment"],
            title=_shortened(self.timetable.data["title"]),
            start=self.start,
            end=max(self.end, self.start + self._needed(extra)),
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


def is_removed(record: Record) -> bool:
    """Tell whether somebody has taken this booking's seat away by hand, and the SIS has not booked anew since."""
    removed = record.confirmed.get(REMOVED)
    return removed is not None and booking_is_live(record) and removed == booking_label(record)


def booking_label(record: Record) -> str:
    """Return the version of a booking or departure that an outcome or a task answers.

    A booking that was cancelled with its exam or with its student may stand again without a new version; what
    is said of it then answers the end of that cancellation.
    """
    lapsed = record.confirmed.get("lapsed")
    return f"{statement_of(record).label}/after/{lapsed}" if lapsed else statement_of(record).label


def statement_of(record: Record) -> Statement:
    """Return what was last said of a booking or departure."""
    return record.facets.get(SEAT) or next(iter(record.facets.values()))
