"""The API's guard, if a token is set: who does not bring it costs a refusal, before a byte of a body is read."""

import json
import logging
from typing import Final

from meetupkit.http.asgi import AsgiApp, Receive, Scope, Send
from meetupkit.http.bearer import credentials, equal
from meetupkit.limited_log import LimitedLog

log = logging.getLogger(__name__)

_REFUSAL: Final = json.dumps({"detail": ["the bearer token is missing or wrong"]}).encode()
_HEADERS: Final = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_REFUSAL)).encode()),
    (b"www-authenticate", b"Bearer"),
    (b"connection", b"close"),
]


class RequireToken:
    """The application, for requests that bring the token."""

    def __init__(self, app: AsgiApp, token: str) -> None:
        self._app = app
        self._token = token
        self._limited = LimitedLog(log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if equal(credentials("bearer", given.decode("latin-1")), self._token):
            await self._app(scope, receive, send)
            return
        self._limited.warning(
            "token", "a request without the token was refused: %s", scope["path"][:100], extra={"event": "refused"}
        )
        await send({"type": "http.response.start", "status": 401, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _REFUSAL})
