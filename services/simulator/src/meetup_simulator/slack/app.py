"""A stand-in for Slack: incoming webhooks, the part of the Web API that posts, and a page that shows what was posted.

::

    POST /services/T0/B<n>/stand-in     incoming webhook of the n-th channel
    POST /api/chat.postMessage, /api/chat.update, /api/auth.test
    GET  /                              the channels, as a page
    GET  /messages?channel=...          the messages, for a test
    GET, POST, DELETE /faults           what went wrong on request: {"fault": "throttle", "times": 3, "retry_after": 2}

It answers as Slack does: webhooks in plain text with a status, the Web API with 200 and ``{"ok": false}``.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from meetup_simulator.http.listening import ReservedPort
from meetup_simulator.http.server import Connection, HttpServer, Request, Response
from meetup_simulator.slack.page import page
from meetup_simulator.slack.workspace import AskedFault, Fault, Posted, SlackError, Workspace

DEVELOPMENT_TOKEN: Final = "xoxb-slack-stand-in"  # noqa: S105  (it opens nothing but the stand-in)
_WEBHOOK_STATUS: Final[Mapping[str, int]] = {
    "no_service": 404,
    "channel_not_found": 404,
    "ratelimited": 429,
    "invalid_auth": 403,
    "server_error": 500,
}
"""Statuses of the incoming webhooks' errors; the others are 400."""


