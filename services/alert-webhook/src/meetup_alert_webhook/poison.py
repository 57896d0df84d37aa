"""A body that will be no better when it is sent again."""

from typing import Final

from pydantic import ValidationError

_SHOWN: Final = 3
"""Mistakes named in one message: the first is nearly always the cause of the rest."""


class Poison(Exception):  # noqa: N818  (the field's name for it)
    """Says what is wrong with the body, in the words of its fields and never in its content."""


def mistakes_of(error: ValidationError) -> str:
    """Where the body departs from its form; the values are left out, because they may hold anything."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    told = "; ".join(
        f"{'.'.join(str(step)[:40] for step in each['loc'][:6]) or 'body'}: {each['msg'][:200]}"
        for each in found[:_SHOWN]
    )
    return told if len(found) <= _SHOWN else f"{told}; and {len(found) - _SHOWN} more"
