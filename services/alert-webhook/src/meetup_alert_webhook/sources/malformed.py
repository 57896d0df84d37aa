"""A body that will be no better when it is sent again."""

from typing import Final

from meetupkit.foreign_text import printable
from pydantic import ValidationError

from meetup_alert_webhook.text.redaction import redacted

_SHOWN: Final = 3
"""Mistakes named in one message: the first is nearly always the cause of the rest."""


class Malformed(Exception):
    """Says what is wrong with the body, in the words of its fields and never in its content."""


def problems_of(error: ValidationError) -> str:
    """Where the body departs from its form; the values are left out, because they may hold anything."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = "; ".join(f"{_place(each['loc'])}: {each['msg'][:200]}" for each in found[:_SHOWN])
    return told if len(found) <= _SHOWN else f"{told}; and {len(found) - _SHOWN} more"


def _place(steps: tuple[int | str, ...]) -> str:
    """The field's path; a name in it may be a stranger's."""
    return ".".join(printable(redacted(str(step)[:200]), 40) for step in steps[:6]) or "body"
