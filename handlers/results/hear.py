"""From what is heard of a result to what should be: that it is fetched.

A result is kept by the ids that Cirrus knows, schedule and candidate, for it may belong to nobody whom the SIS
has told of. The exam's own event says which sitting a schedule is.
"""

from datetime import datetime, timedelta

from adapter.domain.notices import Notice
from adapter.domain.records import RESULT, RESULT_LIST, Change, Ref, list_ref, result_ref
from adapter.domain.version import Rank, Statement, Version, utc_text

EXAM = "exam"
NOTICE = "notice"

READ_BY = timedelta(days=60)
"""How long after an exam its results are as urgent as a booking for an exam that starts at that moment. Longer than
marking takes, so that of several exams the oldest comes first, and bookings before all of them."""


def hear(notice: Notice) -> Change:
    """Return that a result is to be fetched; each attempt is told of on its own."""
    named = notice.named
    if named.schedule_id is None or named.candidate_id is None:
        # An attempt that no booking is known of: it is a list of its own.
        assert named.attempt_id is not None, "a notice names a schedule and a candidate, or an attempt"
        home = Ref(RESULT_LIST, f"attempt/{named.attempt_id}")
        ref = Ref(RESULT, home.key)
    else:
        home, ref = list_ref(named.schedule_id), result_ref(named.schedule_id, named.candidate_id)
    said = {
        "schedule": named.schedule_id,
        "candidate": named.candidate_id,
        "attempt": named.attempt_id,
        "by": notice.by,
        "at": utc_text(notice.at),
        "notice": notice.id,
    }
    version = Version(notice.at, None, Rank.UPDATE, notice.id)
    facet = NOTICE if named.attempt_id is None else f"{NOTICE}:{named.attempt_id}"
    return Change(ref, facet, Statement.first(version, said), home=home)


def exam_list(schedule_id: str, end: datetime, version: Version) -> Change:
    """Return that a sitting's results are to be had once it is over."""
    said = Statement.first(version, {"end": utc_text(end)})
    return Change(ref=list_ref(schedule_id), facet=EXAM, statement=said, deadline=end + READ_BY)
