"""What Slack refuses in a message, checked as Slack does. No I/O.

Limits: https://api.slack.com/reference/block-kit/blocks, https://api.slack.com/reference/surfaces/formatting and
https://api.slack.com/methods/chat.postMessage#errors.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

MAX_BLOCKS: Final = 50
MAX_TEXT: Final = 3000
MAX_HEADER: Final = 150
MAX_CONTEXT_ELEMENTS: Final = 10
MAX_MESSAGE_TEXT: Final = 40_000
MAX_ATTACHMENTS: Final = 100
_TEXT_TYPES: Final = frozenset({"mrkdwn", "plain_text"})
_HEX_COLOUR: Final = re.compile(r"#?[0-9a-fA-F]{3,6}")
_COLOUR_WORDS: Final = frozenset({"good", "warning", "danger"})


def error_of(message: Mapping[str, Any]) -> str | None:
    """Slack's word for what is wrong with the message, or ``None`` when it would be posted."""
    text, attachments, blocks = message.get("text", ""), message.get("attachments", []), message.get("blocks", [])
    if not isinstance(text, str) or not isinstance(attachments, list) or not isinstance(blocks, list):
        return "invalid_payload"
    if not text and not attachments and not blocks:
        return "no_text"
    if len(text) > MAX_MESSAGE_TEXT:
        return "msg_too_long"
    if len(attachments) > MAX_ATTACHMENTS:
        return "too_many_attachments"
    if (blocks or "blocks" in message) and not _good_blocks(blocks):
        return "invalid_blocks"
    if not all(_good_attachment(attachment) for attachment in attachments):
        return "invalid_attachments"
    return None


def _good_attachment(attachment: Any) -> bool:
    if not isinstance(attachment, dict):
        return False
    colour = attachment.get("color", "good")
    good_colour = isinstance(colour, str) and (colour in _COLOUR_WORDS or _HEX_COLOUR.fullmatch(colour))
    return bool(good_colour) and ("blocks" not in attachment or _good_blocks(attachment["blocks"]))


def _good_blocks(blocks: Any) -> bool:
    return isinstance(blocks, list) and 0 < len(blocks) <= MAX_BLOCKS and all(_good_block(block) for block in blocks)


def _good_block(block: Any) -> bool:
    match block:
        case {"type": "section", "text": text}:
            return _good_text(text, MAX_TEXT)
        case {"type": "header", "text": {"type": "plain_text"} as text}:
            return _good_text(text, MAX_HEADER)
        case {"type": "context", "elements": list(elements)}:
            return 0 < len(elements) <= MAX_CONTEXT_ELEMENTS and all(_good_text(each, MAX_TEXT) for each in elements)
        case {"type": "divider"}:
            return True
        case _:
            return False


def _good_text(text: Any, limit: int) -> bool:
    match text:
        case {"type": str(kind), "text": str(content)}:
            return kind in _TEXT_TYPES and 0 < len(content) <= limit
        case _:
            return False