class SlackApp:
    """Serves a workspace on ``port``; 0 takes a free one."""

    def __init__(self, workspace: Workspace, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.workspace = workspace
        self._reserved = ReservedPort(host, port)
        self._server = HttpServer(self._reserved, self._handle)
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._reserved.port}"

    @property
    def api_url(self) -> str:
        """What a bot calls."""
        return f"{self.url}/api"

    def webhook_url(self, channel: str) -> str:
        """The incoming webhook of the channel."""
        return f"{self.url}/services/T0/B{self.workspace.channels.index(channel)}/stand-in"

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def stop(self) -> None:
        """End every connection; the port refuses."""
        await self._server.stop()

    def close(self) -> None:
        """Give the port back."""
        self._reserved.close()

    async def _handle(self, request: Request, connection: Connection) -> Response | None:
        match request.path.split("/")[1:]:
            case ["services", "T0", webhook, "stand-in"] if request.method == "POST":
                return await self._webhook(request, connection, webhook)
            case ["api", method] if request.method == "POST":
                return await self._api(request, connection, method)
            case ["messages"]:
                found = self.workspace.messages(request.query.get("channel", ""))
                return _json([_listed(posted) for posted in found])
            case ["faults"]:
                return self._faults(request)
            case [""]:
                shown = page(self.workspace.channels, self.workspace.messages())
                return _answer(200, "text/html; charset=utf-8", shown.encode())
            case _:
                return _text(404, "no_service" if request.path.startswith("/services/") else "not_found")

    async def _webhook(self, request: Request, connection: Connection, webhook: str) -> Response | None:
        try:
            message = _object(request.body)
            if not message:
                return self._refused(SlackError("no_text"))  # before any fault: it is how senders probe
            channel = self._channel_of_webhook(webhook)
            fault = await self._strike(connection)
            self.workspace.post(channel, message)
        except _ConnectionGone:
            return None
        except SlackError as error:
            return self._refused(error)
        self.workspace.count("posted")
        if fault is Fault.ACCEPT_THEN_RESET:
            connection.reset()
            return None
        return _text(200, "ok")

    def _refused(self, error: SlackError) -> Response:
        self.workspace.count(error.word)
        return _text(_WEBHOOK_STATUS.get(error.word, 400), error.word, retry_after=error.retry_after)

    async def _api(self, request: Request, connection: Connection, method: str) -> Response | None:
        try:
            body = _object(request.body)
            _check_token(request)
            fault = None if method == "auth.test" else await self._strike(connection)
            answer = self._call(method, body)
        except _ConnectionGone:
            return None
        except SlackError as error:
            self.workspace.count(error.word)
            if error.word == "server_error":
                return _text(500, "server_error")
            status = 429 if error.word == "ratelimited" else 200
            return _json({"ok": False, "error": error.word}, status=status, retry_after=error.retry_after)
        self.workspace.count({"chat.postMessage": "posted", "chat.update": "updated"}.get(method, method))
        if fault is Fault.ACCEPT_THEN_RESET:
            connection.reset()
            return None
        return _json({"ok": True, **answer})

    def _call(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if method == "auth.test":
            return {"team": "stand-in", "user": "meetup"}
        channel = self._channel_named(str(body.get("channel", "")), by_name=method == "chat.postMessage")
        message = {name: body[name] for name in ("text", "blocks", "attachments") if name in body}
        match method:
            case "chat.postMessage":
                posted = self.workspace.post(channel, message, thread=str(body.get("thread_ts", "")))
            case "chat.update":
                posted = self.workspace.update(channel, str(body.get("ts", "")), message)
            case _:
                raise SlackError("unknown_method")
        return {"channel": self._id(channel), "ts": posted.ts, "message": message}

    async def _strike(self, connection: Connection) -> Fault | None:
        """Do the fault that was asked for, if it is one that keeps the message from being taken."""
        asked = self.workspace.next_fault()
        match asked:
            case None:
                return None
            case AskedFault(fault=Fault.ACCEPT_THEN_RESET):
                return Fault.ACCEPT_THEN_RESET
            case AskedFault(fault=Fault.THROTTLE):
                raise SlackError("ratelimited", retry_after=asked.retry_after)
            case AskedFault(fault=Fault.HANG):
                self.workspace.count(Fault.HANG)
                await connection.gone()
                raise _ConnectionGone
            case AskedFault(fault=Fault.RESET):
                self.workspace.count(Fault.RESET)
                connection.reset()
                raise _ConnectionGone
            case _:
                raise SlackError(asked.fault)

    def _faults(self, request: Request) -> Response:
        match request.method:
            case "POST":
                try:
                    asked = _object(request.body)
                    times = asked.get("times")
                    self.workspace.ask_fault(
                        Fault(str(asked.get("fault"))),
                        None if times is None else int(times),
                        retry_after=int(asked.get("retry_after", 1)),
                    )
                except (SlackError, ValueError, TypeError):
                    return _text(400, f"faults are {', '.join(Fault)}")
            case "DELETE":
                self.workspace.forget_faults()
        return _json({"counts": self.workspace.counts})

    def _channel_of_webhook(self, webhook: str) -> str:
        for at, channel in enumerate(self.workspace.channels):
            if webhook == f"B{at}":
                return channel
        raise SlackError("no_service")

    def _channel_named(self, name: str, *, by_name: bool) -> str:
        """By id; ``chat.postMessage`` takes names too, ``chat.update`` does not."""
        for channel in self.workspace.channels:
            if name == self._id(channel) or (by_name and name.removeprefix("#") == channel.removeprefix("#")):
                return channel
        raise SlackError("channel_not_found")

    def _id(self, channel: str) -> str:
        return f"C{self.workspace.channels.index(channel):08d}"


class _ConnectionGone(Exception):
    """There is nobody to answer."""


def _check_token(request: Request) -> None:
    if _header(request, "authorization") != f"Bearer {DEVELOPMENT_TOKEN}":
        raise SlackError("invalid_auth")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        raise SlackError("invalid_payload") from None
    if not isinstance(found, dict):
        raise SlackError("invalid_payload")
    return found


def _header(request: Request, name: str) -> str:
    return next((value for each, value in request.headers.items() if each.lower() == name), "")


def _listed(posted: Posted) -> dict[str, Any]:
    return {
        "channel": posted.channel,
        "ts": posted.ts,
        "thread_ts": posted.thread,
        "edited": len(posted.edits),
        "message": posted.message,
    }


def _answer(status: int, content_type: str, body: bytes, *, retry_after: int = 0) -> Response:
    wait = (("Retry-After", str(retry_after)),) if retry_after else ()
    return Response(status, (("Content-Type", content_type), *wait), body)


def _text(status: int, text: str, *, retry_after: int = 0) -> Response:
    return _answer(status, "text/plain; charset=utf-8", text.encode(), retry_after=retry_after)


def _json(content: Any, *, status: int = 200, retry_after: int = 0) -> Response:
    return _answer(status, "application/json; charset=utf-8", json.dumps(content).encode(), retry_after=retry_after)
