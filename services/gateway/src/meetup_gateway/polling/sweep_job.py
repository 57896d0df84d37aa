"""One sweep: the upcoming events of one group or network, page by page."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from meetup_gateway.observing.pages import Listing, Page, read_page
from meetup_gateway.polling.context import MS
from meetup_gateway.scheduling.plan import Target
from meetup_gateway.source.api import Failed, Found

Node = dict[str, Any]
PAGE: Final = 100
"""Events in one page: a group rarely has more upcoming ones."""


class SweepJob:
    """The upcoming events of one group or network."""

    def __init__(self, target: Target, begins: int) -> None:
        self.target = target
        self.shape = "network_events" if target.network else "group_events"
        self.begins = begins
        self.listing = Listing()
        self.node: Node | None = None
        self.failed = False
        self.null = False
        self.packed: dict[str, bytes] = {}
        """Of a network: its events, by id."""
        self._connection = ("eventsSearch",) if target.network else ("events",)

    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""
        name = {"urlname": self.target.name} if self.target.network else {"id": self.target.name}
        return {**name, "from": iso(self.begins), "first": PAGE, "after": self.listing.after}

    def take(self, result: Found | Failed) -> bool:
        """One page."""
        if isinstance(result, Failed):
            self.failed = True
            return False
        if not isinstance(result.value, dict):
            self.null = True
            return False
        page = read_page(result.value, self._connection, result.harmed)
        if not self.target.network:
            self.node = result.value
        if self.target.network:
            page = self._packed_page(page)
        return self.listing.add(page)

    def _packed_page(self, page: Page) -> Page:
        """A network of thousands of groups has tens of thousands of events: as bytes they take a fifth of the room."""
        for node in page.nodes:
            self.packed[str(node.get("id"))] = json.dumps(node).encode()
        return replace(page, nodes=tuple({"id": node.get("id")} for node in page.nodes))


def iso(ms: int) -> str:
    """A DateTime of the API: it wants a zone."""
    return datetime.fromtimestamp(ms / MS, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
