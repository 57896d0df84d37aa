"""Checks the OIDC token that Pub/Sub brings with every push.

google-auth checks signature, ``exp``, ``iat`` and ``aud``; issuer, ``email`` and ``email_verified`` are checked here
(https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions). Certificates are kept for as long as their
publisher allows, because google-auth would fetch them for every token.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError

from meetup_alert_webhook.credentials import CannotCheck, Forbidden, Unauthenticated

ISSUERS: Final = frozenset({"https://accounts.google.com", "accounts.google.com"})
_decode: Final[Callable[..., Any]] = jwt.decode  # google-auth does not say its types
_decode_header: Final[Callable[..., Any]] = jwt.decode_header
CLOCK_SKEW_SECONDS: Final = 10
"""What google-auth's own verifier of ID tokens suggests between two machines that both keep time."""
_TIMEOUT_SECONDS: Final = 5.0
_REFETCH_SECONDS: Final = 60.0
"""A token with an unknown key makes us look again at most this often, or forged ones could make us ask for ever."""
_DEFAULT_AGE: Final = 3600.0
_CERTIFICATES_BYTES: Final = 256 * 1024
_TOKEN_CHARACTERS: Final = 8192


class Certificates:
    """The signer's certificates by key id, fetched when needed and kept by ``Cache-Control: max-age``."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._by_key: Mapping[str, str] = {}
        self._fresh_until = float("-inf")
        self._asked_at = float("-inf")

    def with_key(self, key_id: str) -> Mapping[str, str]:
        """The certificates, fetched again if stale or if the key is new; raises ``CannotCheck`` if there are none."""
        with self._lock:
            now = self._clock()
            stale = now >= self._fresh_until
            unknown = key_id not in self._by_key and now >= self._asked_at + _REFETCH_SECONDS
            if stale or unknown:
                self._fetch(now)
            return self._by_key

    def _fetch(self, now: float) -> None:
        try:
            self._by_key, age = self._download()
        except (requests.RequestException, ValueError) as error:
            if now >= self._fresh_until:  # a key that was withdrawn must not be trusted for ever
                raise CannotCheck(f"the signer's certificates cannot be had: {type(error).__name__}") from None
            return
        finally:
            self._asked_at = now
        self._fresh_until = now + age

    def _download(self) -> tuple[Mapping[str, str], float]:
        with requests.get(self._url, timeout=_TIMEOUT_SECONDS, stream=True, allow_redirects=False) as answer:
            if answer.status_code != requests.codes.ok:
                raise requests.HTTPError(f"status {answer.status_code}")
            octets = answer.raw.read(_CERTIFICATES_BYTES, decode_content=True)
        found = json.loads(octets)
        if not isinstance(found, dict) or not all(isinstance(pem, str) for pem in found.values()):
            raise ValueError("not certificates by key id")
        age = re.search(r"max-age=(\d{1,7})", answer.headers.get("Cache-Control", ""))
        return found, float(age[1]) if age else _DEFAULT_AGE


class PushTokens:
    """Knows whether a token was made by Google, for us, on behalf of the push subscription's service account."""

    def __init__(self, certificates: Certificates, *, audience: str, email: str) -> None:
        self._certificates = certificates
        self._audience = audience
        self._email = email

    def check(self, token: str) -> None:
        """Raise ``Unauthenticated``, ``Forbidden`` or ``CannotCheck``, unless the token is good in every respect."""
        claims = self._verified(token)
        if claims.get("iss") not in ISSUERS:
            raise Unauthenticated("the token was not issued by Google")
        if claims.get("email") != self._email:
            raise Forbidden("the token is of another account")
        if claims.get("email_verified") is not True:
            raise Forbidden("the token's email is not verified")

    def _verified(self, token: str) -> Mapping[str, Any]:
        if len(token) > _TOKEN_CHARACTERS:
            raise Unauthenticated("the token is too long")
        try:
            key_id = _decode_header(token).get("kid")
            if not isinstance(key_id, str):
                raise Unauthenticated("the token names no key")
            certificates = self._certificates.with_key(key_id)
            claims: Mapping[str, Any] = _decode(
                token, certs=certificates, audience=self._audience, clock_skew_in_seconds=CLOCK_SKEW_SECONDS
            )
        except (GoogleAuthError, ValueError, TypeError, AttributeError, KeyError):
            # the last three: header or claims are JSON, but not of the kind google-auth reads
            raise Unauthenticated(
                "the token is not one that Google signed for this audience, or it has expired"
            ) from None
        return claims
