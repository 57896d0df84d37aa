"""Puts messages into Slack, by an incoming webhook or by the Web API. One call is one try.

What Slack's answers mean, from https://api.slack.com/messaging/webhooks#errors and
https://api.slack.com/web-api/rate-limits: a 429 is waited for, a 5xx or no answer is an outage, a message that Slack
finds malformed is a bug, everything else requires operator action. The webhook's URL and the token are
secrets, and in no error: ``meetupkit.http.client`` says what went wrong without them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

from meetupkit.errors import PermanentError, SlackRefused, SlackThrottled, SlackUnavailable
from meetupkit.http.client import ExchangeFailed, HttpClient, Redirected, TooSlow
from meetupkit.http.retry_after import retry_after_seconds

from meetup_alert_webhook.slack.blocks import Message

_ANSWER_BYTES: Final = 64 * 1024
"""A webhook answers "ok", the Web API repeats the message, which is bounded by Slack itself."""
_CONNECTIONS: Final = 16
"""Kept for the next message: alerts come in bursts, of which the pace lets a few through at once."""
_ACCEPTED: Final = re.compile(r'\s{0,64}\{\s{0,64}"ok"\s{0,64}:\s{0,64}true\b')
"""How an answer of the Web API begins when the message is taken."""
_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}
_DEFAULT_RETRY_AFTER: Final = 30.0
"""Slack always says how long to wait; this is for a proxy in between that does not."""
_MALFORMED: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "invalid_payload",
        "msg_too_long",
        "msg_blocks_too_long",
        "no_text",
        "too_many_attachments",
        "attachment_payload_limit_exceeded",
    }
)
_PASSING: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "rollup_error"}
)
"""Errors of the Web API that are Slack's own trouble and pass."""
_DENIED: Final = re.compile(r'[\s\ufeff]{0,64}\{\s{0,64}"(?:ok|success)"\s{0,64}:\s{0,64}false\b')
_PAGE: Final = re.compile(
    r"[\s\ufeff]*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype|html|head|body|meta|script|title)\b", re.I | re.S
)
"""How HTML begins. Slack and the servers that take its messages answer a word or JSON."""
_RATE_LIMITED: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_OF_THE_CHANNEL: Final = frozenset(
    {
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "channel_is_archived",
        "restricted_action",
        "posting_to_general_channel_denied",
        "action_prohibited",
    }
)


class MessageMalformed(PermanentError):
    """Slack finds the message badly formed; a plainer one may pass."""


class SlackSilent(SlackUnavailable):
    """No answer in time. Slack may have the message; to try again at once would often be to say it twice."""


class ChannelRefused(SlackRefused):
    """Slack refuses this channel only; the others work."""


class MessageGone(PermanentError):
    """The message to edit or to answer is not there any more."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message is: channel id and timestamp, both empty when Slack does not tell (incoming webhook)."""

    channel: str = ""
    ts: str = ""


NOWHERE: Final = Posted()
"""A message that cannot be edited or answered."""


class Slack(Protocol):
    """Every method raises ``SlackUnavailable`` (``SlackThrottled`` among it) or ``SlackRefused``."""

    @property
    def threads(self) -> bool:
        """Whether messages can be edited and answered."""

    def post(self, channel: str, message: Message, *, thread: str = "") -> Posted:
        """Post the message, under the one with timestamp ``thread`` if given; raises ``MessageMalformed`` too."""

    def update(self, root: Posted, message: Message) -> None:
        """Put the message in the place of another; raises ``MessageGone`` if that is not there."""

    def probe(self) -> None:
        """Whether Slack is there and knows us, without posting anything."""


class IncomingWebhooks:
    """One URL a channel; ``urls`` holds them by channel."""

    threads = False

    def __init__(self, urls: Mapping[str, str], *, timeout: float) -> None:
        self._urls = urls
        self._http = _Http(timeout)

    def post(self, channel: str, message: Message, *, thread: str = "") -> Posted:  # noqa: ARG002  (it has none)
        answer = self._http.post(self._urls[channel], message)
        if answer.status != HTTPStatus.OK:  # a 200 says it all, whether or not its "ok" has come
            raise _error(answer, answer.text.strip())
        if _PAGE.match(answer.text):  # but for somebody else's: Slack has not seen the message
            raise SlackUnavailable("a page for people answers in Slack's place: a proxy or a portal between")
        if _DENIED.match(answer.text):
            raise SlackUnavailable("the answer of status 200 says that the message was not taken")
        return NOWHERE

    def update(self, root: Posted, message: Message) -> None:  # noqa: ARG002  (as a bot can)
        raise MessageGone("an incoming webhook cannot edit")

    def probe(self) -> None:
        """Sends a message without text: a webhook that works refuses it with 400, one that was revoked with 404."""
        answer = self._http.post(next(iter(self._urls.values())), {})
        error = _error(answer, answer.text.strip())
        if not isinstance(error, MessageMalformed):
            raise error


