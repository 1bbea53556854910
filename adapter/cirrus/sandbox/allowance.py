"""The daily allowance of `GET /results` (§9.1): 3,000 calls, counted anew from 13:30 UTC."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.options import SandboxOptions


@dataclass(slots=True)
class Allowance:
    """What one tenant spent: calls over the limit are counted as spent, so that `most` shows an excess."""

    day: date | None = None
    spent: int = 0
    most: int = 0
    over: int = 0

    def spend(self, now: datetime, options: SandboxOptions) -> bool:
        """Count one call and return whether it is within the allowance."""
        self._turn(now, options)
        self.spent += 1
        self.most = max(self.most, self.spent)
        if self.spent <= options.results_per_day:
            return True
        self.over += 1
        return False

    def view(self, now: datetime, options: SandboxOptions) -> Json:
        """Return the calls of the present day, the most of any day, and those answered over the limit."""
        self._turn(now, options)
        return {"spent": self.spent, "most": self.most, "over": self.over, "per_day": options.results_per_day}

    def _turn(self, now: datetime, options: SandboxOptions) -> None:
        """Begin a new day if the counter was reset since the last call."""
        reset = time.fromisoformat(options.results_reset)
        day = (now - timedelta(hours=reset.hour, minutes=reset.minute, seconds=reset.second)).date()
        if day != self.day:
            self.day, self.spent = day, 0
