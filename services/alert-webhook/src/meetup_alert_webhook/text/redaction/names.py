"""Which names say that a secret follows, and which values are none. No I/O."""

import re
import unicodedata
from itertools import pairwise
from typing import Final

_WORD: Final = re.compile(r"[A-Z]++(?![a-z])|[A-Z]?[a-z]++|\d++|[^\W\d_a-zA-Z]++")
_PASSWORDS: Final = frozenset(
    {
        *("password", "passwords", "passwd", "passphrase", "passcode", "pwd", "pw", "pin", "otp", "totp", "psk"),
        *("passwort", "kennwort", "contrasena", "senha", "wachtwoord", "пароль", "密码", "密碼", "パスワード"),
    }
)
"""Their values may be digits alone."""
_SECRETS: Final = frozenset(
    {
        *("secret", "secrets", "token", "tokens", "credential", "credentials", "cookie", "cookies", "jwt", "apikey"),
        *("sig", "signature", "authorization", "bearer", "sessionid", "sas", "pat"),
    }
)
_ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "secretkey",
    "accesskey",
    "privatekey",
    "passwort",
    "motdepasse",
)
"""Of names written as one word: ``dbpassword``, ``authtoken``."""
_OF_KEYS: Final = frozenset(
    {
        *("api", "access", "secret", "private", "auth", "encryption", "encrypt", "decryption", "signing", "master"),
        *("account", "shared", "storage", "service", "client", "session", "license", "app", "application", "root"),
        *("subscription", "deploy", "webhook", "admin", "consumer", "hmac", "aes", "rsa", "ssh", "ssl", "tls", "pgp"),
        *("gpg", "recovery", "integration", "developer", "security"),
    }
)
"""``key`` after one of these is a secret; a primary, foreign, cache or sort key is none."""
_OF_CODES: Final = frozenset({"mfa", "fa", "otp", "verification", "recovery", "backup"})
"""``code`` after one of these lets somebody in; a status or an error code does not."""
_TAILS: Final = frozenset(
    {
        *("file", "files", "path", "name", "names", "type", "types", "count", "counts", "len", "length", "url", "uri"),
        *("endpoint", "expiry", "expires", "expiration", "expired", "ttl", "at", "in", "id", "ids", "ref", "limit"),
        *("limits", "bucket", "policy", "age", "size", "algorithm", "alg", "algo", "version", "versions", "used"),
        *("usage", "total", "max", "min", "error", "errors", "status", "state", "valid", "validity", "required"),
        *("missing", "rotation", "prefix", "field", "header", "headers", "env", "format", "method", "methods", "mode"),
        *("enabled", "disabled", "reset", "manager", "provider", "store", "source", "issuer", "audience", "scope"),
        *("scopes", "hint", "rules", "strength", "seconds", "minutes", "hours", "days", "ms", "per", "rate", "budget"),
        *("window", "cost", "kind", "class", "mount", "volume", "dir", "folder", "number", "index", "position"),
        *("info", "cache", "domain", "jar", "consent", "check", "checks", "failed", "failures", "attempts", "retries"),
    }
)
"""Last words of names that tell something about a secret and not the secret."""
_ABOUT: Final = frozenset({"existing", "public", "no", "without", "missing", "invalid", "unexpected", "need", "needs"})
_NO_VALUES: Final = frozenset(
    {
        *("a", "absent", "accepted", "added", "allowed", "already", "an", "and", "any", "are", "as", "at"),
        *("available", "bad", "basic", "be", "bearer", "been", "before", "being", "but", "by", "cannot"),
        *("changed", "check", "could", "created", "default", "denied", "deprecated", "did", "different"),
        *("disabled", "disallowed", "do", "does", "dropped", "empty", "enabled", "error", "exceeded"),
        *("excluded", "expired", "expires", "failed", "failure", "false", "file", "filtered", "for"),
        *("forbidden", "found", "from", "given", "good", "granted", "had", "has", "have", "hidden", "id"),
        *("if", "illegal", "in", "incorrect", "invalid", "is", "it", "kept", "key", "last", "lost"),
        *("malformed", "mandatory", "masked", "may", "mismatch", "mismatched", "missing", "must"),
        *("must-revalidate", "na", "need", "needed", "needs", "negotiate", "new", "next", "nil", "no"),
        *("none", "not", "null", "of", "off", "ok", "okay", "old", "on", "only", "optional", "or", "out"),
        *("permission", "please", "present", "profile", "provided", "reached", "read", "received"),
        *("redacted", "refresh", "refreshed", "refused", "rejected", "removed", "renewed", "required"),
        *("reset", "retry", "revoked", "rotated", "secret", "security", "set", "should", "some", "stale"),
        *("still", "such", "than", "that", "the", "then", "this", "to", "token", "tokens", "too", "true"),
        *("type", "unable", "unauthorized", "unavailable", "undefined", "unknown", "unset", "unsupported"),
        *("unused", "updated", "used", "valid", "validated", "validation", "value", "verified", "was"),
        *("were", "when", "will", "with", "without", "would", "wrong", "yes", "you", "your"),
    }
)
"""Words that follow ``token:`` or ``password:`` in messages about them."""
_LONGEST_COUNT: Final = 6
"""Digits; ``tokens: 128000`` is a size."""
_PLACEHOLDER: Final = re.compile(
    r"(?i)[*x•.…?_#-]{2,}\Z|\$|\{\{|%[(s]|<[^<>]{0,60}>?\Z|[\[(<*]{1,3}(?:\w{1,20} ){0,3}"
    r"(?:redacted|removed|filtered|masked|hidden|secret|scrubbed)\b|(?:/[a-z][a-z0-9_.-]*+){2,}\Z|https?://[^\s@]*+\Z"
)
"""``***``, ``${VAR}``, ``<token>``, ``[REDACTED]``, a path, an address."""


