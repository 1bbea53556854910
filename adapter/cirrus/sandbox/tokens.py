"""The API tokens of a sandbox: valid, expired, rotated (§00)."""

from hashlib import sha256

from adapter.cirrus.sandbox.options import SandboxOptions

_SCHEME = "EAPI"


class Tokens:
    """Which token stands for which tenant at the moment."""

    def __init__(self, options: SandboxOptions) -> None:
        self._seed = options.seed
        self._valid = dict(options.tokens)
        self._expired: dict[str, str] = {}
        self._rotated = 0

    def tenant_of(self, authorization: str | None) -> str | None:
        """Return the tenant an `Authorization: EAPI <token>` header opens, or None."""
        scheme, _, token = (authorization or "").partition(" ")
        return self._valid.get(token) if scheme == _SCHEME else None

    def rotate(self, tenant: str) -> str:
        """Expire every token of a tenant and return its new one."""
        for token in [token for token, owner in self._valid.items() if owner == tenant]:
            self.expire(token)
        self._rotated += 1
        fresh = sha256(f"{self._seed}:token:{tenant}:{self._rotated}".encode()).hexdigest()
        self._valid[fresh] = tenant
        return fresh

    def expire(self, token: str) -> None:
        """Make a token invalid until it is restored; KeyError if there is no such valid token."""
        self._expired[token] = self._valid.pop(token)

    def restore(self, token: str) -> None:
        """Make an expired token valid again; KeyError if it was not expired."""
        self._valid[token] = self._expired.pop(token)
