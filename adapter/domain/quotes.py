"""Quotes: what Cirrus repeats of a person, taken out of its words before anybody keeps, logs or publishes them.

An error text is quoted to the exam office, in the journal and in tasks, and Cirrus words it with whatever it was
sent or already knows. Ids stay: they say whose record it is.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from html import escape
from typing import assert_never

from adapter.domain.answers import (
    Accepted,
    Answer,
    Failing,
    Forbidden,
    Garbled,
    NoAnswer,
    Refused,
    Remark,
    Seated,
    Throttled,
    Unreachable,
    Unsendable,
)

MASK = "***"
SHORTEST_CUT = 3
"""Characters of a name, at the very end of a text, that count as a part of it."""

STRAIGHT = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'", "\u201c": '"', "\u201d": '"'})


def plain(text: str) -> str:
    """Return a text with straight quotation marks and single spaces, as error texts are compared and kept."""
    return " ".join(text.translate(STRAIGHT).split())


def without_people(answer: Answer, personal: Callable[[], Iterable[str]]) -> Answer:
    """Return the answer with personal texts masked in Cirrus' words, wherever they stand as words of their own.

    `personal` is asked for them only where Cirrus has said something in words.
    """
    match answer:
        case Refused(remarks=remarks) if remarks:
            quotes = _Quotes(personal())
            return replace(answer, remarks=tuple(map(quotes.masked, remarks)))
        case Accepted(content=Seated(refused=refused) as seated) if refused:
            quotes = _Quotes(personal())
            return Accepted(replace(seated, refused={name: quotes.masked(said) for name, said in refused.items()}))
        case (
            Accepted()
            | Refused()
            | Forbidden()
            | Throttled()
            | Failing()
            | Unreachable()
            | NoAnswer()
            | Garbled()
            | Unsendable()
        ):
            return answer
        case _ as never:
            assert_never(never)


class _Quotes:
    """The personal texts that are looked for, in every form in which an error text may hold them."""

    def __init__(self, personal: Iterable[str]) -> None:
        forms = {form for text in personal for form in _forms(plain(text)) if form}
        self._forms = sorted(forms, key=len, reverse=True)
        self._whole = re.compile(
            "|".join(rf"(?<!\w){re.escape(form)}(?!\w)" for form in self._forms) or r"(?!)", re.IGNORECASE
        )

    def masked(self, remark: Remark) -> Remark:
        *parts, last = self._whole.sub(MASK, remark.text).split(MASK)
        rest = self._without_cut(last)
        kept = [self._without_cut(part) for part in parts]
        return replace(remark, text=MASK.join([*kept, rest if rest == last else f"{rest}{MASK}"]))

    def _without_cut(self, text: str) -> str:
        """Leave out what is left of a quote at the end of a text, where it was cut or went on with a mask."""
        folded = text.lower()
        for form in self._forms:
            for length in range(len(form) - 1, SHORTEST_CUT - 1, -1):
                start = len(text) - length
                if folded.endswith(form[:length].lower()) and not text[start - 1 : start].isalnum():
                    return text[:start]
        return text


def _forms(text: str) -> Iterator[str]:
    yield text
    yield escape(text)
    yield escape(text, quote=False)
    yield text.replace('"', '\\"')
