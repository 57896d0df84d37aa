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
from meetupkit.api_body import CutOff, TooLarge, TooSlow, read_body
from meetupkit.api_pages import add_pages
from meetupkit.ops_server import OpsPages

from meetup_alert_webhook import alertmanager, log_export
from meetup_alert_webhook.alerts import Alert, Source
from meetup_alert_webhook.credentials import CannotCheck, Check, Forbidden, Unauthenticated
from meetup_alert_webhook.heartbeat import Heartbeat
from meetup_alert_webhook.metrics import Metrics
from meetup_alert_webhook.outcomes import Later, Outcome, Reason
from meetup_alert_webhook.poison import Poison

log = logging.getLogger(__name__)

_AUTHORIZATION: Final = 16 * 1024
"""Longer headers than uvicorn's own limit of a request's head would not arrive."""
_RETRY_LONGEST: Final = 300.0
"""A sender that is told to wait longer would seem to have been forgotten."""

Handle = Callable[[bytes, Mapping[str, str]], Outcome]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all of them, may take."""

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


class Desk:
    """Takes requests in: who is it, is there room, what does it say; and turns what came of it into an answer."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._busy = 0
        self._threads: anyio.CapacityLimiter | None = None

    async def take(self, request: Request, intake: Intake) -> Response:
        """The answer to one request."""
        if self._busy >= self._limits.concurrent:
            return self._later(intake, Later(Reason.OVERLOADED, 1.0))
        self._busy += 1
        try:
            return await self._take(request, intake)
        except Unauthenticated as error:
            return self._refused(intake, 401, "unauthenticated", str(error), {"WWW-Authenticate": "Bearer"})
        except Forbidden as error:
            return self._refused(intake, 403, "forbidden", str(error))
        except CannotCheck as error:
            log.error("%s; pushes are answered 503", error, extra={"event": "credentials_unchecked"})
            return self._later(intake, Later(Reason.CREDENTIALS_UNCHECKED, 5.0))
        except TooLarge:
            return self._refused(intake, 413, "too_large", f"at most {self._limits.body_bytes} bytes are taken")
        except (TooSlow, CutOff):
            return self._refused(intake, 408, "too_slow", "the body did not arrive in time")
        except Poison as error:
            return self._poison(intake, error)
        finally:
            self._busy -= 1

    async def _take(self, request: Request, intake: Intake) -> Response:
        header = request.headers.get("authorization", "")[:_AUTHORIZATION]
        await self._in_thread(lambda: intake.check(header))
        body = await read_body(request, limit=self._limits.body_bytes, seconds=self._limits.body_seconds)
        outcome = await self._in_thread(lambda: intake.handle(body, request.headers))
        if isinstance(outcome, Later):
            return self._later(intake, outcome, counted=True)
        return JSONResponse({"outcome": type(outcome).__name__.lower()})

    async def _in_thread(self, call: Callable[[], Any]) -> Any:
        if self._threads is None:  # made here because it belongs to the running event loop
            self._threads = anyio.CapacityLimiter(self._limits.concurrent)
        return await anyio.to_thread.run_sync(call, limiter=self._threads)

    def _later(self, intake: Intake, later: Later, *, counted: bool = False) -> Response:
        if not counted:
            self._metrics.deferred.labels(intake.source, later.reason).inc()
        seconds = max(1, math.ceil(min(later.seconds, _RETRY_LONGEST)))
        return JSONResponse({"error": str(later.reason)}, 503, {"Retry-After": str(seconds)})

    def _refused(
        self, intake: Intake, status: int, reason: str, why: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        self._metrics.refused.labels(intake.source, reason).inc()
        log.warning("a request was refused: %s", why, extra={"event": "refused", "source": intake.source})
        # What is unread of the body is not worth reading, and a slow sender is to be rid of.
        return JSONResponse({"error": why}, status, {"Connection": "close", **(headers or {})})

    def _poison(self, intake: Intake, error: Poison) -> Response:
        self._metrics.poison.labels(intake.source).inc()
        log.error(
            "a body of %s was acknowledged, but cannot be read: %s",
            intake.source,
            error,
            extra={"event": "poison", "source": intake.source},
        )
        return JSONResponse({"outcome": "poison", "error": str(error)})


def build(intakes: Mapping[str, Intake], desk: Desk, pages: OpsPages) -> FastAPI:
    """The application: each intake at its path, and the operational pages."""
    app = FastAPI(title="Alert webhook", docs_url=None, redoc_url=None)
    for path, intake in intakes.items():
        app.post(path, name=intake.source, responses=_ANSWERS, openapi_extra=_body_of(intake.source))(
            _endpoint(intake, desk)
        )
    add_pages(app, pages)
    return app


def _endpoint(intake: Intake, desk: Desk) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await desk.take(request, intake)

    return endpoint


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Slack has it, or has had it, or the outbox has it; or nobody could ever read it"},
    401: {"description": "No credentials, or wrong ones"},
    403: {"description": "Good credentials of somebody else, or a path that is closed"},
    408: {"description": "The body did not arrive in time"},
    413: {"description": "The body is too large"},
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
