"""A pace of its own: that of a process that shares no ledger with the workers, as a survey before the first day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from adapter.domain.pace import Limits, Pace, Sign, Slots
from adapter.ledger.paces import Seen

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)


class OwnPace:
    """Keeps the pace of each tenant in memory, for one thread."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._begun_at = monotonic()
        self._paces: dict[str, Pace] = {}

    def pace(self, tenant: str) -> Seen:
        """Return it."""
        return Seen(self._paces.get(tenant, Pace.begun(BEGIN)), self._now())

    def take_slots(self, tenant: str, limits: Limits, wanted: int, *, urgent: bool) -> Slots:
        """Take moments for calls."""
        seen = self.pace(tenant)
        grant = limits.grant(seen.pace, seen.now, wanted, urgent=urgent)
        self._paces[tenant] = grant.pace
        return grant.slots

    def slow_down(self, tenant: str, limits: Limits, sign: Sign) -> Seen:
        """Lower it."""
        seen = self.pace(tenant)
        self._paces[tenant] = limits.after(sign, seen.pace, seen.now)
        return self.pace(tenant)

    def _now(self) -> datetime:
        return BEGIN + timedelta(seconds=self._monotonic() - self._begun_at)
