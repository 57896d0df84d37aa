"""Queries of Ibis in an engine's own words, each translated once in a process. Pure.

A build asks some hundred queries, most of them the same each time. Over a small store, building and translating them
takes four times as long as answering them.
"""

from functools import lru_cache
from typing import Final

import ibis
from ibis.expr.operations import Node
from ibis.expr.types import Table as Expression

_MOST_KEPT: Final = 512
"""Texts remembered, 1 MB: twice what a build asks. Those that name objects of the store change with it."""


def translated(query: Expression, dialect: str) -> str:
    """The text of a query. Two that are built alike are one, unless they hold a ``view()``, which is always another."""
    return _text(query.op(), dialect)


@lru_cache(maxsize=_MOST_KEPT)
def _text(query: Node, dialect: str) -> str:
    return str(ibis.to_sql(query.to_expr(), dialect=dialect))
