"""What ``/metrics``, ``/livez`` and ``/readyz`` answer; ``meetupkit.http`` serves them. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from meetupkit.progress import Progress

OPS_PATHS: Final = ("/metrics", "/livez", "/readyz")
NotReady = Callable[[], str | None]
"""Why the service is not ready, in a sentence, or ``None`` when it is."""


@dataclass(frozen=True, slots=True)
class OpsAnswer:
    """An HTTP answer, for whichever server sends it."""

    status: int
    content_type: str
    body: bytes


class OpsPages:
    """The three pages of one service, over its own registry.

    ``caveat`` is what does not work although the service is ready, in a sentence; ``/readyz`` says it with its 200.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        progress: Progress,
        not_ready: NotReady,
        caveat: NotReady = lambda: None,
    ) -> None:
        self._registry = registry
        self._progress = progress
        self._not_ready = not_ready
        self._caveat = caveat

    def answer(self, path: str, accept: str = "") -> OpsAnswer:
        """The page at ``path``; 404 for any other than ``OPS_PATHS``."""
        match path:
            case "/metrics":
                encode, content_type = choose_encoder(accept)
                return OpsAnswer(200, content_type, encode(self._registry))
            case "/livez":
                return self._livez()
            case "/readyz":
                reason = self._not_ready()
                if reason:
                    return sentence(503, reason)
                caveat = self._caveat()
                return sentence(200, f"ready, but: {caveat}" if caveat else "ready")
            case _:
                return sentence(404, "this port has " + " ".join(OPS_PATHS))

    def _livez(self) -> OpsAnswer:
        late = self._progress.stalled()
        if not late:
            return sentence(200, "alive")
        return sentence(503, ", ".join(f"{loop} is {seconds:.0f} s late" for loop, seconds in sorted(late.items())))


def sentence(status: int, text: str) -> OpsAnswer:
    """A page of one line."""
    return OpsAnswer(status, "text/plain; charset=utf-8", f"{text}\n".encode())
