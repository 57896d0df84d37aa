"""``POST /oauth2/access``: the JWT bearer flow and the refresh flow, checked as Meetup's documents say."""

import secrets
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

import jwt

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXPIRES: Final = 3600
_LEEWAY: Final = 30
"""Clocks differ by some seconds."""


@dataclass(frozen=True, slots=True)
class Client:
    """What was registered: the client's key and secret, its owner, and the signing key with its id."""

    key: str = "client-key"
    secret: str = "client-secret"  # noqa: S105  (of a stand-in)
    member: str = "100000007"
    kid: str = "signing-key"
    public_key: str = ""
    refresh_token: str = "first-refresh-token"  # noqa: S105  (of a stand-in)


@dataclass(slots=True)
class Tokens:
    """Access tokens that are good, and refresh tokens, each of which is good once."""

    client: Client
    _good: dict[str, int] = field(default_factory=dict)
    _session_of: dict[str, int] = field(default_factory=dict)
    """By refresh token, used ones too."""
    _newest: dict[int, str] = field(default_factory=dict)
    """The refresh token of each living session that is good."""
    _sessions: int = 0
    issued: int = 0
    lapsed: bool = False
    """The Pro subscription is over: nothing is good any more."""

    def __post_init__(self) -> None:
        self._begin(self.client.refresh_token)

    def new_session(self) -> str:
        """The owner authorises the client once more: the first refresh token of another session."""
        return self._begin(secrets.token_urlsafe(16))

    def _begin(self, token: str) -> str:
        self._sessions += 1
        self._session_of[token] = self._sessions
        self._newest[self._sessions] = token
        return token

    def access(self, body: bytes, now: int) -> tuple[int, dict[str, Any]]:
        """Status and answer of one request, at ``now`` (ms)."""
        form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", errors="replace")).items()}
        refusal = "the subscription is over" if self.lapsed else self._refusal(form, now // 1000)
        if refusal:
            return 400, {"error": "invalid_grant", "error_description": refusal}
        return 200, self._issue(form.get("refresh_token", ""), now)

    def is_good(self, authorization: str, now: int) -> bool:
        """Whether the header holds a token that is good now."""
        token = authorization.removeprefix("Bearer ")
        return not self.lapsed and self._good.get(token, 0) > now

    def expire_all(self) -> None:
        """No access token is good any more, before its time."""
        self._good.clear()

    def _issue(self, used: str, now: int) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self._good[access] = now + _EXPIRES * 1000
        if session := self._session_of.get(used):
            self._session_of[refresh] = session
            self._newest[session] = refresh
        self.issued += 1
        return {"access_token": access, "refresh_token": refresh, "expires_in": _EXPIRES, "token_type": "bearer"}

    def _refusal(self, form: dict[str, str], now: int) -> str | None:
        match form.get("grant_type"):
            case grant if grant == _GRANT:
                return self._assertion_refusal(form.get("assertion", ""), now)
            case "refresh_token":
                return self._refresh_refusal(form)
            case _:
                return "unsupported grant_type"

    def _refresh_refusal(self, form: dict[str, str]) -> str | None:
        if (form.get("client_id"), form.get("client_secret")) != (self.client.key, self.client.secret):
            return "unknown client"
        token = form.get("refresh_token", "")
        session = self._session_of.get(token, 0)
        if self._newest.get(session) == token:
            return None
        if self._newest.pop(session, None):
            self.expire_all()  # using one twice kills the session
        return "the refresh token is not valid"

    def _assertion_refusal(self, assertion: str, now: int) -> str | None:
        try:
            if jwt.get_unverified_header(assertion).get("kid") != self.client.kid:
                return "unknown kid"
            claims = jwt.decode(
                assertion,
                self.client.public_key,
                algorithms=["RS256"],
                audience="api.meetup.com",
                options={"verify_exp": False, "verify_iat": False, "require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.PyJWTError as error:
            return f"the assertion is not valid: {error}"
        if (claims["iss"], str(claims["sub"])) != (self.client.key, self.client.member):
            return "iss or sub is not the client's"
        if claims["exp"] < now - _LEEWAY or claims.get("iat", 0) > now + _LEEWAY:
            return "the assertion is expired, or not valid yet"
        return None
