"""From an alert to the Slack message that shows it. No I/O.

Block Kit: https://api.slack.com/reference/block-kit/blocks. The colour is an attachment's, because blocks have none.
Times are written so that Slack shows them in the reader's own zone.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote_plus, urlsplit

from meetup_alert_webhook.digest.model import Digest, Line
from meetup_alert_webhook.model import Alert, Finding, Link, Severity, Status
from meetup_alert_webhook.text.instants import for_slack, lasted, unix_of
from meetup_alert_webhook.text.redaction import redacted

MAX_BLOCKS: Final = 50
"""Slack's limit of blocks in a message."""
MAX_TEXT: Final = 3000
"""Slack's limit of characters in a text object of a section."""
MAX_FALLBACK: Final = 300
"""Characters of the text that notifications show; a phone's lock screen shows fewer."""
_MAX_URL: Final = 2000
"""A longer link would eat the section it stands in; a query that long is opened from the dashboard."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What an address never has, and what browsers drop from one that has it."""

_COLOURS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "#b3001b",
    Severity.ERROR: "#e8590c",
    Severity.WARNING: "#f2b705",
    Severity.INFO: "#6c757d",
}
_GREEN: Final = "#2f9e44"
_MENTION: Final = re.compile(r"@(?=channel|here|everyone|group)", re.IGNORECASE)
_NO_EMPHASIS: Final = str.maketrans({"*": "\u2217", "`": "'"})
"""Slack knows no escape for its marks: what would end the emphasis is shown as its like."""
_FENCE: Final = "```"
_MAX_LINKS: Final = 1500
"""Characters of a section's links; the longest are left out, so that the text keeps half of the section."""
_WORD_JOINER: Final = "\u2060"
"""Invisible; between ``@`` and ``channel`` it leaves the text readable and wakes nobody."""

Block = dict[str, Any]
Message = Mapping[str, Any]
"""The body of ``chat.postMessage`` without the channel, and the whole body for an incoming webhook."""


