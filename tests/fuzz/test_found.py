"""What fuzzing has found, each as a small input that once broke a promise."""

import json
import struct
import tracemalloc
from collections.abc import Mapping

import orjson
import pytest

from tests.fuzz import nasties
from tests.fuzz.configurations import ENVIRON, PREFIX, TENANT
from tests.fuzz.promises import CANARY, joined
from tests.fuzz.run import bounded_memory, watched
from tests.fuzz.surfaces import SURFACES


def _headers(raw: bytes) -> bytes:
    """Return the properties of a message that has only headers."""
    return struct.pack(">HI", 0x2000, len(raw)) + raw


def _nested(levels: int) -> bytes:
    return b"\x01a" + b"".join(b"A" + struct.pack(">I", 5 * level) for level in reversed(range(levels)))


def _answered(operation: str, document: object, status: int = 200) -> bytes:
    body = orjson.dumps(document).replace(b'"DEEP"', b"[" * 1_000 + b"]" * 1_000)
    return joined(orjson.dumps({"operation": operation, "status": status}), body)


EVENT = SURFACES["frames"].seeds[0].split(b"\x1e")[1]
WIDE = {f"k{number}": number for number in range(30_000)} | {f"o{number}": {} for number in range(30_000)}
RESULTS = {f"k{number}": number for number in range(100_000)} | {"Results": [{"Score": 1}] * 500}

FOUND: Mapping[str, tuple[str, bytes, str]] = {
    "headers nested without end": ("frames", joined(b"k", EVENT, _headers(_nested(20_000))), "stored (bare)"),
    "a message id that is half a character": (
        "frames",
        joined(b"k", b"{", struct.pack(">H", 0x0080) + b"\x03\xed\xa0\x80"),
        "not-json",
    ),
    "a correlation id that is half a character": (
        "message",
        joined(b'{"correlation_id":"\\ud800","type":"\\udfff","message_id":"\\ud800"}', b"{"),
        "not-json",
    ),
    "an id that is a list of lists": (
        "answer",
        _answered("list_candidates", {"Success": True, "Content": {"AddedCandidateExternalIds": ["DEEP"]}}),
        "Accepted",
    ),
    "a candidate whose id is a list of lists": (
        "answer",
        _answered("read_attempts", {"Success": True, "Content": [{"CandidateExtId": "DEEP"}]}),
        "Accepted",
    ),
    "an error of many words": (
        "answer",
        _answered("delete_schedule", {"Errors": "owner schedule user results " * 20_000}, 400),
        "Refused",
    ),
    "an error of one word": ("answer", _answered("delete_schedule", {"Errors": "/a" * 100_000}, 400), "Refused"),
    "an error of many parts": (
        "answer",
        _answered("delete_schedule", {"Errors": "a|" * 4_900_000}, 400),
        "Refused",
    ),
    "many fields around many objects": ("results", orjson.dumps(WIDE), "a reason"),
    "many fields around many results": ("results", orjson.dumps(RESULTS), "a reason"),
    "a secret's file with a NUL in its name": (
        "settings",
        joined(b"{}", TENANT.replace(f'token = "{CANARY}"', 'token_file = "a\\u0000b"').encode()),
        "refused",
    ),
    "a file of nested lists": ("settings", joined(b"{}", b"a = " + b"[" * 5_000), "refused"),
    "a file with a long number": ("settings", joined(b"{}", b"a = " + b"9" * 5_000), "refused"),
    "a key of many parts": ("settings", joined(b"{}", b"a." * 200_000 + b"a = 1"), "refused"),
    "a file of many mistakes": (
        "settings",
        joined(b"{}", b"[broker]\nbindings = [" + b"[[1]]," * 1_600_000 + b"]"),
        "refused",
    ),
    "a variable of nested lists": (
        "settings",
        joined(json.dumps({**ENVIRON, f"{PREFIX}BROKER__BINDINGS": "[" * 5_000}).encode(), b""),
        "refused",
    ),
    "a chunk of less than nothing": (
        "transport",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-" + b"f" * 40 + b"\r\n",
        "no-answer",
    ),
    "a path that ends in a dot": ("ids", joined(b'{"publish_schedule": "/schedule/."}', b"S-1"), "sent"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_stays_mended(name: str) -> None:
    """Each ends as it should, in time and in its room."""
    surface, given, end = FOUND[name]
    with SURFACES[surface].opened() as feed, bounded_memory(), watched():
        assert feed(given) == end


def test_a_chunk_without_a_size_is_not_read_to_the_end() -> None:
    """`http.client` takes the size -1 for all that comes: an answer that has no end is given up, and not kept."""
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + bytes(100 * nasties.MEGA)
    with SURFACES["transport"].opened() as feed, watched():
        tracemalloc.start()
        try:
            assert feed(endless) == "oversized"
            assert tracemalloc.get_traced_memory()[1] < 60 * nasties.MEGA
        finally:
            tracemalloc.stop()
