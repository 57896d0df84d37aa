"""Looks at the upcoming events of groups and networks, and commits what changed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from meetup_gateway.durations import HOUR_MS
from meetup_gateway.observing.changes import changes_of_events
from meetup_gateway.observing.events import Observed, identity_of, observe_event
from meetup_gateway.observing.states import EventState, GroupState
from meetup_gateway.observing.suspicions import absences, after_sweep, silent_zero
from meetup_gateway.polling.context import Context
from meetup_gateway.polling.jobs import run
from meetup_gateway.polling.places import commit_photos, commit_venues
from meetup_gateway.polling.sweep_job import SweepJob
from meetup_gateway.scheduling.plan import NetworkState, Target
from meetup_gateway.scheduling.read_times import read_due
from meetup_gateway.source.budget import Share
from meetup_gateway.storage.state import Commit
from meetup_gateway.translating.values import Untranslatable, flag_if_any

Node = dict[str, Any]
BACK_MS: Final = 6 * HOUR_MS
"""Sweeps begin a little before now, so that an event which is under way is still seen."""
_SLEEPING: Final = frozenset({"FROZEN", "DEAD", "ORG_CLOSED", "ABANDONED", "BLOCKED", "FAILED"})


class Sweeper:
    """Runs sweeps; those that ran out of points go on at the next call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._open: list[SweepJob] = []
        self.networks: dict[str, NetworkState] = {}
        self.suspects: dict[str, EventState] = {}
        """Events to be asked for by id, by token."""
        self.nulls: dict[str, GroupState] = {}
        """Groups that were answered with null, to be asked for without their events."""
        self.turned_private = False
        """A group says of itself that it is private, and did not before: it may not be followed any more."""

    @property
    def busy(self) -> frozenset[str]:
        """Targets whose sweep has begun."""
        return frozenset(job.target.name for job in self._open)

    def sweep(self, targets: Sequence[Target]) -> float:
        """Sweep these, after those that have begun; seconds to wait if the points are out."""
        begins = self._context.now() - BACK_MS
        jobs = [*self._open, *(SweepJob(target, begins) for target in targets if target.name not in self.busy)]
        self._open = []
        if not jobs:
            return 0.0
        shape = jobs[0].shape
        same, others = [job for job in jobs if job.shape == shape], [job for job in jobs if job.shape != shape]
        ended, unfinished, wait = run(self._context.api, same, Share.LIVE)
        self._open = [*unfinished, *others] if unfinished else [job for job in others if job.listing.pages]
        for job in ended:
            self._end(job)
        return wait

    def _end(self, job: SweepJob) -> None:
        if job.target.network:
            self._end_network(job)
            return
        group = self._context.state.group(job.target.name)
        if group is None or not group.targets:
            return
        if job.null:
            self.nulls[group.id] = group
        elif job.failed and not job.listing.nodes:
            self._failed(group)
        else:
            self.commit(
                group, job.node or {}, job.listing.nodes.values(), job, whole=job.listing.whole and not job.failed
            )

    def _end_network(self, job: SweepJob) -> None:
        now, name = self._context.now(), job.target.name
        state = self.networks.get(name, NetworkState())
        whole = job.listing.whole and not job.failed
        failures = 0 if whole else state.failures + 1
        self.networks[name] = NetworkState(now if whole else state.swept, now, failures, len(job.listing.nodes))
        by_group: dict[str, list[bytes]] = {group_id: [] for group_id in job.target.groups}
        for packed in job.packed.values():
            group_id = self._group_of(json.loads(packed))
            if group_id in by_group:
                by_group[group_id].append(packed)
        for group_id, some in by_group.items():
            nodes: list[Node] = [json.loads(packed) for packed in some]
            group = self._context.state.group(group_id)
            if group is not None and group.targets and (whole or nodes):
                shown = next((node["group"] for node in nodes if isinstance(node.get("group"), dict)), {"id": group_id})
                self.commit(group, shown, nodes, job, whole=whole)

    def _group_of(self, node: Node) -> str:
        """Whose event it is: a node's group was seen to be null."""
        group = node.get("group")
        if isinstance(group, dict) and group.get("id"):
            return str(group["id"])
        token = identity_of(node)
        known = self._context.state.event(token) if token else None
        return known.group_id if known else ""

    def _failed(self, group: GroupState) -> None:
        now = self._context.now()
        with self._context.state.commit(now) as commit:
            commit.group(msgspec.structs.replace(group, tried=now, failures=group.failures + 1))

    def commit(self, group: GroupState, node: Node, nodes: Iterable[Node], job: SweepJob, *, whole: bool) -> None:
        """What a group showed, in one transaction; nothing of a group that has just turned private."""
        context, now = self._context, self._context.now()
        if _private(group, node) and not group.private:
            self.turned_private = True
            with context.state.commit(now) as commit:
                commit.group(msgspec.structs.replace(group, private=True))
            return
        observed, shown = self._observe(nodes, node, group.id)
        known = context.state.events_of(group.id)
        beside = context.state.events([each.token for each in observed if each.token not in known])
        with context.state.commit(now) as commit:
            changes = changes_of_events(
                {**known, **beside},
                observed,
                now,
                count_every=context.options.count_every,
                last_record=lambda token: commit.last_record("open_events", token),
                whole=whole,
                unread=context.unread(),
            )
            states = {state.token: state for state in changes.events}
            tokens = frozenset(shown | states.keys())
            frozen = whole and self._absences(commit, group, known, tokens, job.begins, now)
            for version in changes.versions:
                commit.version(version)
            for state in states.values():
                commit.event(state, read_due(state, now))
            commit_venues(context, commit, (venue for each in observed for venue in each.venues), now)
            commit_photos(context, commit, observed, node, now)
            commit.group(self._group_after(group, node, observed, now, whole=whole, frozen=frozen))
        context.committed(commit, fresh=False)
        context.metrics.rekeyed.inc(changes.rekeyed)
        context.metrics.stale.inc(changes.stale)
        for token in tokens:
            self.suspects.pop(token, None)

    def _observe(self, nodes: Iterable[Node], group: Node, group_id: str) -> tuple[list[Observed], set[str]]:
        """What can be read, and the tokens of what cannot: it is there, so it has not vanished."""
        observed: list[Observed] = []
        shown: set[str] = set()
        for node in nodes:
            own = node.get("group")
            try:
                seen = observe_event(node, own if isinstance(own, dict) else group)
                observed.append(replace(seen, group_id=group_id))
                self._context.lost(seen.lost)
            except Untranslatable as error:
                self._context.quarantine("event", str(error))
                if token := identity_of(node):
                    shown.add(token)
        return observed, shown

    def _absences(
        self,
        commit: Commit,
        group: GroupState,
        known: Mapping[str, EventState],
        shown: frozenset[str],
        begins: int,
        now: int,
    ) -> bool:
        """Count what is missing; whether so much is missing that the group is frozen."""
        found = absences(group, known.values(), shown, begins, now)
        for state in found.states:
            commit.event(state, read_due(state, now))
        if not self._silent():
            self.suspects.update({state.token: state for state in found.suspects})
        return found.frozen

    def _silent(self) -> bool:
        silent = silent_zero(self._context.state.groups())
        self._context.metrics.silent_zero.set(silent)
        return silent

    def _group_after(
        self, group: GroupState, node: Node, observed: Sequence[Observed], now: int, *, whole: bool, frozen: bool
    ) -> GroupState:
        status = str(node.get("status") or "")
        group = msgspec.structs.replace(
            group,
            urlname=str(node.get("urlname") or group.urlname),
            private=_private(group, node),
            sleeping=status in _SLEEPING if status else group.sleeping,
        )
        if not whole:
            return msgspec.structs.replace(group, tried=now, failures=group.failures + 1)
        upcoming = sum(each.starts is not None and each.starts > now and not each.silent for each in observed)
        return after_sweep(group, upcoming, now, frozen=frozen)


def _private(group: GroupState, node: Node) -> bool:
    """As it says now, if it says so plainly; else as it was known."""
    said = flag_if_any(node.get("isPrivate"))
    return group.private if said is None else said
