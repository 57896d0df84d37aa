"""A proxy between the operator and an API server, whichever it is, with faults on request.

    python tests/operator/fault_proxy.py --upstream https://127.0.0.1:6443 [--authority FILE]

prints ``{"port": N}`` and hands every request on, credentials and all. Its own API, for the namespace ``?namespace=``:

- ``POST /_faults``: a list of ``{"verbs", "plurals", "status", "count", "retry_after"}``, or with ``"hang": true``,
  ``"location"`` (a redirect), ``"body"`` (text instead of a ``Status``) or ``"details"`` (more of the ``Status``);
- ``POST /_watches/cut``, ``.../freeze`` (open, but silent for good), ``.../break`` (ends by an error event),
  ``.../expire`` (cut, and the next watch of each is told 410);
- ``POST /_discovery/hide``, ``.../show``: whether the custom resource is announced (in all namespaces);
- ``GET /_requests``: how many there were by verb, plural and code, and how many watches live.
"""

import argparse
import asyncio
import json
import re
import ssl
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

_PATH = re.compile(r"/apis?/(?:[^/]+/)?[^/]+/namespaces/(?P<namespace>[^/]+)/(?P<plural>[^/]+)(?P<name>/[^/]+)?")
_GROUP = "meetup-analysis.dev"
_HOP_BY_HOP = {"host", "connection", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"}


@dataclass
class Namespace:
    """What is to befall the requests of one namespace, and what there was."""

    faults: list[dict[str, Any]] = field(default_factory=list)
    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    watches: dict[asyncio.Future[str], str] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)


class Proxy:
    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._upstream = upstream.rstrip("/")
        self._session = session
        self._namespaces: dict[str, Namespace] = {}
        self._hidden = False

    def app(self) -> web.Application:
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_post("/_faults", self.set_faults)
        app.router.add_post("/_watches/{what}", self.disturb_watches)
        app.router.add_post("/_discovery/{what}", self.set_discovery)
        app.router.add_get("/_requests", self.count_requests)
        app.router.add_route("*", "/{path:.*}", self.serve)
        return app

    async def serve(self, request: web.Request) -> web.StreamResponse:
        found = _PATH.match(request.path)
        if found is None:
            hidden = self._hidden and request.path.startswith("/apis")
            return await self.discover(request) if hidden else await self.forward(request)
        here, verb = self.namespace(found["namespace"]), verb_of(request, named=bool(found["name"]))
        code = 0
        try:
            fault = await self.fault(here, verb, found["plural"])
            if fault is not None:
                answer: web.StreamResponse = fault
            elif verb == "watch":
                answer = await self.watch(request, here, found["plural"])
            else:
                answer = await self.forward(request)
            code = answer.status
            return answer
        finally:
            here.requests[verb, found["plural"], code] += 1

    async def fault(self, here: Namespace, verb: str, plural: str) -> web.Response | None:
        for fault in here.faults:
            if verb in fault.get("verbs", [verb]) and plural in fault.get("plurals", [plural]) and fault["count"] > 0:
                fault["count"] -= 1
                if fault.get("hang"):
                    await asyncio.Event().wait()
                status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fault["status"]}
                body = {**status, "reason": "Injected", "message": f"an injected fault for {verb} {plural}"}
                headers = {"Retry-After": str(fault["retry_after"])} if "retry_after" in fault else {}
                if "location" in fault:
                    headers["Location"] = fault["location"]
                if "body" in fault:
                    return web.Response(status=fault["status"], text=fault["body"], headers=headers)
                body |= fault.get("details", {})
                return web.json_response(body, status=fault["status"], headers=headers)
        return None

    async def forward(self, request: web.Request) -> web.Response:
        async with self.ask(request, await request.read()) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    async def discover(self, request: web.Request) -> web.Response:
        """What an API server says before it has taken note of the CRD."""
        if request.path.startswith(f"/apis/{_GROUP}"):
            return web.json_response({"kind": "Status", "code": 404, "message": "not found"}, status=404)
        async with self.ask(request, b"") as answer:
            body = await answer.json()
        body["groups"] = [group for group in body.get("groups", []) if group["name"] != _GROUP]
        return web.json_response(body)

    def ask(self, request: web.Request, body: bytes) -> Any:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        return self._session.request(
            request.method, self._upstream + request.raw_path, data=body or None, headers=headers
        )

    async def watch(self, request: web.Request, here: Namespace, plural: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if plural in here.expired:
            here.expired.remove(plural)
            await response.prepare(request)
            await response.write(error_event(410, "Expired"))
            return response
        command: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with self.ask(request, b"") as answer:
            if answer.status != 200:
                return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")
            await response.prepare(request)
            here.watches[command] = plural
            try:
                await self.relay(answer.content, response, command)
            finally:
                here.watches.pop(command, None)
        return response

    async def relay(
        self, content: aiohttp.StreamReader, response: web.StreamResponse, command: asyncio.Future[str]
    ) -> None:
        while not command.done():
            chunk = asyncio.ensure_future(content.readany())
            either: set[asyncio.Future[Any]] = {chunk, command}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not chunk.done():
                chunk.cancel()
            elif not chunk.result():
                return
            else:
                await response.write(chunk.result())
        match command.result():
            case "freeze":
                await asyncio.Event().wait()
            case "break":
                await response.write(error_event(500, "InternalError"))

    def namespace(self, name: str) -> Namespace:
        return self._namespaces.setdefault(name, Namespace())

    async def set_faults(self, request: web.Request) -> web.Response:
        self.namespace(request.query["namespace"]).faults = await request.json()
        return web.json_response({})

    async def disturb_watches(self, request: web.Request) -> web.Response:
        here, what = self.namespace(request.query["namespace"]), request.match_info["what"]
        if what == "expire":
            here.expired |= set(here.watches.values())
        for command in list(here.watches):
            del here.watches[command]
            command.set_result(what)
        return web.json_response({})

    async def set_discovery(self, request: web.Request) -> web.Response:
        self._hidden = request.match_info["what"] == "hide"
        return web.json_response({})

    async def count_requests(self, request: web.Request) -> web.Response:
        here = self.namespace(request.query["namespace"])
        counted = [{"verb": v, "plural": p, "code": c, "count": n} for (v, p, c), n in here.requests.items()]
        return web.json_response({"requests": counted, "watches": len(here.watches)})


def verb_of(request: web.Request, *, named: bool) -> str:
    """The API server's name for what is asked; ``apply`` for server-side apply."""
    if request.method == "GET":
        return "get" if named else "watch" if request.query.get("watch") else "list"
    if request.method == "PATCH":
        return "apply" if request.content_type == "application/apply-patch+yaml" else "patch"
    return {"POST": "create", "PUT": "update", "DELETE": "delete"}.get(request.method, request.method)


def error_event(code: int, reason: str) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return json.dumps({"type": "ERROR", "object": {**status, "message": "injected"}}).encode() + b"\n"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--authority")
    options = parser.parse_args()
    trust = ssl.create_default_context(cafile=options.authority)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=0), timeout=timeout) as session:
        runner = web.AppRunner(Proxy(options.upstream, session).app(), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
