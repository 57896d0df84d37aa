"""Relay's pages, read without trust: where a list goes on, and whether it is known to be whole. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meetup_gateway.translating.rows import at
from meetup_gateway.translating.values import Untranslatable, count, flag_if_any

Place = tuple[str | int, ...]
Node = dict[str, Any]
MAX_PAGES: Final = 200
"""20,000 RSVPs of one event by pages of 100; beyond that something turns in a circle."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a connection below ``root``. ``nodes`` can be trusted; ``harmed`` counts those that cannot."""

    root: Node
    nodes: tuple[Node, ...]
    harmed: int
    next: str | None
    ends: bool
    """It says that nothing follows; a page that does not say so may have lost a part."""
    total: int | None
    readable: bool = True


@dataclass(slots=True)
class Listing:
    """Pages of one list, put together. ``whole`` is said of a list whose end was seen, without a harmed place."""

    nodes: dict[str, Node] = field(default_factory=dict)
    after: str | None = None
    pages: int = 0
    harmed: int = 0
    ended: bool = False
    total: int | None = None

    @property
    def whole(self) -> bool:
        """Whether what is not in it is not there."""
        lost_while_paging = self.pages > 1 and self.total is not None and len(self.nodes) < self.total
        return self.ended and not self.harmed and not lost_while_paging

    def add(self, page: Page) -> bool:
        """Take a page; whether there is another to ask for."""
        before = len(self.nodes)
        for node in page.nodes:
            self.nodes[key_of(node, len(self.nodes))] = node
        self.pages += 1
        self.harmed += page.harmed
        self.total = page.total
        if not page.readable:
            self.harmed += 1
            return False
        moved = page.next is not None and page.next != self.after and len(self.nodes) > before
        if page.next is not None and not moved and (page.nodes or page.next == self.after):
            self.harmed += 1  # it says that there is more, and shows nothing new
        self.ended = page.ends
        self.after = page.next
        return moved and self.pages < MAX_PAGES


def read_page(value: Any, connection: Sequence[str], harmed: Sequence[Place]) -> Page:
    """The page at ``connection`` below a root field's value; ``harmed`` are the places there that failed."""
    root: Node = value if isinstance(value, dict) else {}
    found = at(root, ".".join(connection))
    place = tuple(connection)
    if not isinstance(found, dict) or not isinstance(found.get("edges"), list):
        return Page(root, (), 0, None, False, None, readable=False)
    bad = {
        each[len(place) + 1]
        for each in harmed
        if each[: len(place) + 1] == (*place, "edges") and len(each) > len(place) + 1
    }
    elsewhere = sum(1 for each in harmed if not _below_edges(each, place))
    nodes, lost = [], elsewhere
    for index, node in _nodes(found["edges"]):
        if node is None or index in bad:
            lost += 1
        else:
            nodes.append(node)
    info = found.get("pageInfo")
    ends = flag_if_any(at(info, "hasNextPage")) is False
    return Page(root, tuple(nodes), lost, None if ends else _cursor(info), ends, _total(found.get("totalCount")))


def key_of(node: Node, number: int) -> str:
    """Its id; of a node that has none, one of its own: it is not understood, but it is there."""
    found = node.get("id")
    return str(found) if found and isinstance(found, str | int) else f"?{number}"


def _below_edges(place: Place, connection: Place) -> bool:
    return place[: len(connection) + 1] == (*connection, "edges") and len(place) > len(connection) + 1


def _nodes(edges: list[Any]) -> Iterator[tuple[int, Node | None]]:
    for index, edge in enumerate(edges):
        node = edge.get("node") if isinstance(edge, dict) else None
        yield index, node if isinstance(node, dict) else None


def _cursor(info: Any) -> str | None:
    """Where it goes on, if the page says so. What it is made of is Meetup's business."""
    cursor = at(info, "endCursor")
    return str(cursor) if cursor and isinstance(cursor, str | int) else None


def _total(value: Any) -> int | None:
    try:
        return count(value)
    except Untranslatable:
        return None
