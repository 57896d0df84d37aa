"""The refresh token of the OAuth session. Kept in the file, which is on a volume that nobody else reads."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from meetupkit.errors import StoreUnavailable

from meetup_gateway.storage.meta import Meta

_NAME: Final = "refresh_token"
_PRIVATE: Final = 0o600


class RefreshTokens:
    """The last token, with the hash of the configured one that its session began with.

    An operator who configures another token begins another session: what is kept of the one before is not used.
    """

    def __init__(self, meta: Meta) -> None:
        self._meta = meta

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time: a token that two used would end the session."""
        path = self._meta.file.path.with_name(self._meta.file.path.name + ".session")
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def load(self, first: str) -> str:
        """The last token of the session that began with ``first``, or ``first`` if that is a new one."""
        kept = self._meta.get(_NAME)
        if isinstance(kept, str):  # of a version that did not keep what it began with
            return kept or first
        if isinstance(kept, dict) and kept.get("first") == _hash(first):
            return str(kept["token"])
        return first

    def save(self, first: str, token: str) -> None:
        """Durable when this returns."""
        self._meta.put(_NAME, {"first": _hash(first), "token": token})


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
