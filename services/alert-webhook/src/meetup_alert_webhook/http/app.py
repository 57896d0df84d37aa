"""The HTTP API: two paths that take alerts, and the operational pages, on one port.

What each answer means to its sender is in the README. Everything that blocks runs in threads of a bounded number, so
the probes are answered whatever Slack does.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from meetupkit.http.asgi import AsgiApp
from meetupkit.http.body import BodyBudget, CutOff, NoRoom, TooLarge, TooSlow, held_body
from meetupkit.http.pages import PageApp
from meetupkit.http.slots import NoSlot, Slots
from meetupkit.limited_log import LimitedLog
from meetupkit.ops_pages import OpsPages

from meetup_alert_webhook.delivery.outcomes import Outcome, Reason, RetryLater
from meetup_alert_webhook.http.credentials import CannotCheck, Check, Forbidden, Unauthenticated
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.model import Alert, Source
from meetup_alert_webhook.sources import alertmanager, log_export
from meetup_alert_webhook.sources.malformed import Malformed
from meetup_alert_webhook.watchdog import Heartbeat

log = logging.getLogger(__name__)

_LOG_SECONDS: Final = 1.0
"""Between two log lines of a kind that senders cause."""
_HELD_BODIES: Final = 16
"""Bodies of the largest size that are held at once: an alert has a few kB, so this is thousands of alerts."""
_RETRY_LONGEST: Final = 300.0
"""A sender that is told to wait longer would seem to have been forgotten."""

Handle = Callable[[bytes, Mapping[str, str]], Outcome]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all on one path, may take."""

    body_bytes: int
    body_seconds: float
    concurrent: int


@dataclass(frozen=True, slots=True)
class Intake:
    """One path that takes alerts: who may bring them, and what is done with a body."""

    source: Source
    check: Check
    handle: Handle


def alertmanager_handler(
    deliver: Callable[[Alert], Outcome], heartbeat: Heartbeat, metrics: Metrics, *, heartbeat_alert: str
) -> Handle:
    """Alertmanager's groups; the heartbeat goes its own way."""

    def handle(body: bytes, _headers: Mapping[str, str]) -> Outcome:
        group = alertmanager.parse(body)
        metrics.received.labels(Source.ALERTMANAGER).inc()
        if alertmanager.is_heartbeat(group, heartbeat_alert):
            return heartbeat.seen(group)
        return deliver(alertmanager.to_alert(group))

    return handle


def log_export_handler(deliver: Callable[[Alert], Outcome], metrics: Metrics) -> Handle:
    """Log entries that Pub/Sub pushes."""

    def handle(body: bytes, headers: Mapping[str, str]) -> Outcome:
        alert = log_export.parse(body, headers)
        metrics.received.labels(Source.LOG_EXPORT).inc()
        return deliver(alert)

    return handle


class UnsupportedEncoding(Exception):
    """The body is compressed: 415."""


