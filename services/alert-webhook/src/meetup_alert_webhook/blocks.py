"""From an alert to the Slack message that shows it. No I/O.

Block Kit: https://api.slack.com/reference/block-kit/blocks. The colour is an attachment's, because blocks have none.
Times are written so that Slack shows them in the reader's own zone.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

from meetup_alert_webhook.alerts import Alert, Finding, Link, Severity, Status
from meetup_alert_webhook.digests import Digest, Line
from meetup_alert_webhook.redaction import redacted

MAX_BLOCKS: Final = 50
"""Slack's limit of blocks in a message."""
MAX_TEXT: Final = 3000
"""Slack's limit of characters in a text object of a section."""
MAX_FALLBACK: Final = 300
"""Characters of the text that notifications show; a phone's lock screen shows fewer."""
_MAX_URL: Final = 2000
"""A longer link would eat the section it stands in; a query that long is opened from the dashboard."""

_COLOURS: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "#b3001b",
    Severity.ERROR: "#e8590c",
    Severity.WARNING: "#f2b705",
    Severity.INFO: "#6c757d",
}
_GREEN: Final = "#2f9e44"
_MENTION: Final = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)
_WORD_JOINER: Final = "\u2060"
"""Invisible; between ``@`` and ``channel`` it leaves the text readable and wakes nobody."""

Block = dict[str, Any]
Message = Mapping[str, Any]
"""The body of ``chat.postMessage`` without the channel, and the whole body for an incoming webhook."""


def plain(text: str) -> str:
    """Text of others, as Slack shows it literally: control characters escaped, mentions of many made harmless."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MENTION.sub("@" + _WORD_JOINER, escaped)


def alert_message(alert: Alert) -> Message:
    """The message for one notification: what, how bad, where, since when, and where to go next."""
    word = _word(alert.severity, alert.status)
    blocks = [_section(f"*{word} · {plain(alert.title)}*{_tally(alert)}")]
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
    span = f"{_time(digest.first_at)} to {_time(digest.last_at)}"
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
    mark = "✓ " if finding.status is Status.RESOLVED and alert.size > 1 else ""
    said = finding.summary == alert.title and bool(finding.where)
    parts = [
        mark if said else f"{mark}*{plain(finding.summary)}*",
        _detail(finding),
        " · ".join(f"{name} `{plain(value).replace('`', chr(39))}`" for name, value in finding.where),
        _period(finding),
        _links(finding.links),
    ]
    return _section("\n".join(part for part in parts if part))


def _detail(finding: Finding) -> str:
    if not finding.detail or not finding.code:
        return plain(finding.detail)
    return "```" + plain(finding.detail).replace("```", "'''") + "```"


def _period(finding: Finding) -> str:
    since, until = _unix(finding.since), _unix(finding.until)
    if since is None:
        return ""
    if finding.code:
        return f"at {_time(since)}"
    if until is None or until < since:
        return f"since {_time(since)}"
    return f"from {_time(since)} to {_time(until)} ({_lasted(until - since)})"


def _digest_line(line: Line) -> str:
    counts = ", ".join(
        f"{count:,} {word}" for count, word in ((line.firing, "firing"), (line.resolved, "resolved")) if count
    )
    head = f"*{line.total:,} x {plain(line.title)}* ({line.severity}; {counts})"
    example = " — ".join(part for part in (plain(line.sample), plain(line.where)) if part)
    return f"{head}\nfor example: {example}"


def _links(links: Sequence[Link]) -> str:
    return " · ".join(f"<{_url(link.url)}|{plain(link.label)}>" for link in links if _safe(link.url))


def _safe(url: str) -> bool:
    """Whether a channel may be given the link: http or https, not endless, no credentials, plain or escaped."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or len(url) > _MAX_URL:
        return False
    return all(redacted(form) == form for form in (url, unquote_plus(url)))


def _url(url: str) -> str:
    """The URL, unable to end the link it stands in."""
    return "".join(f"%{ord(c):02X}" if c in "<>| `" or ord(c) < 0x20 else c for c in url).replace("&", "&amp;")


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
    """The text within Slack's limit; no escape is cut in half, and an open code fence is closed."""
    if len(text) <= limit:
        return text
    kept = re.sub(r"&[a-z]{0,4}\Z", "", text[: limit - 50])
    fence = "```" if kept.count("```") % 2 else ""
    return f"{kept}{fence} … [{len(text) - len(kept):,} characters cut]"


def _unix(text: str) -> float | None:
    """RFC 3339, with Go's nanoseconds, as Unix seconds."""
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _time(unix: float) -> str:
    """In the reader's own zone; in UTC where Slack cannot."""
    in_utc = datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"<!date^{int(unix)}^{{date_short_pretty}} {{time_secs}}|{in_utc}>"


def _lasted(seconds: float) -> str:
    """The largest two units that matter: ``2 d 3 h``, ``14 min 5 s``."""
    whole = round(seconds)
    units = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    counts = [
        (whole % above // size, unit) for (size, unit), above in zip(units, (10**12, 86400, 3600, 60), strict=True)
    ]
    told = [f"{count} {unit}" for count, unit in counts if count][:2]
    return " ".join(told) or "0 s"
