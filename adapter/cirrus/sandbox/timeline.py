"""What happens by itself as time passes: preparation 20 minutes before the start, archiving at the end (§11)."""

from datetime import datetime, timedelta
from heapq import heappop, heappush

from adapter.cirrus.sandbox.state import Schedule, Tenant

PREPARATION = timedelta(minutes=20)


def settle(tenant: Tenant, now: datetime) -> None:
    """Bring the tenant to `now`, before a call of that moment is answered."""
    tenant.now = now
    moments = tenant.moments
    while moments and moments[0][0] <= now:
        pass_time(tenant, heappop(moments)[2])


def watch(tenant: Tenant, schedule: Schedule) -> None:
    """Remember the moments of a schedule which is new, moved or activated, and do what is already due."""
    for moment in (schedule.start - PREPARATION, schedule.end):
        tenant.watched += 1
        heappush(tenant.moments, (moment, tenant.watched, schedule))
    if tenant.now < schedule.start - PREPARATION:
        for seat in schedule.seats.values():
            seat.prepared_extra_time = None
    pass_time(tenant, schedule)


def pass_time(tenant: Tenant, schedule: Schedule) -> None:
    """Prepare and archive one schedule as far as its times say; a draft is left alone."""
    if not schedule.is_activated:
        return
    if tenant.now >= schedule.start - PREPARATION:
        for seat in schedule.seats.values():
            if seat.prepared_extra_time is None:
                seat.prepared_extra_time = seat.user.extra_time
    if tenant.now >= schedule.end:
        schedule.is_archived = True
