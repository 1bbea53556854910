"""Sealing: launch links are bearer secrets, so the ledger holds them encrypted when a key is configured."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from adapter.errors import ConfigurationError


class Seal:
    """Encrypts and decrypts with the newest of several Fernet keys; without a key it does nothing.

    The first key seals, all of them open: put a new key in front, and drop the old one when the outbox
    holds nothing that it sealed.
    """

    def __init__(self, keys: tuple[str, ...] = ()) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None
        except ValueError as error:
            raise ConfigurationError(
                "ledger.seal_key", "not a Fernet key", "generate one with `cirrus-adapter ledger new-key`"
            ) from error

    @property
    def active(self) -> bool:
        """Whether anything is encrypted."""
        return self._fernet is not None

    def close(self, plain: bytes) -> bytes:
        """Return the sealed form."""
        return self._fernet.encrypt(plain) if self._fernet else plain

    def open(self, sealed: bytes) -> bytes:
        """Return the plain form of what `close` returned under any of the keys."""
        if self._fernet is None:
            raise ConfigurationError(
                "ledger.seal_key", "missing, though the outbox holds sealed events", "configure the key again"
            )
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise ConfigurationError(
                "ledger.seal_key", "does not open what the outbox holds", "configure the former key behind the new one"
            ) from error
