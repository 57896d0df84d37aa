"""kopf's watches, one kind each: set up when discovery names the kind, and again whenever they end, for ever.

Each runs in a thread and an event loop of its own. kopf ends its whole operator by whatever one watch cannot get over,
cancels every task of its loop then, and would have the process killed should that take long; here none of it reaches
the other kinds, the workers, or the process.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import kopf
from meetupkit.foreign_text import printable
from meetupkit.limited_log import LimitedLog
from meetupkit.progress import Progress

from meetup_feed_operator.control.executor import DaemonThreads
from meetup_feed_operator.control.handlers import kopf_settings, registry
from meetup_feed_operator.kubernetes.client import ApiRefused, ApiUnavailable, KubeApi
from meetup_feed_operator.kubernetes.credentials import Credentials
from meetup_feed_operator.kubernetes.kinds import FEED, POD_MONITOR, POD_MONITORING, Kind
from meetup_feed_operator.metrics import Metrics
from meetup_feed_operator.settings import EVERY_NAMESPACE, OperatorSettings

log = logging.getLogger(__name__)
_limited = LimitedLog(log)

_PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Before a watch is set up again; the resync works meanwhile, so nobody waits for it."""
_DISCOVERY_SECONDS: Final = 2.0
"""Between two looks whether the API server names the kind: a CRD is served about a second after it is there."""
_SET_UP_SECONDS: Final = 30.0
"""From the start until the API server answers the watch; kopf looks at discovery and lists before."""
_PROVEN_SECONDS: Final = 5.0
"""A watch that was up this long ended by an accident, and is set up again at once."""
_STOP_SECONDS: Final = 1.0
"""kopf ends in a tenth of this, but waits 10 s for tasks that do not end; the thread is left behind after this, and
ends with the process."""
_OPTIONAL: Final = frozenset({POD_MONITOR, POD_MONITORING})
"""A cluster without Prometheus does not know them, and the operator is ready all the same."""

Observe = Callable[[Kind, kopf.RawEvent], None]
"""What is called in the operator's own loop for each event."""


