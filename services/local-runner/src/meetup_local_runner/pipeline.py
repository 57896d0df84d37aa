"""All children together: started when what they need is ready, restarted, asked for their figures, stopped in order."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from meetup_local_runner.board import Board, FeedLine, Status
from meetup_local_runner.figures import STALE_SECONDS, EnricherHistory, StreamHistory
from meetup_local_runner.plan import ALERT_WEBHOOK, ENRICHER, GATEWAY, Process, waves_of_stop
from meetup_local_runner.processes import Child, State, how_it_ended, with_log
from meetup_local_runner.scrape import Page, Scraper

STOP_SECONDS: Final = 9.0
"""A person is promised ten. What a process has not finished by then is lost to nobody: it is read again."""
_SILENT: Final = frozenset({"event_comments"})
"""Today's API has no comments."""
_RESERVED_SECONDS: Final = 1.5
"""Kept back for each later wave: an idle service stops in a few tenths of a second."""


class ChildFailed(Exception):
    """The run cannot go on because of one process; the message is for the operator."""


class ChildRefused(ChildFailed):
    """A process ended because operator action is required."""


class Pipeline:
    """The processes of a plan, as children of this one."""

    def __init__(
        self,
        processes: Sequence[Process],
        *,
        logs: Path,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = {each.name: Child(each, logs=logs, environ=environ, clock=clock) for each in processes}
        self._feeds = {name: StreamHistory() for name, child in self._children.items() if child.process.feed}
        self._enricher = EnricherHistory()
        self._trouble: dict[str, str | None] = dict.fromkeys(self._children, "waiting")
        self._scraper = Scraper()
        self._clock = clock

    @property
    def all_ready(self) -> bool:
        """Whether every process says that it is ready."""
        return not any(self._trouble.values())

    def start_next(self) -> None:
        """Start whatever has all it needs. Raises ``ChildFailed`` for a child that ended instead of getting ready."""
        for child in self._children.values():
            if child.state is State.WAITING and not any(self._trouble[name] for name in child.process.needs):
                child.start(self._addresses())
                self._trouble[child.process.name] = "starting"
            self._look(child)
            if child.state is State.DOWN:
                raise ChildFailed(with_log(child, f"ended while it started ({how_it_ended(child.exit_code)})"))
        self._ask_readiness()

    def why_late(self, seconds: float) -> str:
        """Which process is not ready after so many seconds, and why, with the end of its log."""
        child = next(child for name, child in self._children.items() if self._trouble[name])
        return with_log(child, f"is not ready after {seconds:.0f} s: {self._trouble[child.process.name]}")

    def tend(self) -> None:
        """Notice ends, and start again what is due. Raises ``ChildRefused``."""
        for child in self._children.values():
            self._look(child)
            if child.is_due():
                child.start(self._addresses())

    def ask(self) -> None:
        """Get every process's readiness and figures."""
        self._ask_readiness()
        self.ask_figures()

    def ask_figures(self, within: float = float("inf")) -> None:
        """Those of the feeds and the enricher; who has not been asked after so many seconds is not asked."""
        until = self._clock() + within
        for name, child in self._children.items():
            if self._clock() >= until:
                return
            if name in self._feeds and (page := self._page(child)):
                self._feeds[name].observe(self._clock(), page)
            elif name == ENRICHER and (page := self._page(child)):
                self._enricher.observe(self._clock(), page)

    def send_alert(self, notification: Mapping[str, Any], token: SecretStr) -> bool:
        """Post to the alert webhook, as Alertmanager does; true when it need not be sent again."""
        webhook = self._children[ALERT_WEBHOOK]
        if not (webhook.running and webhook.address):
            return False
        return self._scraper.post(f"{webhook.address}/v1/alertmanager", notification, token)

    def stop(self, show: Callable[[str], None], wait: Callable[[float], object], seconds: float = STOP_SECONDS) -> None:
        """Stop everything within so many seconds, those first that nobody needs.

        ``wait`` waits so many seconds, less if a child ends meanwhile; ``show`` is told the phase.
        """
        waves = list(waves_of_stop([child.process for child in self._children.values()]))
        until = self._clock() + seconds
        for later, wave in zip(range(len(waves) - 1, -1, -1), waves, strict=True):
            children = [self._children[process.name] for process in wave]
            if any(child.running for child in children):
                show(f"stopping {_names(children)}")
            for child in children:
                child.ask_to_stop()
            self._await_end(children, until - later * _RESERVED_SECONDS, wait)
        self._scraper.close()

    def kill(self) -> None:
        """End everything at once."""
        for child in self._children.values():
            child.kill()

    @property
    def killed(self) -> list[str]:
        """Those that did not stop in time."""
        return [name for name, child in self._children.items() if child.killed]

    def statuses(self) -> list[Status]:
        """Every process, in the order of the plan."""
        return [self._status(child) for child in self._children.values()]

    def board(self, phase: str | None, seconds: float) -> Board:
        """All that is to be shown now."""
        return Board(
            phase=phase,
            seconds=seconds,
            feeds=tuple(
                self._feed_line(child.process.feed, child) for child in self._children.values() if child.process.feed
            ),
            enricher=self._enricher.counts,
            queue=self._enricher.queue,
            others=tuple(self._status(child) for child in self._children.values() if not child.process.feed),
            silent=_SILENT if GATEWAY in self._children else frozenset(),
        )

    def _feed_line(self, feed: str, child: Child) -> FeedLine:
        history = self._feeds[child.process.name]
        is_fresh = history.silent_seconds(self._clock()) < STALE_SECONDS
        return FeedLine(
            feed=feed,
            status=self._status(child),
            counts=history.counts,
            per_second=history.per_second if is_fresh else None,
            lag=history.lag if is_fresh else None,
        )

    def _page(self, child: Child) -> Page | None:
        return self._scraper.page(child.address) if child.running and child.address else None

    def _look(self, child: Child) -> None:
        if not child.look():
            return
        name = child.process.name
        if name in self._feeds:
            self._feeds[name].life_ended(child.log.totals)
        elif name == ENRICHER:
            self._enricher.life_ended(child.log.totals)
        if child.state is State.DOWN:
            self._trouble[name] = f"down ({how_it_ended(child.exit_code)})"
            if child.refused:
                raise ChildRefused(f"{name} does not start: {child.refused}")

    def _ask_readiness(self) -> None:
        for name, child in self._children.items():
            if child.running:
                self._trouble[name] = (
                    self._scraper.why_not_ready(child.address, child.process.ready_path)
                    if child.address and child.log.address
                    else "starting"
                )

    def _await_end(self, children: Sequence[Child], until: float, wait: Callable[[float], object]) -> None:
        while any(child.running for child in children):
            for child in children:
                self._look(child)
                if self._clock() >= until:
                    child.kill()
            if any(child.running for child in children):
                wait(min(0.1, max(0.01, until - self._clock())))

    def _addresses(self) -> dict[str, str]:
        return {name: child.address for name, child in self._children.items() if child.address}

    def _staleness(self, name: str) -> str | None:
        """That a process which is there tells no figures any more."""
        if name == ENRICHER:
            return _since(self._enricher.silent_seconds(self._clock()))
        return _since(self._feeds[name].silent_seconds(self._clock())) if name in self._feeds else None

    def _status(self, child: Child) -> Status:
        name = child.process.name
        trouble = self._trouble[name]
        if child.state is State.DOWN:
            trouble = f"{trouble}, back in {child.restart_in:.0f} s"
        elif child.running and not trouble:
            trouble = self._staleness(name)
        page = child.address and child.address + child.process.page
        return Status(name, page, trouble, child.restarts)


def _since(seconds: float) -> str | None:
    """The mark of figures that were read so long ago."""
    return f"no figures for {seconds:.0f} s" if STALE_SECONDS <= seconds < float("inf") else None


def _names(children: Sequence[Child]) -> str:
    streams = ["the streams"] if any(child.process.feed for child in children) else []
    return " and ".join([*streams, *(child.process.name for child in children if not child.process.feed)])
