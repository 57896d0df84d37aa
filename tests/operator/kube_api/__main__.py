"""A Kubernetes API server for tests: real HTTP, in memory, no controllers.

    python tests/operator/kube_api --crd FILE --rbac FILE [--port 0] [--certificate FILE]

prints ``{"port": N}``. ``Bearer admin`` may do everything, ``Bearer operator`` what the rules of the RBAC file say, in
namespaces. Faults are ``fault_proxy``'s.
"""

import argparse
import asyncio
import contextlib
import json
import ssl
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from objects import Body, Changed, Objects, Refused, Resource, json_patch, merge_patch

RESOURCES = (
    Resource("", "v1", "pods", "Pod", status=True, generations=False),
    Resource("", "v1", "secrets", "Secret", generations=False),
    Resource("", "v1", "serviceaccounts", "ServiceAccount", generations=False),
    Resource("", "v1", "services", "Service", generations=False),
    Resource("", "v1", "events", "Event", generations=False),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", generations=False),
    Resource("apps", "v1", "deployments", "Deployment", status=True),
    Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
    Resource("monitoring.coreos.com", "v1", "podmonitors", "PodMonitor"),
    Resource("rbac.authorization.k8s.io", "v1", "roles", "Role"),
    Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"),
    Resource("meetup-analysis.dev", "v1alpha1", "meetupfeeds", "MeetupFeed", status=True, short=("mf",)),
)
BOOKMARK_SECONDS = 5.0