_LETTER: Final = re.compile(r"[^\W\d_]")
_DIGIT: Final = re.compile(r"\d")


def words_of(name: str) -> list[str]:
    """``dbPassword``, ``DB_PASSWORD`` and ``db.password`` are all ``db`` and ``password``."""
    if not name.isascii():
        name = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return [word.lower() for word in _WORD.findall(name)]


def is_secret_name(name: str) -> bool:
    """Whether the name says that its value is a secret."""
    words = words_of(name[:200])
    if not words or words[-1] in _TAILS or not _ABOUT.isdisjoint(words):
        return False
    if not _PASSWORDS.isdisjoint(words) or not _SECRETS.isdisjoint(words) or _is_compound(words):
        return True
    return _is_code(words) or any(pair[1] in ("key", "keys") and pair[0] in _OF_KEYS for pair in pairwise(words))


def _is_code(words: list[str]) -> bool:
    return any(pair[1] in ("code", "codes") and pair[0] in _OF_CODES for pair in pairwise(words))


def _is_compound(words: list[str]) -> bool:
    return "".join(words).rstrip("0123456789").endswith(_ENDINGS) or "password" in "".join(words)


def is_no_value(name: str, value: str) -> bool:
    """Whether what stands after a secret's name is no secret: a word about it, a placeholder, a count."""
    bare = value.strip().strip("\"'`.,:;!?()[]{}").lower()
    if not bare or bare in _NO_VALUES or _PLACEHOLDER.match(value.strip()):
        return True
    words = words_of(name)
    last = words[-1] if words else ""
    if last in ("pin", "otp", "totp"):
        return not any(c.isdigit() for c in bare)
    is_count = bare.replace(".", "").isdigit() and len(bare) <= _LONGEST_COUNT
    return is_count and (not is_password(name) or last in ("passwords", "codes"))


def is_password(name: str) -> bool:
    """Whether a person chose the value: it may be a word, or digits alone."""
    words = words_of(name)
    return not _PASSWORDS.isdisjoint(words) or "password" in "".join(words) or _is_code(words)


def looks_made(text: str, least: int) -> bool:
    """Whether no person would have written it: letters and digits mixed, at least so many characters."""
    return len(text) >= least and _LETTER.search(text) is not None and _DIGIT.search(text) is not None
