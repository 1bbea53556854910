"""The phrasebook: what each known error text and number of Cirrus means.

Sources: cirrus-api.md sections 1 to 6, 8 and 10. Many calls answer text without a number, in words that
vary between pages, so texts are matched after normalisation and the first row that fits decides. What
stands in no row is `Phrase.UNKNOWN`: Cirrus' own words are then handed on.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast

from adapter.domain.answers import Phrase, Remark
from adapter.domain.quotes import plain

LONGEST_TEXT = 300
LONGEST_READ = 1000
"""Characters of a text in which a phrase is looked for, lists of ids left out; what is said is said by then."""

LONGEST_LISTED = 65_536
"""Characters of a text in which ids are looked for: a call names 500 of them at most."""

MOST_REMARKS = 1000
DEEPEST = 3

CODES: Mapping[int, Phrase] = {
    100: Phrase.INVALID_FIELD,  # request body null or empty
    102: Phrase.UNKNOWN,  # unknown error
    200: Phrase.INVALID_ID,  # no valid user external ids in the request
    201: Phrase.INVALID_ID,  # candidate external id empty
    202: Phrase.USER_NOT_FOUND,
    203: Phrase.USER_NOT_FOUND,  # user not added to the schedule
    216: Phrase.INVALID_FIELD,  # Filter.Users empty
    260: Phrase.CANNOT_DELETE,  # current user
    300: Phrase.INVALID_ID,  # schedule external id empty
    301: Phrase.NOT_FOUND,  # schedule or review session
    302: Phrase.ARCHIVED,
    303: Phrase.NOT_ACTIVATED,
    305: Phrase.FINISHED,
    310: Phrase.NOT_BEGUN,
    318: Phrase.UNKNOWN,  # user may not be invigilator
    319: Phrase.UNKNOWN,  # user is not invigilator of this schedule
    801: Phrase.NOT_FOUND,  # collection
    802: Phrase.INVALID_ID,
    804: Phrase.INVALID_FIELD,
    805: Phrase.INVALID_FIELD,
    806: Phrase.SETUP,  # collection owner not found
    807: Phrase.SETUP,  # collection owner not set
    808: Phrase.SETUP,  # collection owner has no permission
    810: Phrase.ALREADY_EXISTS,
    900: Phrase.INVALID_FIELD,
    901: Phrase.INVALID_FIELD,
    902: Phrase.INVALID_FIELD,
    1100: Phrase.INVALID_ID,
    1101: Phrase.NOT_FOUND,
    1103: Phrase.UNKNOWN,
    1126: Phrase.NO_RESULT,  # published result not found
    1127: Phrase.ALREADY_ADDED,
    1128: Phrase.ALREADY_ADDED,
    1129: Phrase.NOT_FOUND,  # result not in the review session
    1130: Phrase.CANNOT_DELETE,
    1131: Phrase.CANNOT_DELETE,
}
"""Numbers, section 10."""

_MISSING = r"(not found|not exist|n't exist|not been found)"
_CANNOT = r"(can't|can not|cannot)"

TEXTS: tuple[tuple[Phrase, re.Pattern[str]], ...] = tuple(
    (phrase, re.compile(pattern))
    for phrase, pattern in (
        # The tenant's External API settings (0.1). First: every other reading of these would blame a record.
        (Phrase.SETUP, r"not allowed to use external api"),
        (Phrase.SETUP, r"(scheduler|creator|owner)\b.*(has|is|was) ?(n't|not)( been)? set"),
        (Phrase.SETUP, r"(scheduler|creator|owner)\b.*no longer has permission"),
        (Phrase.SETUP, r"(scheduler|creator|owner)\b.*(" + _MISSING + r"|has no permission|not have permission)"),
        (
            Phrase.UNKNOWN,
            r"unknown error|internal (server )?error|no http resource|\burl\b.*not found|^bad request\W*$",
        ),
        # Results (9.1): the answer to a call too many is UNSEEN.
        (
            Phrase.OVER_LIMIT,
            r"too many (calls|requests)|\b(daily|calls|requests|rate|quota)\b.*\b(limit|exceeded|used up)\b",
        ),
        (Phrase.NO_RESULT, r"\bresults?\b.*" + _MISSING + r"|no (published )?results?\b"),
        # Schedules that have gone further than we believed (5.3 to 5.13, 6.1).
        (Phrase.FROZEN, _CANNOT + r" (update|change|edit)\b.* ?activated|(remove|delete) .*from .*activated"),
        (Phrase.ALREADY_ACTIVATED, r"already (been )?(activated|active)"),
        (Phrase.NOT_ACTIVATED, r"schedule\b.*(is ?n't|not)( been)? activated"),
        (Phrase.NOT_BEGUN, r"schedule\b.*(is ?n't|has ?n't|not)( yet)? (begun|begin|started)"),
        (Phrase.ARCHIVED, r"schedule\b.* archived|archived schedule"),
        (Phrase.FINISHED, r"schedule\b.* (finished|ended|over|expired)\b|finished schedule"),
        # Users and repeated additions (1.1, 4.4, 8).
        (Phrase.IN_TRASH, r"\btrash|(user|candidate)\b.*(is|was|been) deleted"),
        (Phrase.USERNAME_TAKEN, r"user ?name\b.*(already|taken|in use|exists|unique|not available)"),
        (Phrase.ALREADY_ADDED, r"already (been )?(added|shared|assigned|a candidate|in (this|the|an)\b)"),
        # Assessments (4.1 to 4.3, 5.1); they are made and published by people only.
        (Phrase.UNKNOWN, _CANNOT + r" update published assessment"),
        (Phrase.ASSESSMENT_UNUSABLE, r"assessment\b.*(" + _MISSING + r"|deleted\b|archived|draft|not (yet )?live)"),
        (
            Phrase.ASSESSMENT_UNUSABLE,
            r"assessment\b.*(not|n't|must|should)\b.*\bpublished|must be published|no assessments? (was )?found",
        ),
        # Removal (1.4, 2.4, 3.5, 5.13).
        (Phrase.CANNOT_DELETE, _CANNOT + r" (be )?(delete|remove)|(children are|items) used"),
        # Ids (2.2, 3.1, 5.8).
        (Phrase.ALREADY_EXISTS, r"already (exists|in use|used|been used)|(must be|not|n't) unique"),
        (Phrase.INVALID_ID, r"alpha-?numeric"),
        (Phrase.INVALID_ID, r"\b(external ?)?ids?\b.*(empty|null|longer|too long|exceed|invalid|not valid)"),
        (Phrase.INVALID_ID, r"no (valid )?(user )?external ids|no valid user"),
        # What does not exist; a missing group is a wrong value of ours, not a wrong view of the object itself.
        (Phrase.HIERARCHY_MISSING, r"(group|hierarchy|parent)\b.*" + _MISSING),
        (Phrase.INVALID_FIELD, r"(role|taxonomy|label)\b.*" + _MISSING),
        (Phrase.UNKNOWN, r"(resource|page|session|collection)\b.*not found"),
        (Phrase.USER_NOT_FOUND, r"no users? (was |were )?found|unknown (user|candidate)"),
        (
            Phrase.USER_NOT_FOUND,
            r"(user|candidate)s?\b.*(" + _MISSING + r"|not (been )?added|not in (the |this )?schedule)",
        ),
        (Phrase.NOT_FOUND, _MISSING + r"|no schedules? (was |were )?found|has been deleted"),
        # Values (5.1 to 5.4).
        (Phrase.WINDOW_TOO_SHORT, r"duration|(window|period|time ?span)\b.*(short|less|small)"),
        (
            Phrase.INVALID_FIELD,
            r"invalid|n't valid|not valid|not specified|condition not met|" + _CANNOT + r" activate",
        ),
        (
            Phrase.INVALID_FIELD,
            r"(should|must)(n't| not)? be|empty|null|required|mandatory|too long|longer than|exceed",
        ),
    )
)
"""Texts, in the order in which they are tried, in lower case, with straight apostrophes and empty brackets."""

_BRACKETS = re.compile(r"\[([^\[\]]{0,500})\]")
_LISTED = re.compile(r"\[\](?:[\s,;]*\[\])+")
# Each alternative begins where a word does, so that a long word is not looked through from each of its characters.
_SECRET = re.compile(
    r"(?<!\S)(?:\S*@\S+|([^\s/]*?)(?:https?:/)?/\S*session=\S*|(\S*?)https?://\S+)",
    re.IGNORECASE,
)
_LEADING_CODE = re.compile(r"\(?(\d{3,4})\)?(\s*[:.\u2013-]\s*|$)")

_TEXT_KEYS = ("error", "message", "reason", "description", "errormessage", "text")
_CODE_KEYS = ("code", "errorcode", "errornumber")
_ABOUT_KEYS = ("userextid", "candidateextid", "externalid", "userexternalid", "candidateexternalid", "scheduleextid")


def read_remarks(payload: object) -> tuple[Remark, ...]:
    """Return every error that an answer words, from `Errors`, `Message` and `Content.Errors`, in that order."""
    return tuple(islice(_worded(payload), MOST_REMARKS))


def _worded(payload: object) -> Iterator[Remark]:
    if not isinstance(payload, dict):
        yield from _remarks(payload, 0)
        return
    folded = fold(cast("dict[str, Any]", payload))
    for key in ("errors", "message", "modelstate"):
        yield from _remarks(folded.get(key), 0)
    content = folded.get("content")
    if isinstance(content, dict):
        yield from _remarks(fold(cast("dict[str, Any]", content)).get("errors"), 0)


def read_remark(text: str, code: int | None = None, about: tuple[str, ...] = ()) -> Remark:
    """Return what one error text or number means; ids in square brackets become what it is about."""
    said = plain(text[:LONGEST_LISTED])
    if code is None and (leading := _LEADING_CODE.match(said)) is not None and int(leading[1]) in CODES:
        code, said = int(leading[1]), said[leading.end() :]
    named = tuple(masked(name.strip()) for name in _BRACKETS.findall(said) if name.strip())
    phrase = CODES.get(code, Phrase.UNKNOWN) if code is not None else Phrase.UNKNOWN
    if phrase is Phrase.UNKNOWN:
        normal = _LISTED.sub("[]", _BRACKETS.sub("[]", said))
        phrase = _phrase(normal[:LONGEST_READ].lower())
    return Remark(phrase, masked(said)[:LONGEST_TEXT], code, about or named)


def masked(text: str) -> str:
    """Return the text without mail addresses and links, which no log and no event may carry."""
    return _SECRET.sub(r"\1\2***", text)


def fold(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping with keys in lower case: Cirrus reads keys in any case, and may write them so."""
    return {key.lower(): value for key, value in mapping.items()}


