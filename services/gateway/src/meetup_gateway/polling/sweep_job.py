"""One sweep: the upcoming events of one group or network, page by page."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from meetup_gateway.durations import SECOND_MS
from meetup_gateway.observing.pages import Page, key_of
from meetup_gateway.polling.jobs import Job, Node
from meetup_gateway.scheduling.plan import Target

PAGE: Final = 100
"""Events in one page: a group rarely has more upcoming ones."""


class SweepJob(Job):
    """The upcoming events of one group or network."""

    def __init__(self, target: Target, begins: int) -> None:
        super().__init__(*(("network_events", "eventsSearch") if target.network else ("group_events", "events")))
        self.target = target
        self.begins = begins
        self.node: Node | None = None
        self.packed: dict[str, bytes] = {}
        """Of a network: its events, by id."""

    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""
        name = {"urlname": self.target.name} if self.target.network else {"id": self.target.name}
        return {**name, "from": iso(self.begins), "first": PAGE, "after": self.listing.after}

    def _turn(self, page: Page) -> bool:
        if self.target.network:
            return super()._turn(self._packed_page(page))
        self.node = page.root
        return super()._turn(page)

    def _packed_page(self, page: Page) -> Page:
        """A network of thousands of groups has tens of thousands of events: as bytes they take a fifth of the room."""
        for node in page.nodes:
            self.packed[key_of(node, len(self.packed))] = json.dumps(node).encode()
        return replace(page, nodes=tuple({"id": node.get("id")} for node in page.nodes))


def iso(ms: int) -> str:
    """A DateTime of the API: it wants a zone."""
    return datetime.fromtimestamp(ms / SECOND_MS, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
