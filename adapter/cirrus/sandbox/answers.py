"""Answers and refusals in the five envelopes of §0.3."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: `body` is JSON-ready, or None for an empty body; `items` is the size of the request."""

    status: int
    body: object
    items: int = 1


class Refusal(Exception):  # noqa: N818 - a refusal is an answer of Cirrus, not an error of ours
    """Cirrus says no: a documented text, and its number where one is documented (§10)."""

    def __init__(self, text: str, *, code: int | None = None, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.status = status


def content(value: object, *, status: int = 200, items: int = 1) -> Answer:
    """Answer with envelope E1."""
    return Answer(status, {"Content": value, "Success": True, "Errors": None}, items)


def done(*, items: int = 1) -> Answer:
    """Answer with envelope E2: success without content."""
    return Answer(200, {"Success": True, "Errors": None}, items)


def refused(refusal: Refusal, *, message: bool) -> Answer:
    """Answer a refusal: `{"Message"}` for the E4 family, otherwise `Success: false`.

    Whether numbered codes stand in `Errors` as objects is UNSEEN; the item errors of §5.10 have
    this form, texts stand as a bare string (§2.4).
    """
    if message:
        return Answer(refusal.status, {"Message": refusal.text})
    if refusal.code is None:
        return Answer(refusal.status, {"Success": False, "Errors": refusal.text})
    return Answer(refusal.status, {"Success": False, "Errors": [{"Code": refusal.code, "Error": refusal.text}]})
