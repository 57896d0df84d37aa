"""A cluster as an administrator sees it: the test server of ``kube_api``, or a real API server."""

import base64
import json
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import requests
import yaml
from meetup_testkit.child_process import ChildProcess, until

Body = dict[str, Any]
T = TypeVar("T")

ROOT: Final = Path(__file__).parents[2]
CRD: Final = ROOT / "charts/meetup-analysis/crds/meetupfeeds.yaml"
RBAC: Final = ROOT / "services/feed-operator/rbac.yaml"
FEED_GROUP: Final = "meetup-analysis.dev"
_GROUPS: Final = {
    "meetupfeeds": "apis/meetup-analysis.dev/v1alpha1",
    "deployments": "apis/apps/v1",
    "leases": "apis/coordination.k8s.io/v1",
    "networkpolicies": "apis/networking.k8s.io/v1",
    "roles": "apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "apis/rbac.authorization.k8s.io/v1",
}
_CRDS: Final = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SECONDS: Final = 60.0
"""The operator's README gives 30 s to repair drift; a machine that does many things at once gets as many again."""
_CALL_SECONDS: Final = 30.0
_HAS_CONTROLLERS: dict[str, bool] = {}
"""By the address of a real server; finding out takes seconds."""


def eventually(condition: Callable[[], T | None], what: str, *, seconds: float = _SECONDS) -> T:
    """``until``, within twice what the operator's README gives to repair drift."""
    return until(condition, what, seconds)