def _phrase(normal: str) -> Phrase:
    return next((phrase for phrase, pattern in TEXTS if pattern.search(normal)), Phrase.UNKNOWN)


def _remarks(said: object, depth: int) -> Iterator[Remark]:
    """Read null, a text, a number, a list of those, or objects, with or without a code, in any nesting."""
    if said is None or isinstance(said, bool) or depth > DEEPEST:
        return
    if isinstance(said, str):
        yield from (read_remark(part) for part in said.split("|", MOST_REMARKS) if part.strip())
    elif isinstance(said, int):
        yield read_remark("", said)
    elif isinstance(said, list):
        for entry in cast("list[object]", said)[:MOST_REMARKS]:
            yield from _remarks(entry, depth + 1)
    elif isinstance(said, dict):
        yield from _object(fold(cast("dict[str, Any]", said)), depth)


def _object(entry: dict[str, Any], depth: int) -> Iterator[Remark]:
    text = next((entry[key] for key in _TEXT_KEYS if isinstance(entry.get(key), str)), "")
    code = next((number for key in _CODE_KEYS if (number := _number(entry.get(key))) is not None), None)
    if not text and code is None:
        for value in entry.values():
            yield from _remarks(value, depth + 1)
        return
    about = tuple(str(entry[key]) for key in _ABOUT_KEYS if isinstance(entry.get(key), str | int) and entry[key] != "")
    yield read_remark(text, code, about)


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else None  # noqa: PLR2004 - codes have at most four digits
