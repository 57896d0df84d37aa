"""The stand-in's page: channels and messages as a person reads them. No I/O.

Only as much of Slack's mrkdwn is rendered as alerts use: bold, code, links, dates. Everything else is shown as text.
"""

import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from meetup_simulator.slack.workspace import Posted

_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:52rem;padding:0 1rem;color:#1d1c1d;background:#fff}
h1{font-size:1.3rem} h2{font-size:1.05rem;margin-top:2rem;border-bottom:1px solid #ddd;padding-bottom:.3rem}
article{border-left:4px solid var(--bar,#ddd);padding:.2rem 0 .2rem .8rem;margin:.9rem 0}
article.reply{margin-left:2.5rem}
p{margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
pre{background:#f6f6f6;border:1px solid #ddd;border-radius:4px;padding:.5rem;white-space:pre-wrap;margin:.3rem 0}
code{background:#f6f6f6;border:1px solid #e3e3e3;border-radius:3px;padding:0 .2rem} time{color:#616061;font-size:.8rem}
@media(prefers-color-scheme:dark){body{background:#1a1d21;color:#d1d2d3}pre,code{background:#222529;border-color:#444}}
"""
_REFRESH_SECONDS: Final = 2
_CONTROL: Final = re.compile(r"<([^<>]*)>")
_CODE: Final = re.compile(r"```(.*?)```", re.DOTALL)
_INLINE: Final = re.compile(r"`([^`\n]+)`")
_BOLD: Final = re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])")


def page(channels: Iterable[str], messages: Iterable[Posted]) -> str:
    """The whole page; it loads itself again every two seconds."""
    posted = list(messages)
    sections = "".join(_channel(name, [each for each in posted if each.channel == name]) for name in channels)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">'
        f"<title>Slack stand-in ({len(posted)})</title><style>{_STYLE}</style></head>"
        f"<body><h1>Slack stand-in</h1><p>{len(posted)} messages, the newest first</p>{sections}</body></html>"
    )


def _channel(name: str, messages: list[Posted]) -> str:
    roots = sorted((each for each in messages if not each.thread), key=lambda each: each.ts, reverse=True)
    shown = "".join(
        _message(root) + "".join(_message(reply) for reply in messages if reply.thread == root.ts) for root in roots
    )
    return f"<section><h2>{html.escape(name)}</h2>{shown or '<p>nothing yet</p>'}</section>"


def _message(posted: Posted) -> str:
    at = datetime.fromtimestamp(posted.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    edited = " (edited)" if posted.edits else ""
    body = "".join(f"<p>{rendered(text)}</p>" for text in posted.sections or (posted.text,))
    colour = posted.colour if re.fullmatch(r"#[0-9a-fA-F]{3,6}", posted.colour) else "#ddd"
    kind = ' class="reply"' if posted.thread else ""
    return f'<article{kind} style="--bar:{colour}"><time>{at}{edited}</time>{body}</article>'


def rendered(mrkdwn: str) -> str:
    """Slack's mrkdwn as HTML; what it does not know stays text, and nothing of it becomes markup.

    What stands between ``<`` and ``>`` is set aside first, so that no star or backtick in a link is taken for a style.
    """
    controls: list[str] = []

    def set_aside(found: re.Match[str]) -> str:
        controls.append(_control(html.unescape(found[1])))
        return f"\x00{len(controls) - 1}\x00"

    text = _CONTROL.sub(set_aside, mrkdwn.replace("\x00", ""))
    text = html.escape(html.unescape(text))
    text = _CODE.sub(r"</p><pre>\1</pre><p>", text)
    text = _INLINE.sub(r"<code>\1</code>", text)
    text = _BOLD.sub(r"<strong>\1</strong>", text)
    return re.sub("\x00(\\d+)\x00", lambda found: controls[int(found[1])], text)


def _control(content: str) -> str:
    """A link, a date (by its fallback, as a client without the date would), or a mention, which wakes everyone."""
    target, _, label = content.partition("|")
    if target.startswith(("https://", "http://")):
        return f'<a href="{html.escape(target)}" rel="noreferrer">{html.escape(label or target)}</a>'
    if target.startswith("!date^"):
        return html.escape(label)
    return f"<mark>@{html.escape(target.lstrip('!@#'))}</mark>"
