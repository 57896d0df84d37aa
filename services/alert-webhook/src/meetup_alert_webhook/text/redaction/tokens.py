"""Secrets told by their form alone, wherever they stand. No I/O.

Whole tokens are found by detect-secrets' detectors (Yelp; 1.1 MB, no dependency that is not here anyway). Its
expressions ask for the full length, so what a shortened text ends with is found by how it begins. Detectors whose
expressions are not linear (npm, OpenAI, basic auth) or take words for tokens (Artifactory, high entropy) are not used.
"""

import re
from itertools import pairwise
from typing import Final

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

_DETECTORS: Final[tuple[RegexBasedDetector, ...]] = (
    AWSKeyDetector(),
    AzureStorageKeyDetector(),
    DiscordBotTokenDetector(),
    GitHubTokenDetector(),
    GitLabTokenDetector(),
    MailchimpDetector(),
    PypiTokenDetector(),
    SendGridDetector(),
    SlackDetector(),
    SquareOAuthDetector(),
    StripeDetector(),
    TelegramBotTokenDetector(),
    TwilioKeyDetector(),
)
_SUBSTITUTES: Final = tuple(
    (pattern, f"[{detector.secret_type} removed]") for detector in _DETECTORS for pattern in detector.denylist
)
_MAY_BE_KNOWN: Final = re.compile(r"(?i:xox)|\S{16}")
"""What each match of a detector holds: Slack's tokens begin with it, all others have 20 characters without a blank."""
_BEGUN: Final = re.compile(
    r"""(?x) (?<![A-Za-z0-9])
    (?P<prefix>
        gh[pousr]_ | github_pat_ | gl[a-z]{2,7}-
      | AIza | ya29\. | 1//0 | GOCSPX-
      | xox[a-z]- | xox[a-z]\. | xapp-
      | sk-ant- | sk-proj- | sk-svcacct- | sk-or- | sk- | gsk_ | xai- | pplx- | r8_ | hf_
      | SG\. | npm_ | pypi- | rubygems_ | [srp]k_(?:live|test)_ | whsec_
      | (?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)(?=[A-Z0-9]{6})
      | do[opr]_v1_ | shp(?:at|ca|pa|ss|tka)_ | hv[sbr]\. | dckr_(?:pat|oat)_ | glsa_ | glc_ | PMAK- | lin_api_
      | key-(?=[0-9a-f]{8}) | sq0[a-z]{3}- | AGE-SECRET-KEY-1 | AT[AC]TT3 | dapi(?=[0-9a-f]{8}) | NR(?:AK|II|RA)-
      | figd_ | ntn_ | secret_(?=\w{20}) | tskey- | dp\.[a-z]{2,5}\. | sntrys_ | sntryu_ | sb[ap]_ | nf[pc]_ | ops_eyJ
      | AKCp | EAA(?=[A-Za-z0-9]{30}) | eyJ(?=hbG|0eX|raW|lbm|jdH) | vercel_
      | \d{8,10}:AA(?=[\w-]{8}) | phc_ | lsv2_ | pat-na1- | tfp_ | fio-u-
      | pul-(?=[0-9a-f]{8}) | pat(?=[A-Za-z0-9]{14}\.[0-9a-f]{8}) | [A-Za-z0-9]{14}\.atlasv1\.
    ) (?P<body> [\w.~+/-]{4,}+ ) =*+
    """
)
"""How tokens begin, as their makers publish it; what follows must not be a word."""
_JWT: Final = re.compile(r"(?<![\w.-])eyJ[\w-]{8,2000}+(?:\.[\w-]{0,8000}+){1,4}+")
_LONG: Final = re.compile(r"(?<![\w+/=.-])([A-Za-z0-9_+/-]{24,}+)={0,2}+(?:\.[\w-]{6,}+){0,3}")
"""What might be random; ``_is_random`` decides."""
_DIGEST: Final = re.compile(r"(?i)(?:sha-?\d{1,3}|md5|crc32c?|etag|digest|checksum|hash|integrity|fingerprint)\W{1,4}")
_PUBLIC: Final = re.compile(r"(-----BEGIN (?:CERTIFICATE|(?:RSA |EC )?PUBLIC KEY|CERTIFICATE REQUEST)-----[^-]*+)")
"""What anybody may read although it looks random."""
_SHORTEST: Final = 24
"""Letters and digits; Firestore's names have 20, and an MD5 in base64 22."""
_FEWEST_DIGITS: Final = 2
_RANDOM_SHARE: Final = 0.35
"""Share of neighbours that differ in kind (upper, lower, digit): random base64 has 0.6, camel case 0.2."""


def without_tokens(text: str) -> str:
    """The text without tokens of known formats, nor long random strings."""
    text = without_known_formats(text)
    text = _JWT.sub("[JSON web token removed]", text)
    text = _BEGUN.sub(_begun, text)
    parts = _PUBLIC.split(text)
    return "".join(part if at % 2 else _without_random(part) for at, part in enumerate(parts))


def _begun(match: re.Match[str]) -> str:
    return "[token removed]" if _is_made(match["body"]) else match[0]


def _is_made(body: str) -> bool:
    """Whether the rest of a token is no word: digits among letters, or capitals within."""
    core = re.sub(r"[^A-Za-z0-9]", "", body)
    mixed = not core.islower() and not core.isupper() and not core[1:].islower()
    return len(core) >= 4 and (any(c.isdigit() for c in core) or mixed or core.isupper())


def without_known_formats(text: str) -> str:
    """The text without whole tokens that detect-secrets knows."""
    if _MAY_BE_KNOWN.search(text):
        for pattern, substitute in _SUBSTITUTES:
            text = pattern.sub(substitute, text)
    return text


def _without_random(text: str) -> str:
    return _LONG.sub(lambda m: _long(m, text), text)


def _long(match: re.Match[str], text: str) -> str:
    before = text[max(0, match.start() - 24) : match.start() + 8]
    return "[removed]" if _is_random(match[1]) and not _DIGEST.search(before) else match[0]


def _is_random(text: str) -> bool:
    """Whether upper case, lower case and digits alternate as only a random source makes them."""
    kinds = ["u" if c.isupper() else "l" if c.islower() else "d" for c in text if c.isalnum()]
    if len(kinds) < 24 or len(set(kinds)) < 3:
        return False
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes / len(kinds) >= _RANDOM_SHARE and kinds.count("d") >= 2
