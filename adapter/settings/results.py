"""The settings for results: how often they may be asked for, when, and under which names they are found."""

from collections.abc import Iterator, Mapping
from datetime import time, timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from adapter.cirrus.results import FIELDS, ResultFields
from adapter.domain.allowance import Allowance
from adapter.domain.answers import Standing
from adapter.domain.policy import ResultPolicy
from adapter.settings.section import Fault, Section

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Days = Annotated[float, Field(gt=0, le=3650)]


class ResultSettings(Section):
    """How results come back: the allowance for reading them, patience, and the names of their fields."""

    per_day: int = Field(default=3000, ge=1, le=1_000_000)
    """Calls to GET /results that Cirrus grants a day. All processes that share the ledger count together."""

    reset_utc: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "13:30"
    """Time of day in UTC at which Cirrus begins to count anew."""

    reserve: int = Field(default=300, ge=0, le=1_000_000)
    """Calls of each day that are kept for results which were told already and have changed."""

    sweeps_per_day: int = Field(default=1000, ge=0, le=1_000_000)
    """Calls of each day, at most, that look for results nobody has announced; they are spread over the day."""

    quiet_s: float = Field(default=60, ge=0, le=3600)
    """Seconds that must be quiet about a result before it is read: notices are repeated, and each reading is a call."""

    quiet_longest_s: float = Field(default=600, ge=0, le=86_400)
    """Seconds after which it is read all the same."""

    attendance_after_min: float = Field(default=15, ge=0, le=1440)
    """Minutes after an exam's end at which Cirrus is asked who sat it."""

    missing_after_h: float = Field(default=6, ge=0, le=720)
    """Hours after the first result of an exam at which those that are missing are looked for. Cirrus goes on repeating
    a notice for up to five hours."""

    look_days: tuple[Days, ...] = Field(default=(3, 7, 14, 21, 28, 42, 56, 84), max_length=100)
    """Days after an exam's end at which it is looked whether results are there that nobody has announced: one candidate
    is asked for, and all others when there is a result. Empty for never."""

    expected_days: Days = 21
    """Days after an exam's end by which results should be there; those that are not count as overdue."""

    deleted_after_days: Days | None = Field(default=None, examples=[120])
    """Days after an exam's end at which Cirrus deletes it with its results, where its automatic deletion is switched
    on; an alarm tells while some have not been read."""

    withdrawn_after_min: float = Field(default=60, ge=0, le=10_080)
    """Minutes for which a result that was told has to be gone, and be gone again, before it counts as withdrawn."""

    keep_raw: bool = True
    """Keep notices, and what Cirrus answers beside each version of a result, for as long as their structure is not
    confirmed; sealed where ledger.seal_key is set."""

    fields: Mapping[str, tuple[FieldName, ...]] = Field(
        default_factory=dict[str, tuple[str, ...]],
        examples=[{"score": ["Percentage"], "max_raw_score": ["MaxPoints"]}],
    )
    """Names of fields in notices and results, in place of those that are known, the likeliest first. Fields: candidate,
    schedule, attempt_id, attempt, outcome, score, raw_score, max_raw_score, grade, test_date, result_date, final."""

    outcomes: Mapping[FieldName, Standing] = Field(default_factory=dict[str, Standing], examples=[{"MERIT": "passed"}])
    """What a word for an outcome means, beside those that are known: passed, failed, not-submitted, voided, unknown."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        if self.reserve + self.sweeps_per_day > self.per_day:
            yield Fault(
                "reserve", "reserve and sweeps_per_day exceed per_day", "leave calls for results that are announced"
            )
        if self.quiet_longest_s < self.quiet_s:
            yield Fault("quiet_longest_s", "it is shorter than quiet_s", "make it longer")
        if list(self.look_days) != sorted(set(self.look_days)):
            yield Fault("look_days", "the days do not rise", "name each once, the earliest first")
        for name, given in self.fields.items():
            if name not in FIELDS:
                yield Fault(f"fields.{name}", "there is no such field", f"use one of {', '.join(FIELDS)}")
            elif not given:
                yield Fault(f"fields.{name}", "it has no names", "name at least one, or leave it out")

    def to_policy(self) -> ResultPolicy:
        """Return the rules in the domain's words."""
        return ResultPolicy(
            allowance=Allowance(
                calls=self.per_day,
                reset=time.fromisoformat(self.reset_utc),
                reserve=self.reserve,
                sweeps=self.sweeps_per_day,
            ),
            quiet=timedelta(seconds=self.quiet_s),
            quiet_longest=timedelta(seconds=self.quiet_longest_s),
            attendance_after=timedelta(minutes=self.attendance_after_min),
            missing_after=timedelta(hours=self.missing_after_h),
            looks=tuple(timedelta(days=days) for days in self.look_days),
            expected_after=timedelta(days=self.expected_days),
            deleted_after=timedelta(days=self.deleted_after_days) if self.deleted_after_days is not None else None,
            withdrawn_after=timedelta(minutes=self.withdrawn_after_min),
            keep_raw=self.keep_raw,
        )

    def to_fields(self) -> ResultFields:
        """Return the names of fields and outcomes."""
        return ResultFields.with_settings(self.fields, self.outcomes)
