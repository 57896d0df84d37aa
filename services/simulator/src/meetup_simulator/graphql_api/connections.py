"""Relay's pages as the API makes them: short ones, wrong totals, and cursors that are base64 of something else."""

import base64
import binascii
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from meetup_simulator.graphql_api.dials import Dials

_DEFAULT_FIRST: Final = 20
Node = dict[str, Any]


class CursorError(ValueError):
    """``after`` is no cursor of this connection."""


def page(
    nodes: Sequence[Node],
    *,
    dials: Dials,
    dice: random.Random,
    cursor_of: Callable[[int, Node], str],
    first: int | None,
    after: str | None,
) -> Node:
    """``edges``, ``pageInfo`` and ``totalCount`` of one page."""
    cursors = [_cursor(cursor_of(index, node), dials.cursor_format) for index, node in enumerate(nodes)]
    start = _start(cursors, nodes, cursor_of, after)
    wanted = min(_DEFAULT_FIRST if first is None else max(0, first), dials.page_max)
    if dials.short_pages and wanted > 1:
        wanted = dice.randrange(1, wanted + 1)
    edges = [
        {"cursor": cursor, "node": node}
        for cursor, node in zip(cursors[start : start + wanted], nodes[start : start + wanted], strict=True)
    ]
    return {
        "edges": edges,
        "totalCount": len(nodes) + dials.overcount,
        "pageInfo": {
            "hasNextPage": start + wanted < len(nodes),
            "hasPreviousPage": start > 0,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _start(cursors: list[str], nodes: Sequence[Node], cursor_of: Callable[[int, Node], str], after: str | None) -> int:
    if not after:
        return 0
    plain = _plain(after)
    for index, node in enumerate(nodes):
        if cursors[index] == after or cursor_of(index, node) == plain:
            return index + 1
    if plain.isdecimal():  # an index beyond what is left
        return min(int(plain) + 1, len(nodes))
    raise CursorError("the cursor is not one of this connection")


def _cursor(plain: str, form: int) -> str:
    text = plain if not form else f"v{form}|{plain}"
    return base64.b64encode(text.encode()).decode()


def _plain(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, validate=True).decode().split("|")[-1]
    except (binascii.Error, UnicodeDecodeError):
        raise CursorError("the cursor is not one of this connection") from None
