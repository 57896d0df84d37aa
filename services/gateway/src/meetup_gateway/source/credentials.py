"""Access tokens: the JWT bearer flow with a key from a file, or the refresh flow, whose tokens are good once.

One lock: two renewals at a time would use one refresh token twice, and that ends the session.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt
from meetupkit.errors import TransientError, UpstreamRefused, UpstreamUnavailable
from meetupkit.foreign_text import printable
from meetupkit.http.client import Answer, ExchangeFailed

from meetup_gateway.failpoints import Failpoint, hit
from meetup_gateway.source.private_key import read_private_key
from meetup_gateway.source.replies import without_secrets
from meetup_gateway.source.token_answers import expires_in, is_token, json_object, skew_hint

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCE: Final = "api.meetup.com"
_ASSERTION_SECONDS: Final = 120
"""It is used at once; public clients take 240 to 600 s."""
_BACK_SECONDS: Final = 5
"""``iat`` lies in the past even for a server whose clock is a little behind."""
_USED_SHARE: Final = 0.8
"""A token is renewed after so much of its time, while the old one still works."""
_SECRETS: Final = ("assertion", "client_secret", "refresh_token")
"""Of a form: an answer that repeats one is not shown with it."""
_MAX_BYTES: Final = 64 * 1024
_SECONDS: Final = 20.0


class Exchange(Protocol):
    """One HTTP exchange; ``meetupkit.http.client.HttpClient.send``."""

    def __call__(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, or ``ExchangeFailed``."""


class RefreshTokens(Protocol):
    """Where the session's refresh token is kept, beside which configured token the session began with."""

    def alone(self) -> AbstractContextManager[None]:
        """No other process loads and saves meanwhile."""

    def load(self, first: str) -> str:
        """The last token of the session that began with ``first``; ``first`` itself if no such session is kept."""

    def save(self, first: str, token: str) -> None:
        """Durable when this returns."""


class CredentialsRefused(UpstreamRefused):
    """The token endpoint says no."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What the JWT flow needs; ``private_key`` is PEM."""

    client_key: str
    member_id: str
    key_id: str
    private_key: str


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """What the refresh flow needs; ``first_token`` is the operator's, and begins a session if it is a new one."""

    client_key: str
    client_secret: str
    first_token: str


_ADVICE: Final[Mapping[type, str]] = {
    SigningKey: "check the Pro subscription, the client key, the member id, the signing key and its id",
    RefreshSession: "check the Pro subscription, the client key and its secret; if Meetup ended the session, "
    "set GATEWAY_REFRESH_TOKEN to a new one",
}


class Credentials:
    """The access token of one client. ``now`` is seconds since the epoch."""

    def __init__(
        self,
        grant: SigningKey | RefreshSession,
        *,
        url: str,
        exchange: Exchange,
        tokens: RefreshTokens,
        now: Callable[[], float],
    ) -> None:
        self._grant = grant
        self._url = url
        self._exchange = exchange
        self._tokens = tokens
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def token(self) -> str:
        """A token that is good as far as is known; raises ``CredentialsRefused`` or ``UpstreamUnavailable``."""
        with self._lock:
            if not self._token or self._now() >= self._renew_at:
                self._renew()
            return self._token

    def refused(self, token: str) -> None:
        """The API did not accept it: the next call gets another."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _renew(self) -> None:
        grant = self._grant
        answer = self._exchanged(self._assertion_form(grant)) if isinstance(grant, SigningKey) else self._next(grant)
        self._token = str(answer["access_token"])
        self._renew_at = self._now() + _USED_SHARE * expires_in(answer)

    def _next(self, grant: RefreshSession) -> dict[str, Any]:
        """The session's next tokens: the new refresh token is durable before anything uses it."""
        with self._tokens.alone():
            answer = self._exchanged(_refresh_form(grant, self._tokens.load(grant.first_token)))
            hit(Failpoint.SESSION_RECEIVED)
            if isinstance(token := answer.get("refresh_token"), str) and token:
                self._tokens.save(grant.first_token, token)
        hit(Failpoint.SESSION_KEPT)
        return answer

    def _exchanged(self, form: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = self._exchange("POST", self._url, seconds=_SECONDS, max_bytes=_MAX_BYTES, data=form)
        except ExchangeFailed as error:
            raise UpstreamUnavailable(f"the token endpoint: {error}") from None
        return self._read(answer, [form[name] for name in _SECRETS if name in form])

    def _assertion_form(self, grant: SigningKey) -> dict[str, str]:
        now = int(self._now())
        claims = {
            "iss": grant.client_key,
            "sub": grant.member_id,
            "aud": _AUDIENCE,
            "iat": now - _BACK_SECONDS,
            "exp": now + _ASSERTION_SECONDS,
        }
        assertion = jwt.encode(
            claims, read_private_key(grant.private_key), algorithm="RS256", headers={"kid": grant.key_id}
        )
        return {"grant_type": _GRANT, "assertion": assertion}

    def _read(self, answer: Answer, sent: Sequence[str]) -> dict[str, Any]:
        value = json_object(answer.body)
        if answer.status == 200 and is_token(value.get("access_token")):
            return value
        raise self._failure(answer, json_object(without_secrets(answer.body, sent)))

    def _failure(self, answer: Answer, value: Mapping[str, Any]) -> TransientError | CredentialsRefused:
        if answer.status >= 500 or answer.status in (408, 425, 429) or answer.status == 200:
            return UpstreamUnavailable(f"the token endpoint answered {answer.status} without a token")
        said = printable(str(value.get("error_description") or value.get("error") or answer.reason), 120)
        hint = skew_hint(answer.headers.get("Date"), self._now())
        return CredentialsRefused(
            f"Meetup gives no token ({answer.status}: {said}){hint}: {_ADVICE[type(self._grant)]}"
        )


def _refresh_form(grant: RefreshSession, token: str) -> dict[str, str]:
    return {
        "grant_type": "refresh_token",
        "client_id": grant.client_key,
        "client_secret": grant.client_secret,
        "refresh_token": token,
    }