class Watch:
    """The watch of one kind."""

    def __init__(
        self,
        kind: Kind,
        settings: OperatorSettings,
        api: KubeApi,
        credentials: Credentials,
        observe: Observe,
        metrics: Metrics,
        progress: Progress,
    ) -> None:
        self.kind = kind
        self._namespace = settings.namespace
        self._request_seconds = settings.request_seconds
        self._api = api
        self._credentials = credentials
        self._observe = observe
        self._metrics = metrics
        self._progress = progress
        self._up_since: float | None = None
        self._why_not = "the operator has just started"

    def not_ready(self) -> str | None:
        """Why changes of this kind are not seen at once, in a sentence."""
        if self._up_since is not None or (self.kind in _OPTIONAL and self._why_not == self._unannounced):
            return None
        return f"changes of {self.kind.plural} are not watched: {self._why_not}"

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            await self._announced()
            ended = await self._watch() or "it ended without an error"
            lived = time.monotonic() - self._up_since if self._up_since is not None else 0.0
            self._up_since, self._why_not = None, f"the watch ended and is set up again: {ended}"
            failures = 0 if lived > _PROVEN_SECONDS else failures + 1
            self._metrics.watch_failures.inc()
            self._tell(failures)
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    def _tell(self, failures: int) -> None:
        """A watch that ended once is an accident, which setting it up again mends."""
        _limited.line(
            logging.ERROR if failures > 2 else logging.WARNING,
            f"{self.kind.plural} {failures > 2}",
            "changes of %s are not watched: %s",
            self.kind.plural,
            self._why_not,
            extra={"event": "watches_ended", "kind": self.kind.name},
        )

    @property
    def _unannounced(self) -> str:
        return f"the API server does not announce {self.kind.name}s"

    def _answered(self, status: int) -> None:
        """Called in kopf's thread."""
        if status != 200:
            self._up_since, self._why_not = None, f"the API server answers {status}"
        elif self._up_since is None:
            self._up_since = time.monotonic()

    async def _announced(self) -> None:
        """Return when discovery names the kind: kopf looks once, and never watches what it does not find then."""
        while True:
            self._moving(_DISCOVERY_SECONDS)
            try:
                if await self._api.announces(self.kind):
                    return
                self._why_not = self._unannounced
            except (ApiUnavailable, ApiRefused) as error:
                self._why_not = str(error)
            await asyncio.sleep(_DISCOVERY_SECONDS)

    async def _watch(self) -> str | None:
        """Run kopf until its watch ends; returns why."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str | None] = loop.create_future()
        handlers = registry(self.kind, self._credentials, self._seen(loop), self._answered)
        thread = _KopfThread(self.kind, self._namespace, handlers, _setter(loop, ended))
        thread.start()
        due = time.monotonic() + _SET_UP_SECONDS
        try:
            while not ended.done():
                self._moving(_DISCOVERY_SECONDS)
                if self._up_since is None and time.monotonic() > due:
                    return f"the API server has not answered it in {_SET_UP_SECONDS:g} s"
                due = due if self._up_since is None else time.monotonic() + _SET_UP_SECONDS
                await asyncio.wait({ended}, timeout=_DISCOVERY_SECONDS)
            return ended.result()
        finally:
            thread.stop()
            if not ended.done():
                await asyncio.wait({ended}, timeout=_STOP_SECONDS)

    def _seen(self, loop: asyncio.AbstractEventLoop) -> Callable[[kopf.RawEvent], None]:
        """Hands events over in the order they came; the loop is woken once for all that have come meanwhile."""
        events: deque[kopf.RawEvent] = deque()

        def hand_over() -> None:
            while events:
                loop.call_soon(self._observe, self.kind, events.popleft())

        def seen(event: kopf.RawEvent) -> None:
            events.append(event)
            if len(events) == 1:  # else the loop is awake, and has not yet come to the one before
                _call(loop, hand_over)

        return seen

    def _moving(self, pause: float) -> None:
        self._progress.moving(f"watch of {self.kind.plural}", within=20 * pause + 4 * self._request_seconds)


class _KopfThread(threading.Thread):
    """One life of a kopf operator with one handler."""

    def __init__(
        self, kind: Kind, namespace: str, handlers: kopf.OperatorRegistry, ended: Callable[[str | None], None]
    ) -> None:
        super().__init__(name=f"watch of {kind.plural}", daemon=True)
        self._kind = kind
        self._namespace = namespace
        self._handlers = handlers
        self._ended = ended
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._stop_asked = threading.Event()

    def run(self) -> None:
        try:
            asyncio.run(self._operate())
        except Exception as error:  # noqa: BLE001  (what a watch can die of is kopf's own and has no common type)
            self._ended(f"{type(error).__name__}: {printable(str(error))}".removesuffix(": "))
        else:
            self._ended(None)

    def stop(self) -> None:
        """Ask it to end; safe from another thread, at any moment of its life."""
        self._stop_asked.set()
        if self._loop and self._stopping:
            _call(self._loop, self._stopping.set)

    async def _operate(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonThreads())
        loop.set_exception_handler(_tell_of_lost_errors)
        self._stopping = asyncio.Event()
        self._loop = loop
        if self._stop_asked.is_set():
            return
        everywhere = self._namespace == EVERY_NAMESPACE
        await kopf.operator(
            registry=self._handlers,
            settings=kopf_settings(self._kind),
            clusterwide=everywhere,
            namespaces=[] if everywhere else [self._namespace],
            standalone=True,
            stop_flag=self._stopping,
        )


def _tell_of_lost_errors(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """When a watch ends by an error, kopf leaves tasks whose error nobody reads; ``Watch`` logs the first."""
    log.debug("kopf left behind: %s", context.get("message"), extra={"event": "kopf_left_behind"})


def _setter(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[str | None]") -> Callable[[str | None], None]:
    def set_result(value: str | None) -> None:
        if not future.done():
            future.set_result(value)

    return lambda value: _call(loop, set_result, value)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: object) -> None:
    """In the loop's own thread; not at all if the loop has ended."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        log.debug("an event came after the end", extra={"event": "late"})


def watches_not_ready(watches: list[Watch]) -> str | None:
    """The first that does not work, that of the feeds before all."""
    found = {watch.kind: why for watch in watches if (why := watch.not_ready())}
    return found.get(FEED) or next(iter(found.values()), None)