class Server:
    def __init__(self, objects: Objects, rules: list[Body]) -> None:
        self.objects = objects
        self.rules = rules
        self.unserved: set[str] = set()
        """Plural names of kinds whose CRD is deleted."""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self.middleware])
        app.router.add_get("/version", self.version)
        # What the tests prepare on a real server is there already; saying so lets them practise it here.
        app.router.add_post("/api/v1/namespaces", self.agree)
        app.router.add_delete("/api/v1/namespaces/{namespace}", self.agree)
        crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
        app.router.add_patch(crd, self.serve_crd)
        app.router.add_delete(crd, self.delete_crd)
        app.router.add_post("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", self.give_token)
        for root in ("/api/{version}", "/apis/{group}/{version}"):
            app.router.add_get(root, self.discover)
            app.router.add_route("*", root + "/{plural}", self.serve)
            app.router.add_route("*", root + "/namespaces/{namespace}/{plural}", self.serve)
            app.router.add_route("*", root + "/namespaces/{namespace}/{plural}/{name}", self.serve)
            app.router.add_route("*", root + "/namespaces/{namespace}/{plural}/{name}/{subresource}", self.serve)
        app.router.add_get("/api", self.core_versions)
        app.router.add_get("/apis", self.groups)
        return app

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        user = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            if user not in ("admin", "operator"):
                raise Refused(401, "Unauthorized", "Unauthorized")
            if user == "operator" and "plural" in request.match_info:
                self.authorize(request, verb_of(request), request.match_info["plural"])
            answer: web.StreamResponse = await handler(request)
        except Refused as error:
            failure = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": error.code}
            body = {**failure, "reason": error.reason, "message": error.message}
            return web.json_response(body, status=error.code)
        return answer

    def authorize(self, request: web.Request, verb: str, plural: str) -> None:
        group = request.match_info.get("group", "")
        subresource = request.match_info.get("subresource")
        what = f"{plural}/{subresource}" if subresource else plural
        needs = [verb] if verb != "apply" else ["patch", "create"] if self.is_new(request) else ["patch"]
        self.check(request, group, what, needs)

    def check(self, request: web.Request, group: str, what: str, needs: list[str]) -> None:
        for needed in needs:
            allowed = any(
                group in rule["apiGroups"] and what in rule["resources"] and needed in rule["verbs"]
                for rule in self.rules
            )
            if not allowed or "namespace" not in request.match_info:
                raise Refused(403, "Forbidden", f'User "operator" cannot {needed} {what} in API group "{group}"')

    def check_owners(self, request: web.Request, resource: Resource, namespace: str, name: str, body: Any) -> None:
        """As OwnerReferencesPermissionEnforcement does: only who may delete an object may change its owners."""
        before = self.objects.stored.get((resource.plural, namespace, name))
        if before is None or not isinstance(body, dict) or "ownerReferences" not in body.get("metadata", {}):
            return
        if before["metadata"].get("ownerReferences") != body["metadata"]["ownerReferences"]:
            self.check(request, resource.group, resource.plural, ["delete"])

    def is_new(self, request: web.Request) -> bool:
        where = request.match_info
        return (where["plural"], where["namespace"], where["name"]) not in self.objects.stored

    async def serve(self, request: web.Request) -> web.StreamResponse:
        where = request.match_info
        resource = self.find(where.get("group", ""), where["version"], where["plural"])
        namespace, name, sub = where.get("namespace", ""), where.get("name", ""), where.get("subresource", "")
        if not name:
            if request.method == "POST":
                body = await request.json()
                return web.json_response(self.objects.create(resource, namespace, body, manager(request)), status=201)
            if request.query.get("watch"):
                return await self.watch(request, resource, namespace)
            return self.list_objects(request, resource, namespace)
        if sub not in ("", "scale") and not (sub == "status" and resource.status):
            raise Refused(404, "NotFound", "no such subresource")
        match request.method:
            case "GET":
                return web.json_response(self.objects.get(resource, namespace, name))
            case "DELETE":
                return web.json_response(self.objects.delete(resource, namespace, name))
            case "PUT":
                new = await request.json()
                return web.json_response(self.objects.update(resource, namespace, name, new, manager(request), sub))
        return await self.patch(request, resource, namespace, name, sub)

    async def patch(
        self, request: web.Request, resource: Resource, namespace: str, name: str, sub: str
    ) -> web.StreamResponse:
        body, who = await request.json(), manager(request)
        existed = (resource.plural, namespace, name) in self.objects.stored
        if not sub and request.headers.get("Authorization") == "Bearer operator":
            self.check_owners(request, resource, namespace, name, body)
        match request.content_type:
            case "application/apply-patch+yaml":
                if "fieldManager" not in request.query:
                    raise Refused(400, "BadRequest", "fieldManager is required for apply patch")
                force = request.query.get("force") == "true"
                after = self.objects.apply(resource, namespace, name, body, who, force=force, subresource=sub)
            case "application/merge-patch+json" | "application/json-patch+json" as kind:
                before = self.objects.get(resource, namespace, name)
                new = merge_patch(before, body) if "merge" in kind else json_patch(before, body)
                after = self.objects.update(resource, namespace, name, new, who, sub)
            case other:
                raise Refused(415, "UnsupportedMediaType", other)
        return web.json_response(after, status=200 if existed else 201)

    def list_objects(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        wanted = selector(request)
        found = [
            body
            for (plural, where, _), body in sorted(self.objects.stored.items())
            if plural == resource.plural and namespace in ("", where) and selected(body, wanted)
        ]
        limit, start = int(request.query.get("limit", 0)) or len(found), int(request.query.get("continue") or 0)
        page = [
            {k: v for k, v in body.items() if k not in ("kind", "apiVersion")} for body in found[start : start + limit]
        ]
        more = {"continue": str(start + limit)} if start + limit < len(found) else {}
        return web.json_response(
            {
                "kind": f"{resource.kind}List",
                "apiVersion": resource.api_version,
                "metadata": {"resourceVersion": str(self.objects.version), **more},
                "items": page,
            }
        )

    async def watch(self, request: web.Request, resource: Resource, namespace: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        since = int(request.query.get("resourceVersion") or 0)
        news, wanted = asyncio.Event(), selector(request)
        self.objects.listeners.append(news.set)
        try:
            while True:
                news.clear()
                for change in self.objects.after(since):
                    since = change.version
                    if change.resource == resource and (event := event_of(change, namespace, wanted)):
                        await response.write(json.dumps(event).encode() + b"\n")
                if resource.plural in self.unserved:
                    return response
                try:
                    await asyncio.wait_for(news.wait(), BOOKMARK_SECONDS)
                except TimeoutError:
                    mark = {"kind": resource.kind, "apiVersion": resource.api_version}
                    body = {"type": "BOOKMARK", "object": {**mark, "metadata": {"resourceVersion": str(since)}}}
                    await response.write(json.dumps(body).encode() + b"\n")
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self.objects.listeners.remove(news.set)

    async def discover(self, request: web.Request) -> web.Response:
        group, version = request.match_info.get("group", ""), request.match_info["version"]
        found = [r for r in self.served() if (r.group, r.version) == (group, version)]
        if not found:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
        listed: list[Body] = []
        for r in found:
            entry = {
                "name": r.plural,
                "singularName": r.kind.lower(),
                "namespaced": True,
                "kind": r.kind,
                "verbs": verbs,
            }
            listed.append({**entry, "shortNames": list(r.short)})
            if r.status:
                listed.append({**entry, "name": f"{r.plural}/status", "verbs": ["get", "patch", "update"]})
        if not group:  # without namespaces, kopf waits for them for ever
            listed.append({"name": "namespaces", "singularName": "namespace", "namespaced": False, "kind": "Namespace"})
        api_version = f"{group}/{version}" if group else version
        return web.json_response({"kind": "APIResourceList", "groupVersion": api_version, "resources": listed})

    def served(self) -> list[Resource]:
        return [resource for resource in RESOURCES if resource.plural not in self.unserved]

    def find(self, group: str, version: str, plural: str) -> Resource:
        for resource in self.served():
            if (resource.group, resource.version, resource.plural) == (group, version, plural):
                return resource
        raise Refused(404, "NotFound", "the server could not find the requested resource")

    async def delete_crd(self, request: web.Request) -> web.Response:
        """Its objects go, its watches end, and nobody serves it any more."""
        plural = request.match_info["name"].partition(".")[0]
        for resource in [each for each in self.served() if each.plural == plural]:
            self.objects.remove_all(resource)
        self.unserved.add(plural)
        self.objects.tell()
        return web.json_response({})

    async def serve_crd(self, request: web.Request) -> web.Response:
        self.unserved.discard(request.match_info["name"].partition(".")[0])
        return web.json_response({})

    async def agree(self, request: web.Request) -> web.Response:
        return web.json_response({})

    async def give_token(self, request: web.Request) -> web.Response:
        return web.json_response({"status": {"token": "operator"}})

    async def version(self, request: web.Request) -> web.Response:
        return web.json_response({"major": "1", "minor": "36", "gitVersion": "v1.36.0-test"})

    async def core_versions(self, request: web.Request) -> web.Response:
        return web.json_response({"kind": "APIVersions", "versions": ["v1"]})

    async def groups(self, request: web.Request) -> web.Response:
        groups = {r.group: r.version for r in self.served() if r.group}
        listed = []
        for group, version in groups.items():
            both = {"groupVersion": f"{group}/{version}", "version": version}
            listed.append({"name": group, "versions": [both], "preferredVersion": both})
        return web.json_response({"kind": "APIGroupList", "apiVersion": "v1", "groups": listed})


def verb_of(request: web.Request) -> str:
    if request.method == "GET":
        if request.match_info.get("name"):
            return "get"
        return "watch" if request.query.get("watch") else "list"
    if request.method == "PATCH":
        return "apply" if request.content_type == "application/apply-patch+yaml" else "patch"
    return {"POST": "create", "PUT": "update", "DELETE": "delete"}.get(request.method, request.method)


def manager(request: web.Request) -> str:
    return request.query.get("fieldManager") or request.headers.get("User-Agent", "unknown").partition("/")[0]


def selector(request: web.Request) -> dict[str, str]:
    text = request.query.get("labelSelector", "")
    return dict(part.split("=", 1) for part in text.split(",") if part)


def selected(body: Body | None, wanted: dict[str, str]) -> bool:
    return body is not None and wanted.items() <= (body["metadata"].get("labels") or {}).items()


def event_of(change: Changed, namespace: str, wanted: dict[str, str]) -> Body | None:
    """What a watch with this selector sees of the change: leaving the selection is a deletion."""
    body = change.after or change.before
    assert body is not None
    if namespace not in ("", body["metadata"]["namespace"]):
        return None
    was, now = selected(change.before, wanted), selected(change.after, wanted)
    if not was and not now:
        return None
    kind = "ADDED" if now and not was else "MODIFIED" if now else "DELETED"
    metadata = {**body["metadata"], "resourceVersion": str(change.version)}
    return {"type": kind, "object": {**body, "metadata": metadata}}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--crd", type=Path, required=True)
    parser.add_argument("--rbac", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", type=Path, help="PEM with certificate and key, for TLS")
    options = parser.parse_args()
    crd = yaml.load(options.crd.read_text(), yaml.CSafeLoader)  # by libyaml, as it is done at every start
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    server = Server(Objects(schemas={"meetupfeeds": schema}), yaml.safe_load(options.rbac.read_text())["rules"])
    runner = web.AppRunner(server.app(), shutdown_timeout=0.1)
    await runner.setup()
    trust = None
    if options.certificate:
        trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.load_cert_chain(options.certificate)
    await web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=trust).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