@dataclass
class Cluster:
    """Raises ``requests.HTTPError`` for answers of 400 and above, except where a method says otherwise."""

    server: str
    namespace: str
    admin: requests.Session
    operator_user: Body
    operator_cluster: Body = field(default_factory=dict)
    authority: str | None = None
    proxy: str = ""
    has_controllers: bool = False

    def path(self, plural: str, name: str = "", subresource: str = "") -> str:
        parts = [_GROUPS.get(plural, "api/v1"), "namespaces", self.namespace, plural, name, subresource]
        return f"{self.server}/" + "/".join(part for part in parts if part)

    def get(self, plural: str, name: str) -> Body | None:
        """The object, or ``None`` if there is none."""
        response = self.admin.get(self.path(plural, name))
        return None if response.status_code == 404 else _json(response)

    def items(self, plural: str) -> list[Body]:
        items: list[Body] = _json(self.admin.get(self.path(plural)))["items"]
        return items

    def create(self, plural: str, body: Body) -> Body:
        return _json(self.admin.post(self.path(plural), json=body))

    def delete(self, plural: str, name: str) -> None:
        """Delete it, if it is there."""
        response = self.admin.delete(self.path(plural, name))
        if response.status_code != 404:
            _json(response)

    def merge(self, plural: str, name: str, patch: Body, *, subresource: str = "", by: str = "kubectl-edit") -> Body:
        """A merge patch, as ``kubectl edit`` and ``kubectl scale`` send it."""
        headers = {"Content-Type": "application/merge-patch+json"}
        url = self.path(plural, name, subresource)
        return _json(self.admin.patch(url, data=json.dumps(patch), headers=headers, params={"fieldManager": by}))

    def strategic_env(self, name: str, variable: str, value: str) -> None:
        """``kubectl set env deployment/NAME VARIABLE=VALUE``."""
        deployment = self.deployment(name)
        containers = deployment["spec"]["template"]["spec"]["containers"]
        containers[0]["env"].append({"name": variable, "value": value})
        self.merge("deployments", f"{name}-stream", {"spec": {"template": {"spec": {"containers": containers}}}})

    def create_feed(self, name: str, **spec: Any) -> Body:
        body = {"apiVersion": f"{FEED_GROUP}/v1alpha1", "kind": "MeetupFeed", "metadata": {"name": name}, "spec": spec}
        return self.create("meetupfeeds", body)

    def deployment(self, feed: str) -> Body:
        """The feed's Deployment, waited for."""
        return eventually(lambda: self.get("deployments", f"{feed}-stream"), f"a Deployment of {feed}")

    def environment(self, feed: str) -> dict[str, str]:
        container = self.deployment(feed)["spec"]["template"]["spec"]["containers"][0]
        return {variable["name"]: variable.get("value", "") for variable in container["env"]}  # "" is left out

    def condition(self, feed: str, kind: str) -> Body:
        """The condition; empty as long as there is none."""
        body = self.get("meetupfeeds", feed) or {}
        conditions = body.get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == kind), {})

    def wait_for_condition(self, feed: str, kind: str, status: str, reason: str) -> Body:
        def found() -> Body | None:
            condition = self.condition(feed, kind)
            return condition if (condition.get("status"), condition.get("reason")) == (status, reason) else None

        return eventually(found, f"{kind} of {feed} becomes {status} ({reason})")

    def events(self, feed: str) -> list[tuple[str, str]]:
        """Reason and message of the events about the feed."""
        about = [event for event in self.items("events") if event["involvedObject"]["name"] == feed]
        return [(event["reason"], event["message"]) for event in about]

    def roll_out(self, feed: str, *, available: int | None = None) -> None:
        """Say of the Deployment what its controller would say when so many of its pods are available."""
        deployment = self.deployment(feed)
        count = deployment["spec"]["replicas"]
        numbers = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count)
        if available is not None:
            numbers |= {"readyReplicas": available, "availableReplicas": available}
        status = {"observedGeneration": deployment["metadata"]["generation"], **numbers}
        self.merge(
            "deployments", f"{feed}-stream", {"status": status}, subresource="status", by="kube-controller-manager"
        )

    def run_pod(self, feed: str, name: str, port: int) -> None:
        """A pod of the feed whose ops port is on this machine; no scheduler is told of it."""
        template = self.deployment(feed)["spec"]["template"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": template["metadata"]["labels"]},
            "spec": {
                "schedulerName": "nobody",
                "automountServiceAccountToken": False,
                "containers": [
                    {"name": "stream", "image": "none", "ports": [{"name": "ops", "containerPort": port}]},
                ],
            },
        }
        self.create("pods", pod)
        self.set_pod_status(name, {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]})

    def set_pod_status(self, name: str, status: Body) -> None:
        self.merge("pods", name, {"status": status}, subresource="status", by="kubelet")

    def kubeconfig(self) -> str:
        """A kubeconfig for the operator, with its own rights and no more."""
        target = {"server": self.proxy} if self.proxy else {"server": self.server, **self.operator_cluster}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": target}],
            "users": [{"name": "operator", "user": self.operator_user}],
            "contexts": [
                {"name": "test", "context": {"cluster": "test", "user": "operator", "namespace": self.namespace}},
            ],
        }
        return yaml.safe_dump(config)

    def delete_crd(self) -> None:
        """With all MeetupFeeds of the whole server."""
        _json(self.admin.delete(f"{self.server}/{_CRDS}/meetupfeeds.{FEED_GROUP}"))

    def apply_crd(self) -> None:
        url = f"{self.server}/{_CRDS}/meetupfeeds.{FEED_GROUP}"
        headers = {"Content-Type": "application/apply-patch+yaml"}
        body = CRD.read_text().encode()
        _json(self.admin.patch(url, data=body, headers=headers, params={"fieldManager": "tests", "force": "true"}))

    # What the proxy between the operator and the server does.

    def inject(self, *faults: Body) -> None:
        """Answer requests of the operator with errors."""
        _json(requests.post(f"{self.proxy}/_faults", params=self._here(), json=list(faults), timeout=_CALL_SECONDS))

    def disturb_watches(self, what: str) -> None:
        """``cut``, ``freeze``, ``break`` or ``expire`` all watches of the operator."""
        _json(requests.post(f"{self.proxy}/_watches/{what}", params=self._here(), timeout=_CALL_SECONDS))

    def announce_feeds(self, *, announced: bool) -> None:
        """Whether discovery names MeetupFeeds to the operator."""
        _json(requests.post(f"{self.proxy}/_discovery/{'show' if announced else 'hide'}", timeout=_CALL_SECONDS))

    def live_watches(self) -> int:
        """How many watches the operator has that are not frozen."""
        return int(
            _json(requests.get(f"{self.proxy}/_requests", params=self._here(), timeout=_CALL_SECONDS))["watches"]
        )

    def _here(self) -> dict[str, str]:
        return {"namespace": self.namespace}


def _json(response: requests.Response) -> Body:
    if response.status_code >= 400:
        raise requests.HTTPError(f"{response.status_code} {response.text}", response=response)
    body: Body = response.json()
    return body


@contextmanager
def a_test_server(certificate: Path | None = None) -> Iterator[str]:
    """``kube_api`` as a process of its own, with TLS if there is a certificate (and key); yields its address."""
    command = [sys.executable, str(ROOT / "tests/operator/kube_api"), "--crd", str(CRD), "--rbac", str(RBAC)]
    with _listening([*command, *(["--certificate", str(certificate)] if certificate else [])]) as address:
        yield address.replace("http://", "https://") if certificate else address


@contextmanager
def a_faulty_connection(cluster: Cluster) -> Iterator[None]:
    """Lets operators speak to the cluster through ``fault_proxy``."""
    command = [sys.executable, str(ROOT / "tests/operator/fault_proxy.py"), "--upstream", cluster.server]
    with _listening([*command, *(["--authority", cluster.authority] if cluster.authority else [])]) as address:
        cluster.proxy = address
        yield


