"""The handler of results: told of by Cirrus, never by the SIS."""

from pydantic import BaseModel

from adapter.domain.envelope import Envelope
from adapter.domain.handler import Handler
from adapter.domain.mapping import IdMapping
from adapter.domain.records import RESULT_LIST, Change
from handlers import said
from handlers.people import people
from handlers.results.hear import hear
from handlers.results.plan import plan
from handlers.results.report import report


def _no_event(envelope: Envelope, data: BaseModel, mapping: IdMapping) -> tuple[Change, ...]:
    _ = (data, mapping)
    raise TypeError(f"no translation for {envelope.type}")


HANDLER = Handler(
    kind=RESULT_LIST,
    events={},
    outcomes=(said.ATTENDANCE_RECORDED, said.RESULT_PUBLISHED, said.RESULT_CORRECTED, said.RESULT_VOIDED),
    translate=_no_event,
    plan=plan,
    report=report,
    hear=hear,
    private=people,
)