def plain(text: str) -> str:
    """Text of others, as Slack shows it literally: marks of its own escaped, mentions of many made harmless."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub("@" + _WORD_JOINER, escaped.replace(_FENCE, "'''"))


def _bold(text: str) -> str:
    """The text as one bold line: nothing in it ends the emphasis, and it has no blank at its ends."""
    line = " ".join(plain(text).translate(_NO_EMPHASIS).split())
    return f"*{line}*" if line else ""


def _code(text: str) -> str:
    return f"`{plain(text).replace('`', chr(39))}`"


def alert_message(alert: Alert) -> Message:
    """The message for one notification: what, how bad, where, since when, and where to go next."""
    word = _word(alert.severity, alert.status)
    blocks = [_section(f"{_bold(f'{word} · {alert.title}')}{_tally(alert)}")]
    blocks += [_finding_block(finding, alert) for finding in alert.findings]
    blocks = _within_limits(blocks, alert.omitted)
    if links := _links(alert.links):
        blocks.append(_context(links))
    first = alert.findings[0].summary
    fallback = f"{word}: {alert.title}" if first == alert.title else f"{word}: {alert.title} — {first}"
    return _message(fallback, _colour(alert.severity, alert.status), blocks)


def digest_message(digest: Digest) -> Message:
    """The message for a storm: how many, of what kinds, from when to when; one alert is shown as itself."""
    if digest.only:
        return alert_message(digest.only)
    word = _word(digest.severity, digest.status)
    span = f"{for_slack(digest.first_at)} to {for_slack(digest.last_at)}"
    head = _section(f"*{word} · {digest.total:,} more alerts, too many to show one by one*\n{span}")
    worst_first = sorted(digest.lines, key=lambda line: (line.severity.rank, -line.total))
    lines = [_section(_digest_line(line)) for line in worst_first]
    rest = [_context(f"and {digest.others:,} alerts of other kinds")] if digest.others else []
    fallback = f"{word}: {digest.total:,} more alerts, among them {', '.join(line.title for line in worst_first[:3])}"
    return _message(fallback, _colour(digest.severity, digest.status), [head, *lines, *rest])


def quiet_message(text: str, lines: Sequence[str]) -> Message:
    """A message in small grey print, for what is as it should be."""
    return _message(text, _COLOURS[Severity.INFO], [_context("\n".join(plain(line) for line in (text, *lines)))])


def plainer(message: Message) -> Message:
    """The message as bare text, should Slack find its blocks badly formed: ugly, but read."""
    return {"text": message["text"]}


def _message(fallback: str, colour: str, blocks: list[Block]) -> Message:
    return {
        "text": _fit(plain(" ".join(fallback.split())), MAX_FALLBACK),
        "attachments": [{"color": colour, "blocks": blocks}],
    }


def _word(severity: Severity, status: Status) -> str:
    return "RESOLVED" if status is Status.RESOLVED else severity.upper()


def _colour(severity: Severity, status: Status) -> str:
    return _GREEN if status is Status.RESOLVED else _COLOURS[severity]


def _tally(alert: Alert) -> str:
    """How many fire and how many are over, when there are several."""
    if alert.size == 1:
        return ""
    resolved = sum(finding.status is Status.RESOLVED for finding in alert.findings)
    firing = len(alert.findings) - resolved
    counts = ((firing, "firing"), (resolved, "resolved"), (alert.omitted, "not shown"))
    return "  " + ", ".join(f"{count:,} {word}" for count, word in counts if count)


def _finding_block(finding: Finding, alert: Alert) -> Block:
    """The finding in one section; what does not fit is cut from its detail, never from times and links."""
    mark = "✓ " if finding.status is Status.RESOLVED and alert.size > 1 else ""
    is_told = finding.summary == alert.title and bool(finding.where)
    head = mark if is_told else f"{mark}{_bold(finding.summary)}"
    tail = (
        " · ".join(f"{_name(name)} {_code(value)}" for name, value in finding.where if value),
        _period(finding),
        _links(finding.links),
    )
    left = MAX_TEXT - len(_joined(head, *tail)) - 1
    return _section(_joined(head, _detail(finding, left), *tail) or _bold(alert.title))


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _name(name: str) -> str:
    return plain(name).translate(_NO_EMPHASIS)


def _detail(finding: Finding, left: int) -> str:
    text = plain(finding.detail)
    if not text or not finding.code:
        return _fit(text, left)
    return f"{_FENCE}{_fit(text, left - 2 * len(_FENCE))}{_FENCE}"


def _period(finding: Finding) -> str:
    since, until = unix_of(finding.since), unix_of(finding.until)
    if since is None:
        return ""
    if finding.code:
        return f"at {for_slack(since)}"
    if until is None or until < since:
        return f"since {for_slack(since)}"
    return f"from {for_slack(since)} to {for_slack(until)} ({lasted(until - since)})"


def _digest_line(line: Line) -> str:
    counts = ", ".join(
        f"{count:,} {word}" for count, word in ((line.firing, "firing"), (line.resolved, "resolved")) if count
    )
    head = f"{_bold(f'{line.total:,} x {line.title}')} ({line.severity}; {counts})"
    example = " — ".join(part for part in (plain(line.sample), plain(line.where)) if part)
    return f"{head}\nfor example: {example}"


def _links(links: Sequence[Link]) -> str:
    """The links a channel may be given, as many as there is room for."""
    written: list[str] = []
    for link in links:
        text = f"<{_url(link.url)}|{plain(link.label)}>" if _safe(link.url) else ""
        if text and sum(map(len, written)) + len(text) <= _MAX_LINKS:
            written.append(text)
    return " · ".join(written)


def _safe(url: str) -> bool:
    """Whether a channel may be given the link: http or https, not endless, no credentials, plain or escaped."""
    if len(url) > _MAX_URL or _CONTROL.search(url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or "\\" in parts.netloc:
        return False
    return all(redacted(form) == form for form in {url, unquote_plus(url)})


def _url(url: str) -> str:
    """The URL in ASCII, unable to end the link it stands in."""
    return quote(url, safe="!#$%&'()*+,/:;=?@[]~-._").replace("&", "&amp;")


def _within_limits(blocks: list[Block], omitted: int) -> list[Block]:
    """At most Slack's number of blocks, with room for links; what is left out is counted."""
    room = MAX_BLOCKS - 2
    left_out = omitted + max(0, len(blocks) - room)
    return [*blocks[:room], _context(f"and {left_out:,} more that are not shown")] if left_out else blocks


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _fit(text, MAX_TEXT)}}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": _fit(text, MAX_TEXT)}]}


def _fit(text: str, limit: int) -> str:
    """The text within Slack's limit; no escape is cut in half."""
    if len(text) <= limit:
        return text
    kept = re.sub(r"&[a-z]{0,4}\Z", "", text[: max(0, limit - 50)])
    return f"{kept} … [{len(text) - len(kept):,} characters cut]"