@contextmanager
def _listening(command: list[str]) -> Iterator[str]:
    """A process that prints its port; yields its address."""
    with tempfile.TemporaryDirectory() as folder, ChildProcess(command, Path(folder) / "log") as process:
        port = process.announced('{"port": ').removesuffix("}")
        yield f"http://127.0.0.1:{port}"
        process.end()


@contextmanager
def a_test_cluster(server: str) -> Iterator[Cluster]:
    """A namespace of its own on the test server."""
    with requests.Session() as admin:
        admin.headers["Authorization"] = "Bearer admin"
        # A proxy of the environment has no business on loopback, and looking for one costs 0.5 ms for each request.
        admin.trust_env = False
        yield Cluster(server, _new_namespace(), admin, {"token": "operator"})


@contextmanager
def a_real_cluster(kubeconfig: Path) -> Iterator[Cluster]:
    """A namespace of its own on the API server the kubeconfig names, with the CRD and the operator's own rights.

    The kubeconfig must be an administrator's, with a token or a client certificate.
    """
    config = yaml.safe_load(kubeconfig.read_text())
    context = _named(config["contexts"], config["current-context"], "context")
    target, user = (
        _named(config["clusters"], context["cluster"], "cluster"),
        _named(config["users"], context["user"], "user"),
    )
    stack = ExitStack()
    admin = stack.enter_context(requests.Session())
    admin.trust_env = False  # REQUESTS_CA_BUNDLE would win over the cluster's own authority
    files = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    admin.verify = _file(target, "certificate-authority", files) or not target.get("insecure-skip-tls-verify", False)
    certificate, key = _file(user, "client-certificate", files), _file(user, "client-key", files)
    if certificate and key:
        admin.cert = (certificate, key)
    assert admin.cert or "token" in user, (
        f"{kubeconfig}: the user needs a token or a client certificate, and no plug-in"
    )
    if "token" in user:
        admin.headers["Authorization"] = f"Bearer {user['token']}"
    with stack:
        cluster = Cluster(target["server"].rstrip("/"), _new_namespace(), admin, {})
        trust = ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify")
        cluster.operator_cluster = {name: target[name] for name in trust if name in target}
        cluster.authority = admin.verify if isinstance(admin.verify, str) else None
        _install(cluster)
        try:
            yield cluster
        finally:
            admin.delete(f"{cluster.server}/api/v1/namespaces/{cluster.namespace}")


def _new_namespace() -> str:
    return f"meetup-{uuid.uuid4().hex[:10]}"


def _install(cluster: Cluster) -> None:
    admin, server = cluster.admin, cluster.server
    _json(admin.post(f"{server}/api/v1/namespaces", json={"metadata": {"name": cluster.namespace}}))
    definitions = f"{server}/apis/apiextensions.k8s.io/v1/customresourcedefinitions/meetupfeeds.{FEED_GROUP}"
    _json(
        admin.patch(
            definitions,
            data=CRD.read_bytes(),
            params={"fieldManager": "tests", "force": "true"},
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
    )
    eventually(lambda: admin.get(cluster.path("meetupfeeds")).status_code == 200, "the CRD is served")
    groups = f"{server}/apis"
    eventually(lambda: FEED_GROUP in admin.get(groups).text, "the CRD is announced")
    if cluster.server not in _HAS_CONTROLLERS:
        _HAS_CONTROLLERS[cluster.server] = _somebody_makes_the_default_account(cluster)
    cluster.has_controllers = _HAS_CONTROLLERS[cluster.server]
    if not cluster.has_controllers:
        cluster.create("serviceaccounts", {"metadata": {"name": "default"}})
    name = "feed-operator"
    cluster.create("serviceaccounts", {"metadata": {"name": name}})
    rules = yaml.safe_load(RBAC.read_text())["rules"]
    cluster.create("roles", {"metadata": {"name": name}, "rules": rules})
    cluster.create(
        "rolebindings",
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": cluster.namespace}],
        },
    )
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    answer = _json(admin.post(cluster.path("serviceaccounts", name, "token"), json=request))
    cluster.operator_user = {"token": answer["status"]["token"]}


def _somebody_makes_the_default_account(cluster: Cluster) -> bool:
    """Whether controllers run: theirs makes the account within a second, so ten without it mean none."""
    try:
        return bool(eventually(lambda: cluster.get("serviceaccounts", "default"), "an account", seconds=10))
    except TimeoutError:
        return False


def _named(entries: list[Body], name: str, what: str) -> Body:
    found: Body = next(entry[what] for entry in entries if entry["name"] == name)
    return found


def _file(entry: Body, name: str, directory: Path) -> str | None:
    """The path of a certificate or key, which a kubeconfig may also hold itself."""
    if f"{name}-data" in entry:
        path = directory / name
        path.write_bytes(base64.b64decode(entry[f"{name}-data"]))
        path.chmod(0o600)
        return str(path)
    return entry.get(name)
