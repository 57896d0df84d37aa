"""Checks the OIDC token that Pub/Sub brings with every push.

google-auth's verifier of ID tokens checks signature, ``exp``, ``iat``, ``aud`` and ``iss``; ``email`` and
``email_verified`` are checked here (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions). Before it is
asked, a token is read here: what no signer of Google's would write is refused without a certificate and without a
signature checked, so that it costs nothing.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.auth.exceptions import GoogleAuthError
from google.oauth2 import id_token

from meetup_alert_webhook.http.certificates import Certificates
from meetup_alert_webhook.http.credentials import Forbidden, Unauthenticated

ISSUERS: Final = frozenset({"https://accounts.google.com", "accounts.google.com"})
_verify: Final[Callable[..., Any]] = id_token.verify_oauth2_token  # google-auth does not say its types
CLOCK_SKEW_SECONDS: Final = 10
"""What google-auth's own verifier of ID tokens suggests between two machines that both keep time."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TOKEN_CHARACTERS: Final = 8192
"""Google's have about 1,000."""
_ALGORITHM: Final = "RS256"
"""What Google signs with. A token must not choose how it is checked."""
_KEY_ID_CHARACTERS: Final = 256
_REFUSED: Final = "the token is not one that Google signed for this audience, or it has expired"


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself, in good form and for us; nobody has vouched for it yet."""

    key_id: str
    claims: Mapping[str, Any]


class PushTokens:
    """Knows whether a token was made by Google, for us, on behalf of the push subscription's service account."""

    def __init__(
        self, certificates: Certificates, *, audience: str, email: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._certificates = certificates
        self._audience = audience
        self._email = email
        self._clock = clock

    async def check(self, token: str) -> None:
        """Raise ``Unauthenticated``, ``Forbidden`` or ``CannotCheck``, unless the token is good in every respect."""
        try:
            read = read_token(token, audience=self._audience, now=self._clock())
        except (ValueError, RecursionError):
            raise Unauthenticated(_REFUSED) from None
        certificates = await self._certificates.with_key(read.key_id)
        if read.key_id not in certificates:
            raise Unauthenticated(_REFUSED)
        self._verify(token, certificates)
        if read.claims.get("email") != self._email:
            raise Forbidden("the token is of another account")
        if read.claims.get("email_verified") is not True:
            raise Forbidden("the token's email is not verified")

    def _verify(self, token: str, certificates: Mapping[str, str]) -> None:
        try:
            _verify(token, _Published(certificates), self._audience, clock_skew_in_seconds=CLOCK_SKEW_SECONDS)
        except (GoogleAuthError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            # all but the first two: header or claims are JSON, but not of the kind google-auth reads
            raise Unauthenticated(_REFUSED) from None


@dataclass(frozen=True, slots=True)
class _Published:
    """Answers google-auth's request for the certificates with those there are."""

    certificates: Mapping[str, str]
    status: int = 200

    def __call__(self, *_: object, **__: object) -> "_Published":
        return self

    @property
    def data(self) -> bytes:
        return json.dumps(self.certificates).encode()


def read_token(token: str, *, audience: str, now: float) -> Unverified:
    """What the token says; raises ``ValueError`` or ``RecursionError`` unless it is one that Google could have made."""
    if len(token) > _TOKEN_CHARACTERS or not _TOKEN.fullmatch(token):
        raise ValueError("not three parts in base64url")
    header, claims = (_object(part) for part in token.split(".")[:2])
    key_id = _text(header, "kid")
    if header.get("alg") != _ALGORITHM or "crit" in header:
        raise ValueError("not signed as Google signs")
    if not 0 < len(key_id) <= _KEY_ID_CHARACTERS:
        raise ValueError("names no key")
    if _text(claims, "iss") not in ISSUERS or _text(claims, "aud") != audience:
        raise ValueError("not by Google, or not for us")
    issued, expires = _time(claims, "iat"), _time(claims, "exp")
    if issued > now + CLOCK_SKEW_SECONDS or expires < now - CLOCK_SKEW_SECONDS or expires < issued:
        raise ValueError("not valid now")
    return Unverified(key_id, claims)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")  # noqa: TRY004  (the caller looks for ValueError)
    return value


def _time(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if type(value) is not int:  # a boolean is an int otherwise, and NaN is later than nothing
        raise ValueError(f"{name} is not a time")
    return value


def _object(part: str) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)), object_pairs_hook=_once)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004  (the caller looks for ValueError)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take each their own of two values."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found