class WebApi:
    """``chat.postMessage`` and ``chat.update`` with a bot token."""

    threads = True

    def __init__(self, url: str, token: str, *, timeout: float) -> None:
        self._url = url.rstrip("/")
        self._http = _Http(timeout, {"Authorization": f"Bearer {token}"})

    def post(self, channel: str, message: Message, *, thread: str = "") -> Posted:
        body = {**message, "channel": channel, "unfurl_links": False, "unfurl_media": False}
        answered = self._call("chat.postMessage", {**body, "thread_ts": thread} if thread else body)
        return Posted(str(answered.get("channel", "")), str(answered.get("ts", "")))

    def update(self, root: Posted, message: Message) -> None:
        self._call("chat.update", {**message, "channel": root.channel, "ts": root.ts})

    def probe(self) -> None:
        self._call("auth.test", {})

    def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._http.post(f"{self._url}/{method}", body)
        if not answer.whole and answer.status == HTTPStatus.OK and _ACCEPTED.match(answer.text):
            return {}  # to send it again would be to say it twice
        try:
            answered = json.loads(answer.text) if answer.status == HTTPStatus.OK else {}
        except (ValueError, RecursionError):
            raise SlackUnavailable("Slack's answer is not JSON") from None
        if isinstance(answered, dict) and answered.get("ok") is True:
            return answered
        raise _error(answer, str(answered.get("error", "")) if isinstance(answered, dict) else "")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    text: str
    retry_after: str | None
    whole: bool = True
    """False: it broke off, or did not end in time."""


class _Http:
    """POSTs JSON; keeps connections. An answer has the time-out from its first step to its last byte, or is none."""

    def __init__(self, timeout: float, headers: Mapping[str, str] | None = None) -> None:
        self._timeout = timeout
        self._client = HttpClient(pool=_CONNECTIONS, headers=headers)

    def post(self, url: str, body: Mapping[str, Any]) -> _Answer:
        octets = json.dumps(body, ensure_ascii=False).encode()
        try:
            answer = self._client.send(
                "POST", url, seconds=self._timeout, max_bytes=_ANSWER_BYTES, headers=_JSON, data=octets
            )
        except Redirected as error:
            raise SlackRefused(f"Slack {error}") from None
        except ExchangeFailed as error:
            if error.status is not None:
                return _Answer(error.status, error.part.decode("utf-8", "replace"), None, whole=False)
            if isinstance(error, TooSlow):
                raise SlackSilent(f"Slack does not answer: {error}") from None
            raise SlackUnavailable(f"Slack does not answer: {error}") from None
        return _Answer(answer.status, answer.body.decode("utf-8", "replace"), answer.headers.get("Retry-After"))


def _error(answer: _Answer, code: str) -> Exception:
    """What the answer means; ``code`` is Slack's own word for it."""
    word = code if code.isascii() and code.replace("_", "").isalnum() and len(code) < 60 else f"status {answer.status}"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or word in _RATE_LIMITED:
        asked = retry_after_seconds(answer.retry_after)
        return SlackThrottled("Slack asks for less", retry_after=_DEFAULT_RETRY_AFTER if asked is None else asked)
    if answer.status >= 500 or answer.status == HTTPStatus.REQUEST_TIMEOUT or word in _PASSING:
        return SlackUnavailable(f"Slack has trouble: {word}")
    if word in _MALFORMED or word.startswith("invalid_blocks"):
        return MessageMalformed(f"Slack finds the message badly formed: {word}")
    if word in {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}:
        return MessageGone(f"Slack cannot change or answer the message: {word}")
    if word in _OF_THE_CHANNEL:
        return ChannelRefused(f"Slack refuses the channel: {word}")
    return SlackRefused(f"Slack refuses us: {word}")