class Path:
    """One path: who may bring what, and how much is worked on at once. Another path's flood does not fill it."""

    def __init__(self, intake: Intake, limits: Limits, metrics: Metrics, budget: BodyBudget) -> None:
        self._intake = intake
        self._limits = limits
        self._metrics = metrics
        self._budget = budget
        self._slots = Slots(limits.concurrent)
        self._threads: anyio.CapacityLimiter | None = None
        self._log = LimitedLog(log, seconds=_LOG_SECONDS)

    async def take(self, request: Request) -> Response:
        """The answer to one request."""
        try:
            return await self._take(request)
        except Unauthenticated as error:
            return self._refused(401, "unauthenticated", str(error), {"WWW-Authenticate": "Bearer"})
        except Forbidden as error:
            return self._refused(403, "forbidden", str(error))
        except CannotCheck as error:
            self._log.error("unchecked", "%s; pushes are answered 503", error, extra={"event": "credentials_unchecked"})
            return self._later(RetryLater(Reason.CREDENTIALS_UNCHECKED, 5.0))
        except UnsupportedEncoding:
            return self._refused(415, "encoded", "a body must come as it is, without Content-Encoding")
        except (NoRoom, NoSlot):
            return self._later(RetryLater(Reason.OVERLOADED, 1.0))
        except TooLarge:
            return self._refused(413, "too_large", f"at most {self._limits.body_bytes} bytes are taken")
        except (TooSlow, CutOff):
            return self._refused(408, "too_slow", "the body did not arrive in time")
        except Malformed as error:
            return self._malformed(error)

    async def _take(self, request: Request) -> Response:
        await self._intake.check(request.headers.get("authorization", ""))
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise UnsupportedEncoding
        async with held_body(
            request, limit=self._limits.body_bytes, seconds=self._limits.body_seconds, budget=self._budget
        ) as body:
            with self._slots.one():
                outcome = await self._in_thread(lambda: self._intake.handle(body, request.headers))
        if isinstance(outcome, RetryLater):
            return self._later(outcome, counted=True)
        return JSONResponse({"outcome": type(outcome).__name__.lower()})

    async def _in_thread(self, call: Callable[[], Outcome]) -> Outcome:
        if self._threads is None:  # made here because it belongs to the running event loop
            self._threads = anyio.CapacityLimiter(self._limits.concurrent)
        return await anyio.to_thread.run_sync(call, limiter=self._threads)

    def _later(self, later: RetryLater, *, counted: bool = False) -> Response:
        if not counted:
            self._metrics.deferred.labels(self._intake.source, later.reason).inc()
        seconds = max(1, math.ceil(min(later.seconds, _RETRY_LONGEST)))
        return JSONResponse({"error": str(later.reason)}, 503, {"Retry-After": str(seconds)})

    def _refused(self, status: int, reason: str, why: str, headers: Mapping[str, str] | None = None) -> Response:
        source = self._intake.source
        self._metrics.refused.labels(source, reason).inc()
        self._log.warning(
            reason, "a request was refused: %s", why, extra={"event": "refused", "source": source, "reason": reason}
        )
        # What is unread of the body is not worth reading, and a slow sender is to be rid of.
        return JSONResponse({"error": why}, status, {"Connection": "close", **(headers or {})})

    def _malformed(self, error: Malformed) -> Response:
        source = self._intake.source
        self._metrics.malformed.labels(source).inc()
        self._log.error(
            "malformed",
            "a body of %s was acknowledged, but cannot be read: %s",
            source,
            error,
            extra={"event": "malformed", "source": source},
        )
        return JSONResponse({"outcome": "malformed", "error": str(error)})


def build(intakes: Mapping[str, Intake], limits: Limits, metrics: Metrics, pages: OpsPages) -> AsgiApp:
    """The application: each intake at its path, and the operational pages."""
    # A redirect of a trailing slash would send the sender, with its token, wherever its Host header says.
    app = FastAPI(title="Alert webhook", docs_url=None, redoc_url=None, redirect_slashes=False)
    budget = BodyBudget(_HELD_BODIES * limits.body_bytes)
    for path, intake in intakes.items():
        app.post(path, name=intake.source, responses=_ANSWERS, openapi_extra=_body_of(intake.source))(
            _endpoint(Path(intake, limits, metrics, budget))
        )
    return PageApp(pages, app)


def _endpoint(path: Path) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await path.take(request)

    return endpoint


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Slack has it, or has had it, or the outbox has it; or nobody could ever read it"},
    400: {"description": "Not plain HTTP, or what two readers could read differently"},
    401: {"description": "No credentials, or wrong ones"},
    403: {"description": "Good credentials of somebody else, or a path that is closed"},
    408: {"description": "The body did not arrive in time"},
    413: {"description": "The body is too large"},
    415: {"description": "The body is compressed"},
    503: {"description": "Nobody has it: bring it again after Retry-After seconds"},
}


def _body_of(source: Source) -> dict[str, Any]:
    model = alertmanager.WebhookBody if source is Source.ALERTMANAGER else log_export.Envelope
    schema = model.model_json_schema(ref_template=f"#/components/schemas/{source}_{{model}}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _inlined(schema)}}}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without references, which FastAPI would not carry into its components."""
    definitions = schema.pop("$defs", {})

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if reference := node.get("$ref"):
                return resolve(definitions[reference.rpartition("_")[2]])
            return {name: resolve(value) for name, value in node.items()}
        return [resolve(value) for value in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved
