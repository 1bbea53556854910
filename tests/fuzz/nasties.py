"""Nasty values by name, as raw JSON text and as raw bytes, and families of them that grow."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

KILO = 1_000
MEGA = 1_000_000

TEXTS: Mapping[str, bytes] = MappingProxyType(
    {
        "empty": b"",
        "nul": b"\x00",
        "control": b"\x01\x07\x1b\x7f",
        "line ends": b"\r\n\r\n",
        "unicode line ends": "\u2028\u2029\x85".encode(),
        "slash": b"a/b",
        "up": b"..",
        "up and over": b"../user/c1",
        "encoded slash": b"a%2fb",
        "encoded dots": b"%2e%2e%2f",
        "encoded nul": b"a%00b",
        "query": b"a?b=c&d=e",
        "fragment": b"a#b",
        "parameters": b"a;b=c",
        "backslash": b"a\\b",
        "host": b"//elsewhere.example/x",
        "credentials": b"https://u:p@elsewhere.example",
        "colon": b"a:b",
        "at": b"a@b",
        "signs": b"a&b=c+d e",
        "request": b"x HTTP/1.1\r\nHost: elsewhere.example\r\n\r\nGET /y",
        "header": b"x\r\nX-Injected: 1",
        "right to left": "\u202e\u05d0\u05d1 \u2066abc\u2069".encode(),
        "combining": ("a" + "\u0301" * 60).encode(),
        "full width": "\uff0e\uff0e\uff0f\uff21".encode(),
        "arabic digits": "\u0661\u0662\u0663".encode(),
        "kelvin": "\u212a\u0130\u00df".encode(),
        "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467".encode(),
        "beyond": "\U0010ffff\ufffe\ufeff".encode(),
        "percents": b"%s%n%d{0}{x!r}${jndi:x}",
        "quotes": b"'\"`--;drop table x",
        "year 1": b"0001-01-01T00:00:00+14:00",
        "year 9999": b"9999-12-31T23:59:59.999999-23:59",
        "week date": b"2026-W01-1T00:00:00Z",
        "leap second": b"2026-06-30T23:59:60Z",
        "hour twice": b"2026-10-25T02:30:00",
        "far offset": b"2026-01-01T00:00:00+23:59:59.999999",
        "exponent": b"1e400",
        "infinity": b"Infinity",
        "not a number": b"nan",
        "underscores": b"1_000",
        "id that fits": b"A-1",
        "id of 61": b"a" * 61,
        "brackets": b"[c1][c2][]]][[",
        "bars": b"a|b||c|",
    }
)
"""Contents of a text that is valid UTF-8."""

BYTES: Mapping[str, bytes] = MappingProxyType(
    {
        "overlong slash": b"\xc0\xaf",
        "overlong nul": b"\xc0\x80",
        "overlong dot": b"\xe0\x80\xae",
        "surrogate": b"\xed\xa0\x80",
        "surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
        "beyond unicode": b"\xf4\x90\x80\x80",
        "half a character": b"\xe2\x82",
        "latin": b"Andr\xe9",
        "mark": b"\xef\xbb\xbf",
        "utf-16": '{"a": 1}'.encode("utf-16"),
        "all bytes": bytes(range(256)),
        "gzip": gzip.compress(b"{}", mtime=0),
        "divider": b"\x1e",
    }
)
"""What is no text."""


def _quoted(text: bytes) -> bytes:
    escaped = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + b"".join(b"\\u%04x" % byte if byte < 0x20 else bytes([byte]) for byte in escaped) + b'"'


VALUES: Mapping[str, bytes] = MappingProxyType(
    {
        **{name: _quoted(text) for name, text in TEXTS.items()},
        **{f"{name}, raw": b'"' + text + b'"' for name, text in BYTES.items()},
        "null": b"null",
        "true": b"true",
        "zero": b"0",
        "minus zero": b"-0",
        "minus zero point": b"-0.0",
        "minus one": b"-1",
        "leading zero": b"007",
        "2^31": b"2147483648",
        "2^53 + 1": b"9007199254740993",
        "2^63": b"9223372036854775808",
        "2^64": b"18446744073709551616",
        "huge power": b"1e400",
        "minus huge power": b"-1e400",
        "tiny power": b"1e-400",
        "long power": b"1e" + b"9" * 400,
        "largest float": b"1.7976931348623157e308",
        "5,000 digits": b"9" * 5 * KILO,
        "5,000 decimals": b"0." + b"3" * 5 * KILO,
        "NaN": b"NaN",
        "Infinity": b"-Infinity",
        "high half, escaped": b'"\\ud800"',
        "low half, escaped": b'"\\udc00x"',
        "halves the wrong way": b'"\\ude00\\ud83d"',
        "nul, escaped": b'"a\\u0000b"',
        "escaped canary": b'"\\u005aebedee"',
        "bad escape": b'"\\x41"',
        "open text": b'"abc',
        "empty list": b"[]",
        "empty object": b"{}",
        "same key twice": b'{"a":1,"a":2,"A":3}',
        "empty key": b'{"":{"":""}}',
        "proto": b'{"__proto__":{"a":1},"__class__":"x","$ref":"#"}',
        "bytes": b'"b:\\u00ff\\u0000"',
        "not json": b"<html><body>502</body></html>",
        "single quotes": b"{'a': 1}",
        "comment": b"/* */ 1",
        "trailing comma": b"[1,]",
        "many numbers": b"[" + b",".join([b"1"] * KILO) + b"]",
        "many keys": b"{" + b",".join(b'"k%d":1' % number for number in range(300)) + b"}",
        "few levels": b"[" * 30 + b"1" + b"]" * 30,
        "300 levels": b"[" * 300 + b"]" * 300,
        "300 objects": b'{"a":' * 300 + b"1" + b"}" * 300,
        "1,000 levels": b"[" * 1000 + b"]" * 1000,
        "1,020 objects": b'{"a":' * 1020 + b"1" + b"}" * 1020,
        "10,000 characters": b'"' + b"a" * 10 * KILO + b'"',
        "3,000 bars": b'"' + b"x|" * 3 * KILO + b'"',
        "10,000 brackets": b'"' + b"[" * 10 * KILO + b'"',
        "10,000 slashes": b'"' + b"/" * 10 * KILO + b'"',
        "10,000 words": b'"' + b"owner " * 2 * KILO + b'"',
    }
)
"""Values as JSON text; some of them are none."""

Grown = Callable[[int], bytes]

GROWING: Mapping[str, Grown] = MappingProxyType(
    {
        "lists": lambda n: b"[" * n + b"]" * n,
        "objects": lambda n: b'{"a":' * n + b"1" + b"}" * n,
        "mixed levels": lambda n: b'[{"a":' * n + b"1" + b"}]" * n,
        "open lists": lambda n: b"[" * n,
        "text": lambda n: b'"' + b"a" * n + b'"',
        "spaces": lambda n: b'"' + b" " * n + b'"',
        "words": lambda n: b'"' + b"owner " * n + b'"',
        "phrases": lambda n: b'"' + b"schedule user results assessment external id " * n + b'"',
        "slashes": lambda n: b'"' + b"/" * n + b'"',
        "mails": lambda n: b'"' + b"a@b " * n + b'"',
        "ats": lambda n: b'"' + b"@" * n + b'"',
        "brackets": lambda n: b'"' + b"[" * n + b'"',
        "ids in brackets": lambda n: b'"' + b"[c1]" * n + b'"',
        "bars": lambda n: b'"' + b"not found|" * n + b'"',
        "combining": lambda n: b'"a' + "\u0301".encode() * n + b'"',
        "digits": lambda n: b"9" * n,
        "digits in text": lambda n: b'"' + b"9" * n + b'"',
        "decimals": lambda n: b"0." + b"3" * n,
        "numbers": lambda n: b"[" + b"1," * n + b"1]",
        "texts": lambda n: b"[" + b'"a",' * n + b'"a"]',
        "lists of lists": lambda n: b"[" + b"[[1]]," * n + b"1]",
        "empty objects": lambda n: b"[" + b"{}," * n + b"{}]",
        "keys": lambda n: b"{" + b"".join(b'"k%d":1,' % number for number in range(n)) + b'"k":1}',
        "keys and objects": lambda n: (
            b"{"
            + b"".join(b'"k%d":1,' % number for number in range(n))
            + b"".join(b'"o%d":{},' % number for number in range(n))
            + b'"k":1}'
        ),
        "same key": lambda n: b"{" + b'"a":1,' * n + b'"a":2}',
        "errors": lambda n: b"[" + b'{"Error":"owner x not found","Code":"301"},' * n + b"{}]",
        "results": lambda n: b"[" + b'{"CandidateExtId":"c1","ScheduleExtId":"S-1","Score":1},' * n + b"{}]",
    }
)
"""Values by what grows, as JSON text: twice the number is about twice the size."""

_BOMB = gzip.compress(bytes(50 * MEGA), mtime=0)
_DEFLATED_BOMB = zlib.compress(bytes(50 * MEGA))

HEAVY: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        "lists to 100,000": lambda: GROWING["lists"](100 * KILO),
        "objects to 100,000": lambda: GROWING["objects"](100 * KILO),
        "a text of 1 MB": lambda: GROWING["text"](MEGA),
        "words, 1 MB": lambda: GROWING["words"](150 * KILO),
        "bars, 1 MB": lambda: GROWING["bars"](100 * KILO),
        "errors, 1 MB": lambda: GROWING["errors"](25 * KILO),
        "keys and objects, 1 MB": lambda: GROWING["keys and objects"](40 * KILO),
        "digits, 1 MB": lambda: GROWING["digits"](MEGA),
        "10 MB": lambda: GROWING["text"](10 * MEGA),
        "10 MB of lists": lambda: GROWING["lists of lists"](10 * MEGA // 6),
        "10 MB of results": lambda: GROWING["results"](10 * MEGA // 57),
        "gzip bomb": lambda: _BOMB,
        "deflate bomb": lambda: _DEFLATED_BOMB,
        "gzip in gzip": lambda: gzip.compress(_BOMB, mtime=0),
    }
)
"""What is worth its time only now and then."""
