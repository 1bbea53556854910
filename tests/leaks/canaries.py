"""Canaries: values that stand for a person or a secret, found again in any text, however it writes them."""

import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from urllib.parse import quote, quote_plus

GIVEN = 'Zoë "Qanaria" d\'Orée'
"""With letters, quotes and an apostrophe that every encoding writes in another way."""

SURNAME = "Finchworth-Quxley"
PREFIX = "vander"
DISPLAY = "Zozo Finchie"
MAIL = "q.finchworth@aviary.example"
LOGIN = "zfinch-login-71"
PHONE = "+31-6-77712345"
PIN = "PINCH7731"
LINK_SECRET = "perch-4c0ffee"
TOKEN = "tok-Goldfinch-8131"
PATH_SECRET = "path-Greenfinch-8231-0123456789"
BROKER_PASSWORD = "broker-Bullfinch-8331"
LEDGER_PASSWORD = "ledger-Hawfinch-8431"
SEAL_KEY = "UmVkcG9sbC1yZWRwb2xsLXJlZHBvbGwtcmVkcG9sbC0="
GRADE = "grade-Siskin"
SCORE = "61.8125"

PERSON: Mapping[str, str] = {
    "given name": GIVEN,
    "surname": SURNAME,
    "prefix": PREFIX,
    "display name": DISPLAY,
    "mail": MAIL,
    "login": LOGIN,
    "phone": PHONE,
}
"""What tells who somebody is."""

SECRETS: Mapping[str, str] = {
    "pin": PIN,
    "token": TOKEN,
    "path secret": PATH_SECRET,
    "broker password": BROKER_PASSWORD,
    "ledger password": LEDGER_PASSWORD,
    "seal key": SEAL_KEY,
}
"""What opens a door."""

MARKS: Mapping[str, str] = {"grade": GRADE, "score": SCORE}
"""What somebody has achieved."""

SHORTEST = 6
"""Bytes of a part that is looked for: the pieces of a base64 text, and the words of a name."""


def leaks(text: str | bytes, *kinds: Mapping[str, str]) -> set[str]:
    """Return the names of the canaries that a text holds, in any case and in any usual encoding."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    folded = plain.casefold()
    return {
        name
        for kind in kinds
        for name, value in kind.items()
        if any(form.casefold() in folded for form in _forms(value)) or any(form in plain for form in _base64(value))
    }


def _forms(value: str) -> set[str]:
    """Return a value as it is, as JSON, Python, HTML and URLs write it, and each of its longer words."""
    escaped = json.dumps(value)[1:-1]
    forms = {value, escaped, json.dumps(escaped)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    forms |= {ascii(value)[1:-1], escape(value), quote(value, safe=""), quote_plus(value), quote(value)}
    return forms | {word for word in value.replace('"', " ").split() if len(word) >= SHORTEST}


def _base64(value: str) -> set[str]:
    """Return what of a value's base64 does not depend on its neighbours, at each of the three offsets."""
    raw = value.encode()
    found = set[str]()
    for offset in range(3):
        text = b64encode(b"\0" * offset + raw).decode()
        first = -(-offset * 8 // 6) + (1 if offset else 0)
        last = (offset + len(raw)) * 8 // 6
        if last - first >= SHORTEST:
            found |= {text[first:last], text[first:last].replace("+", "-").replace("/", "_")}
    return found
