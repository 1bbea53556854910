"""Sealing: what the ledger holds of people is encrypted when a key is configured, each value for its own place.

AES-256-GCM, which a processor with AES does in a microsecond. In front of a sealed value stands the id of its key. The
place of the value (its table, row and column) is authenticated with it, so that it opens nowhere else.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import a2b_base64, b2a_base64
from collections import deque
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapter.errors import ConfigurationError, LedgerSealed

MARK = "sealed:"
"""What a sealed value begins with; then come eight hex digits, the id of its key, and a colon."""

HEAD = len(MARK) + 9
"""Characters, or bytes, before the nonce."""

NONCE = 12
KEY = 32

NONCES = 256
"""As many as are drawn at once."""


def new_key() -> str:
    """Make a key: 32 random bytes in base64."""
    return urlsafe_b64encode(AESGCM.generate_key(8 * KEY)).decode()


def read_key(text: str) -> bytes:
    """Return the bytes of a key; raises `ValueError`."""
    key = urlsafe_b64decode(text)
    if len(key) != KEY:
        raise ValueError(f"a key has {KEY} bytes")
    return key


def key_id(key: bytes) -> str:
    """Return the public name of a key."""
    return sha256(b"cirrus-adapter key id" + key).hexdigest()[:8]


class Seal:
    """Encrypts with the newest of several keys, and decrypts with all of them; without a key it does nothing.

    The first key seals. Any thread may use it. A nonce is random, so one key is good for some 4,000 million values
    (NIST SP 800-38D 8.3); at a million a day that is eleven years.
    """

    def __init__(self, keys: tuple[str, ...] = ()) -> None:
        try:
            read = [read_key(key) for key in keys]
        except ValueError as error:
            raise ConfigurationError(
                "ledger.seal_key", "not 32 bytes in base64", "make a key with `cirrus-adapter ledger new-key`"
            ) from error
        self._ciphers = {key_id(key): AESGCM(key) for key in read}
        self.newest = key_id(read[0]) if read else None
        """Id of the key that seals, None without any."""
        self._cipher = AESGCM(read[0]) if read else None
        self._head = f"{MARK}{self.newest}:"
        self._head_bytes = self._head.encode()

    @property
    def active(self) -> bool:
        """Whether anything is encrypted."""
        return self._cipher is not None

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys."""
        return frozenset(self._ciphers)

    def close(self, plain: bytes, place: str) -> bytes:
        """Return the sealed form, or without a key the plain one."""
        if self._cipher is None:
            return plain
        nonce = _nonce()
        return self._head_bytes + nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, stored: bytes, place: str) -> bytes:
        """Return the plain form of what `close` has sealed; raises `LedgerSealed`."""
        return self._open(stored[:HEAD].decode(errors="replace"), stored[HEAD:], place)

    def close_text(self, plain: str, place: str) -> str:
        """Return the sealed form of a text, or without a key the plain one."""
        if self._cipher is None:
            # No text of others may look sealed.
            return f" {plain}" if plain.startswith(MARK) else plain
        nonce = _nonce()
        sealed = nonce + self._cipher.encrypt(nonce, plain.encode(), place.encode())
        return self._head + b2a_base64(sealed, newline=False).decode()

    def open_text(self, stored: str, place: str) -> str:
        """Return the plain form of a text that may be sealed; raises `LedgerSealed`."""
        if not stored.startswith(MARK):
            return stored
        try:
            sealed = a2b_base64(stored[HEAD:])
        except ValueError as error:
            raise LedgerSealed.damaged(place) from error
        return self._open(stored[:HEAD], sealed, place).decode()

    def _open(self, head: str, sealed: bytes, place: str) -> bytes:
        name = head[len(MARK) : -1]
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise LedgerSealed.without([name])
        try:
            return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise LedgerSealed.damaged(place) from error


_nonces: deque[bytes] = deque()
os.register_at_fork(after_in_child=_nonces.clear)


def _nonce() -> bytes:
    """Return a random nonce that nobody else gets; any thread may ask.

    They are drawn by the hundred: asking the kernel gives up the interpreter's lock, and a busy process gives it back
    only after a while.
    """
    try:
        return _nonces.popleft()
    except IndexError:
        drawn = os.urandom(NONCE * NONCES)
        _nonces.extend(drawn[start : start + NONCE] for start in range(NONCE, len(drawn), NONCE))
        return drawn[:NONCE]


def place(table: str, *row: str) -> str:
    """Name the place of a value: its table, then what tells its row, and which column."""
    return "\x1f".join((table, *row))
