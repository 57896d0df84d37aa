"""Google's credentials for the back ends: waited for while a pod begins, and asked for a token one try at a time.

google-auth tries five times with waits between them, half a minute in all, in which nobody can stop the process; our
callers retry, and can be stopped. In a pod's first seconds GKE's metadata server refuses connections.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import google.auth
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport import DEFAULT_RETRYABLE_STATUS_CODES, Request
from google.auth.transport.requests import Request as RequestsRequest

from meetupkit.errors import StoreUnavailable

WAIT_SECONDS: Final = 30.0
"""GKE's documents say that the metadata server may need a few seconds after a pod has started; this is ten times so."""
TRY_SECONDS: Final = 5.0
"""To connect, and between two reads of the answer: a token comes from the same machine or from Google's front end."""
KEY_FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_IN_CLUSTER: Final = "KUBERNETES_SERVICE_HOST"
"""Set in every pod."""


class NoAnswer(GoogleAuthError):
    """The token or metadata service did not answer one try; google-auth goes on trying after a TransportError only."""

    def __init__(self, error: object) -> None:
        super().__init__(str(error), retryable=True)  # type: ignore[no-untyped-call]  # the library's has no types


class CredentialsFinder:
    """Finds the process's credentials; in a cluster their absence is an outage for the first ``WAIT_SECONDS``."""

    def __init__(self, scopes: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._scopes = scopes
        self._clock = clock
        self._began = clock()

    def find(self) -> Credentials:
        """Raises ``StoreUnavailable`` while it is too early to tell, then google-auth's errors."""
        try:
            found, _ = google.auth.default(scopes=self._scopes, request=_OneTry(RequestsRequest()))
        except DefaultCredentialsError:
            if not self._may_come():
                raise
            raise StoreUnavailable("no Google credentials yet: the metadata server knows of none") from None
        except NoAnswer as error:
            if not self._may_come():
                raise DefaultCredentialsError("no credentials, and no metadata server") from error
            raise StoreUnavailable("no Google credentials yet: the metadata server does not answer") from None
        return TriedOnce(found)

    def _may_come(self) -> bool:
        in_cluster = _IN_CLUSTER in os.environ and KEY_FILE not in os.environ
        return in_cluster and self._clock() - self._began < WAIT_SECONDS


class TriedOnce(Credentials):
    """The same identity; each refresh asks once."""

    def __init__(self, inner: Credentials) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library's has no types
        self._inner = inner

    def refresh(self, request: Request) -> None:
        """Raises ``NoAnswer``, or what google-auth makes of a refusal."""
        self._inner.refresh(_OneTry(request))
        self.token, self.expiry = self._inner.token, self._inner.expiry


class _OneTry(Request):
    """The request with a time-out of ours, whose failure ends google-auth's loops."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **more: Any,
    ) -> Any:
        """Raises ``NoAnswer`` where google-auth would try again."""
        seconds = min(timeout or TRY_SECONDS, TRY_SECONDS)
        try:
            answer = self._request(url, method=method, body=body, headers=headers, timeout=seconds, **more)
        except TransportError as error:
            raise NoAnswer(error) from error
        if answer.status in DEFAULT_RETRYABLE_STATUS_CODES:
            raise NoAnswer(f"status {answer.status}")
        return answer
