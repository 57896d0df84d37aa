"""Which groups the follow list means: named ones are looked up, networks and searches are listed, capped."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from meetup_gateway.follow import Follow, FollowedGroup, Search
from meetup_gateway.observing.pages import Page
from meetup_gateway.observing.states import GroupState
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.jobs import Job, run
from meetup_gateway.scheduling.read_times import read_due
from meetup_gateway.source.budget import Share
from meetup_gateway.storage.state import Commit
from meetup_gateway.translating.values import Untranslatable, flag_if_any, number_id

log = logging.getLogger(__name__)

_PAGE: Final = 100
_RETRY_MS: Final = 300_000
"""A line that could not be read is asked again after so long, not after half a day."""
_KEPT: Final = "discovered"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the follow list, as a question."""

    name: str
    shape: str
    connection: tuple[str, ...] | None
    variables: Mapping[str, Any]
    cap: int
    private: bool = False
    network: str = ""


def lines_of(follow: Follow) -> list[Line]:
    """Every line."""
    return [
        *map(_of_group, follow.groups),
        *(
            Line(f"network:{name}", "network_groups", ("groupsSearch",), {"urlname": name}, 1 << 30, network=name)
            for name in follow.networks
        ),
        *map(_of_search, follow.searches),
    ]


def _of_group(group: FollowedGroup) -> Line:
    if group.id:
        return Line(group.name, "group", None, {"id": group.id}, 1, group.private)
    return Line(group.name, "group_by_urlname", None, {"urlname": group.urlname}, 1, group.private)


def _of_search(search: Search) -> Line:
    variables = {"query": search.query, "lat": search.lat, "lon": search.lon, "radius": search.radius}
    return Line(search.name, "search_groups", (), variables, search.cap)


class DiscoveryJob(Job):
    """One line being read."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.shape, *(line.connection or ()))
        self.line = line

    def variables(self) -> Mapping[str, Any]:
        """Of the next page."""
        return {**self.line.variables, "first": min(_PAGE, self.line.cap), "after": self.listing.after}

    def _turn(self, page: Page) -> bool:
        if self.line.connection is None:  # the group itself
            self.listing.nodes = {str(page.root.get("id")): page.root}
            self.listing.ended = True
            return False
        return super()._turn(page) and len(self.listing.nodes) < self.line.cap


class Discovery:
    """Reads each line now and then, and says which groups are followed because of it."""

    def __init__(self, context: Context, follow: Follow) -> None:
        self._context = context
        self._lines = lines_of(follow)
        self._open: list[DiscoveryJob] = []
        kept = context.meta.get(_KEPT) or {}
        self._found: dict[str, dict[str, Any]] = {
            line.name: kept[line.name] for line in self._lines if line.name in kept
        }
        self.missing: dict[str, str] = {}
        """Lines that name nothing that can be followed, and why."""

    def settle(self) -> None:
        """Groups of lines that were taken out, or that turned private, are not followed any more."""
        self._apply([])

    def due(self, now: int) -> list[Line]:
        """Lines to be read now."""
        return [line for line in self._lines if self._found.get(line.name, {}).get("next", 0) <= now]

    def next_due(self) -> int:
        """When the next line is to be read."""
        return min((self._found.get(line.name, {}).get("next", 0) for line in self._lines), default=1 << 62)

    def read(self, lines: list[Line]) -> float:
        """Read these; seconds to wait if the points are out."""
        if not self._open:
            shape = lines[0].shape
            self._open = [DiscoveryJob(line) for line in lines if line.shape == shape][:_PAGE]
        ended, self._open, wait = run(self._context.api, self._open, Share.LIVE)
        self._apply(ended)
        return wait

    def _apply(self, ended: list[DiscoveryJob]) -> None:
        now = self._context.now()
        nodes: dict[str, dict[str, Any]] = {}
        for job in ended:
            nodes.update(self._take(job, now))
        self._commit(nodes, now)
        self._context.meta.put(_KEPT, self._found)

    def _take(self, job: DiscoveryJob, now: int) -> dict[str, dict[str, Any]]:
        line, before = job.line, self._found.get(job.line.name, {})
        nodes = {group_id: node for group_id, node in job.listing.nodes.items() if self._is_id(group_id)}
        ids = list(nodes)[: line.cap]
        understood = len(nodes) == len(job.listing.nodes) and not job.listing.harmed
        whole = (job.listing.ended or len(ids) >= line.cap) and not job.failed and understood
        if not whole:  # what was found before stays: a failed search is not an empty one
            ids = list(dict.fromkeys([*before.get("ids", []), *ids]))
        every = self._context.options.discovery_every if whole else _RETRY_MS
        self._found[line.name] = {"next": now + every, "ids": ids}
        self._say(line, job, ids)
        return {group_id: nodes[group_id] for group_id in ids if group_id in nodes}

    def _is_id(self, text: str) -> bool:
        try:
            number_id(text)
        except Untranslatable as error:
            self._context.quarantine("group", str(error))
            return False
        return True

    def _say(self, line: Line, job: DiscoveryJob, ids: list[str]) -> None:
        if not job.null or ids:
            self.missing.pop(line.name, None)
            return
        if line.name not in self.missing:
            log.warning("%s: Meetup shows nothing by this name", line.name, extra={"event": "not_found"})
        self.missing[line.name] = "Meetup shows nothing by this name"

    def _commit(self, nodes: Mapping[str, dict[str, Any]], now: int) -> None:
        known = {group.id: group for group in self._context.state.groups()}
        wanted: dict[str, list[Line]] = {}
        for line in self._lines:
            for group_id in self._found.get(line.name, {}).get("ids", []):
                wanted.setdefault(group_id, []).append(line)
        with self._context.state.commit(now) as commit:
            for group_id in known.keys() | wanted.keys():
                before = known.get(group_id) or GroupState(id=group_id, urlname="")
                after = _state(before, nodes.get(group_id), wanted.get(group_id, []))
                if after != before or group_id not in known:
                    commit.group(after)
                self._taken_up_or_left(commit, before, after, now)

    def _taken_up_or_left(self, commit: Commit, before: GroupState, after: GroupState, now: int) -> None:
        """What waits for a group ends with its being followed, and begins with it."""
        if before.targets and not after.targets:
            commit.no_backfill(after.id)
        if after.targets and not before.targets:
            for event in self._context.state.events_of(after.id).values():
                commit.event(event, read_due(event, now))


def _state(before: GroupState, node: dict[str, Any] | None, lines: list[Line]) -> GroupState:
    private = before.private
    if node is not None and node.get("isPrivate") is not None:
        private = flag_if_any(node["isPrivate"]) is not False  # what is not understood is not public
    targets = tuple(line.name for line in lines) if not private or any(line.private for line in lines) else ()
    return msgspec.structs.replace(
        before,
        backfilled=before.backfilled and bool(targets),
        urlname=str((node or {}).get("urlname") or before.urlname),
        private=private,
        targets=targets,
        network=next((line.network for line in lines if line.network), "") if targets else "",
    )
