"""The HTTP API. Each handler is thin: read, hand to the acceptor in a thread, answer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from meetupkit.errors import StoreRefused, StoreUnavailable
from meetupkit.http.asgi import AsgiApp
from meetupkit.http.pages import PageApp
from meetupkit.http.slots import NoSlot, Slots
from meetupkit.ops_pages import OpsPages
from starlette.concurrency import run_in_threadpool

from meetup_enricher import __version__
from meetup_enricher.http.auth import RequireToken
from meetup_enricher.http.body import BODY_SECONDS, BadRequest, read_json_body, read_request
from meetup_enricher.http.schemas import (
    REQUEST_BODY,
    Backlog,
    Counts,
    Enrichment,
    NotFound,
    Problem,
    Profile,
    Queued,
    QueueState,
)
from meetup_enricher.kinds import MAX_ID, Kind
from meetup_enricher.queueing.accept import Acceptor, accept_all

RETRY_AFTER_SECONDS: Final = 1
"""What a sender is asked to wait at least while the document store does not answer. Streams wait longer by their own
policy as the outage lasts; asking for more here would make a short one longer."""

ACCEPTING: Final = 16
"""Requests that wait for the document store at once: five streams send one at a time each, and one that gave up waiting
leaves its own behind. Later ones are told to come back, so that a store that hangs takes no more threads."""
READING: Final = 16
"""The same for those who look at profiles and the queue: they hold up no stream."""

ProfileId = Annotated[int, Path(alias="id", ge=1, le=MAX_ID)]
_ANY: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "Not plain HTTP, or cut off.", "model": Problem},
    401: {"description": "The bearer token is missing or wrong.", "model": Problem},
    414: {"description": "The path and query are too long.", "model": Problem},
    431: {"description": "The head is too large.", "model": Problem},
}
"""Answered before anybody is asked."""
_UNAVAILABLE: Final[dict[int | str, dict[str, Any]]] = {
    **_ANY,
    503: {
        "model": Problem,
        "description": "The document store does not answer; nothing is lost by asking again.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
    },
}


def create_app(
    acceptors: Mapping[str, Acceptor], pages: OpsPages, *, body_seconds: float = BODY_SECONDS, token: str | None = None
) -> AsgiApp:
    """The application; ``acceptors`` by the name of their kind, ``pages`` on the same port.

    With a ``token`` the API is for those who bring it; probes and scrapers bring none.
    """
    app = FastAPI(
        title="Meetup enricher",
        version=__version__,
        summary="Fetches member and group profiles, each id once, and stores them.",
        docs_url=None,  # these pages load scripts from elsewhere; /openapi.json is all that tools need
        redoc_url=None,
        redirect_slashes=False,  # it would send the sender, with its ids, wherever its Host header says
    )
    _add_errors(app)
    _add_enrichments(app, acceptors, body_seconds)
    reading = Slots(READING)
    for acceptor in acceptors.values():
        _add_profiles(app, acceptor, reading)
    _add_queue(app, acceptors, reading)
    return PageApp(pages, RequireToken(app, token) if token else app)


def _add_enrichments(app: FastAPI, acceptors: Mapping[str, Acceptor], body_seconds: float) -> None:
    statuses = {
        400: "Not JSON, or cut off.",
        408: "The body came too slowly.",
        413: "The body is too large.",
        415: "Not application/json.",
        422: "An item is not an id; each is named.",
    }

    accepting = Slots(ACCEPTING)

    @app.post(
        "/v1/enrichments",
        status_code=202,
        response_model=Enrichment,
        openapi_extra=REQUEST_BODY,
        responses={
            **{status: {"model": Problem, "description": text} for status, text in statuses.items()},
            **_UNAVAILABLE,
        },
    )
    async def enrich(request: Request) -> Enrichment:
        """Have profiles looked up. The ids are durable when this is answered with 202."""
        asked = read_request(await read_json_body(request, body_seconds))
        with accepting.one():
            accepted = await run_in_threadpool(accept_all, acceptors, asked.ids, client=asked.client)
        members, groups = (
            Counts(queued=each.queued, already_queued=each.already_queued, fresh=each.fresh, missing=each.missing)
            for each in (accepted["members"], accepted["groups"])
        )
        return Enrichment(members=members, groups=groups)


def _add_profiles(app: FastAPI, acceptor: Acceptor, reading: Slots) -> None:
    kind: Kind = acceptor.kind

    @app.get(
        f"/v1/{kind.name}/{{id}}",
        name=f"get_{kind.name}_profile",
        response_model=Profile,
        responses={
            202: {"model": Queued, "description": "Not looked up yet."},
            404: {"model": NotFound, "description": "Nobody asked for it, or Meetup has none."},
            422: {"model": Problem, "description": "Not an id."},
            **_UNAVAILABLE,
        },
    )
    async def profile(profile_id: ProfileId) -> Response:
        """The stored profile of one id."""
        with reading.one():
            known = await run_in_threadpool(acceptor.known, profile_id)
        if known.profile:
            return _json(
                200,
                Profile(
                    id=profile_id,
                    fetched_at=known.profile.fields["fetched_at"],
                    fresh=acceptor.is_fresh(known.profile),
                    queued=known.entry is not None,
                    profile=known.profile.fields["profile"],
                ),
            )
        if known.entry:
            entry = known.entry.fields
            return _json(202, Queued(id=profile_id, enqueued_at=entry["enqueued_at"], attempts=entry["attempts"]))
        if known.missing:
            missing = known.missing.fields
            return _json(
                404,
                NotFound(
                    status="missing",
                    id=profile_id,
                    reason=missing["reason"],
                    missing_at=missing["missing_at"],
                    expires_at=missing["expires_at"],
                ),
            )
        return _json(404, NotFound(status="unknown", id=profile_id))


def _add_queue(app: FastAPI, acceptors: Mapping[str, Acceptor], reading: Slots) -> None:
    @app.get("/v1/queue", responses=_UNAVAILABLE)
    async def queue() -> QueueState:
        """What waits for its look-up."""
        with reading.one():
            members, groups = [await run_in_threadpool(_backlog, acceptors[name]) for name in ("members", "groups")]
        return QueueState(members=members, groups=groups)


def _backlog(acceptor: Acceptor) -> Backlog:
    waiting = acceptor.queue.waiting()
    return Backlog(depth=waiting.depth, oldest_seconds=waiting.oldest_seconds)


def _add_errors(app: FastAPI) -> None:
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        BadRequest: _bad_request,
        RequestValidationError: _not_an_id,
        StoreUnavailable: _store_down,
        StoreRefused: _store_down,
        NoSlot: _too_many,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _bad_request(_: Request, error: BadRequest) -> Response:
    # What was not read of the body would be taken for the next request.
    headers = {"Connection": "close"} if error.status in {408, 413, 415} else None
    return JSONResponse({"detail": list(error.mistakes)}, error.status, headers)


async def _not_an_id(_: Request, error: RequestValidationError) -> Response:
    return JSONResponse({"detail": [f"{each['loc'][-1]}: {each['msg']}" for each in error.errors()]}, 422)


async def _store_down(_: Request, error: StoreUnavailable | StoreRefused) -> Response:
    return JSONResponse(
        {"detail": [f"the document store does not answer: {error}"]}, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}
    )


async def _too_many(_: Request, error: NoSlot) -> Response:
    return JSONResponse({"detail": [str(error)]}, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _json(status: int, body: Profile | Queued | NotFound) -> Response:
    return Response(body.model_dump_json(exclude_none=False), status, media_type="application/json")
