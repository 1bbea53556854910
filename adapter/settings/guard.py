"""The settings of the mass-change guard: how much the SIS may take away before a person is asked."""

from datetime import timedelta

from pydantic import Field

from adapter.domain.policy import GuardPolicy
from adapter.settings.section import Section


class GuardSettings(Section):
    """How much the SIS may take away at once: cancelled bookings, exams that are called off, students who leave.

    What is more is held until somebody has decided: `cirrus-adapter hold`.
    """

    share_percent: int = Field(default=25, ge=1, le=100)
    """Percent of an exam's bookings that may end within an hour. An exam that is called off does not count here."""

    least: int = Field(default=10, ge=1, le=10_000)
    """Bookings of an exam that may end within an hour whatever their share: 1 of 2 is no mass change."""

    per_hour: int = Field(default=500, ge=1, le=1_000_000)
    """Bookings of the whole institution that may end within an hour, those of exams that are called off included."""

    delay_s: float = Field(default=30, ge=0, le=3600)
    """Seconds that a removal is kept back, so that the first of many is held with the rest; never more than a tenth of
    the time left until the exam. What was carried out before the limit was reached stays done, so with 0 only what
    exceeds the limit is held."""

    def to_policy(self) -> GuardPolicy:
        """Return the rules in the domain's words."""
        return GuardPolicy(self.share_percent, self.least, self.per_hour, timedelta(seconds=self.delay_s))
