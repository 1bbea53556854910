"""JSON Schemas (draft 7) of whole events: the envelope with the data of one type."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from adapter.domain.envelope import LONGEST_NAME
from handlers import ALL, EVENTS
from handlers.shapes import OUTCOMES

DRAFT = "http://json-schema.org/draft-07/schema#"


def event_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every event that is understood, by its type."""
    return {kind: _schema(kind, _meaning(model), model, incoming=True) for kind, model in sorted(EVENTS.items())}


def outcome_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of every event that may be published, by its type."""
    types = sorted({kind for handler in ALL for kind in handler.outcomes})
    return {kind: _schema(kind, _meaning(OUTCOMES[kind]), OUTCOMES[kind], incoming=False) for kind in types}


def _meaning(model: type[BaseModel]) -> str:
    """Return what a model says of itself, on one line."""
    return " ".join((model.__doc__ or "").split())


class _Untitled(GenerateJsonSchema):
    """Leaves out titles: they would repeat the names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        _ = schema
        return False


def _schema(kind: str, meaning: str, model: type[BaseModel], *, incoming: bool) -> dict[str, Any]:
    data = model.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Untitled)
    definitions = data.pop("$defs", {})
    schema: dict[str, Any] = {
        "$schema": DRAFT,
        "title": kind,
        "description": meaning,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "tenant", "data"],
        "properties": {**_envelope(kind), **(_from_sis() if incoming else _from_us()), "data": data},
    }
    return {**schema, "definitions": definitions} if definitions else schema


def _envelope(kind: str) -> dict[str, Any]:
    return {
        "specversion": {"const": "1.0"},
        "id": _text("With `source`, the identity of this message."),
        "source": _text("Who says it."),
        "type": {"const": kind},
        "subject": _text("Id of the object: personId, offeringId or associationId."),
        "time": {"type": "string", "format": "date-time", "description": "When it became so, with its zone."},
        "tenant": _text("The institution, such as `uni.example`."),
        "datacontenttype": {"type": "string"},
        "traceparent": _text("W3C trace context."),
        "correlationid": _text("What this belongs to."),
    }


def _from_sis() -> dict[str, Any]:
    return {
        "sequence": {
            "type": ["integer", "string"],
            "pattern": "^[0-9]+$",
            "minimum": 0,
            "description": "Rises with each statement about the subject. On all events of a stream, or on none: "
            "without it, `time` decides which statement is the newer one.",
        },
        "causationid": _text("The id of the event that caused this one."),
        "replay": {"type": ["boolean", "string"], "description": "`true` on an operator's replay."},
    }


def _from_us() -> dict[str, Any]:
    return {"causationid": _text("The id of the event that caused this one.")}


def _text(meaning: str) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "description": meaning}
