"""The NetworkPolicy of a feed: what its pod may reach, and who may reach it. No I/O.

A policy knows networks and pods, not names. So the port of a feed's address is open to the internet and to nothing
private: not the cluster, not the metadata server, not the networks beside it. What the operator's settings name
themselves (enricher, addresses inside the cluster, proxies) is opened by its own name where it has one.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from meetup_feed_operator.resources.deployment import environment
from meetup_feed_operator.resources.meetupfeed import InvalidFeed, Manifest, MeetupFeed
from meetup_feed_operator.resources.names import selector_of
from meetup_feed_operator.settings import EVERY_NAMESPACE, OperatorSettings, networks, split

_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
"""Set on every namespace by the API server."""
_CLUSTER_DNS: Final = {
    "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
"""CoreDNS and kube-dns alike bear this label (kubeadm, GKE, EKS, AKS)."""
_DNS_PORTS: Final = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
_METADATA_SERVERS: Final = [
    {"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "ports": [{"protocol": "TCP", "port": 80}]},
    {"to": [{"ipBlock": {"cidr": "169.254.169.252/32"}}], "ports": [{"protocol": "TCP", "port": 988}]},
]
"""Tokens of Workload Identity, with and without Dataplane V2 (GKE's documents: "Authenticate to Google Cloud APIs")."""
_PRIVATE_4: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
"""What is not the internet (IANA's special-purpose registry): private, shared, link-local, benchmarking, multicast."""
_PRIVATE_6: Final = ("::1/128", "64:ff9b:1::/48", "fc00::/7", "fe80::/10", "ff00::/8")
_INTERNET: Final = [
    {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_PRIVATE_4)}},
    {"ipBlock": {"cidr": "::/0", "except": list(_PRIVATE_6)}},
]
_NOT_LINK_LOCAL: Final = [
    {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
    {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10"]}},
]
_SERVICE_SUFFIX: Final = ("svc", "cluster", "local")
_OWN_KEYS: Final = ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST")
"""With one of these the stream asks no metadata server for tokens."""


def network_policy(feed: MeetupFeed, settings: OperatorSettings) -> Manifest:
    """Without metadata, which every object of a feed has alike. The kubelet's probes are never blocked."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {
            "podSelector": {"matchLabels": selector_of(feed.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": _readers(settings), "ports": [{"protocol": "TCP", "port": "ops"}]}],
            "egress": list(_egress(feed, settings)),
        },
    }


def _egress(feed: MeetupFeed, settings: OperatorSettings) -> Iterator[dict[str, Any]]:
    env = environment(feed, settings)
    servers = [{"ipBlock": {"cidr": network}} for network in networks(settings.dns_addresses)]
    yield {"to": [_CLUSTER_DNS, *servers], "ports": _DNS_PORTS}
    if not any(env.get(name) for name in _OWN_KEYS):
        yield from _METADATA_SERVERS
    internet, rules = {443}, list[dict[str, Any]]()  # 443: Cloud Storage and its tokens
    for variable, url in env.items():
        if url.startswith(("http://", "https://")):
            parts, port = _parts(variable, url)
            named = _named_peers(feed, parts, variable, settings)
            if named:
                rules.append({"to": named, "ports": [{"protocol": "TCP", "port": port}]})
            else:
                internet.add(port)
    ports = [{"protocol": "TCP", "port": port} for port in sorted(internet)]
    private = [{"ipBlock": {"cidr": network}} for network in networks(settings.egress_cidrs)]
    yield from (rule for n, rule in enumerate(rules) if rule not in rules[:n])
    yield {"to": [*_INTERNET, *private], "ports": ports}


def _named_peers(
    feed: MeetupFeed, parts: SplitResult, variable: str, settings: OperatorSettings
) -> list[dict[str, Any]]:
    """Whom the address is opened to alone; empty for an address of the internet.

    A NetworkPolicy sees the port of the pods behind a Service, so a Service must map its port to the same one.
    """
    host = (parts.hostname or "").removesuffix(".")
    address = _address(host)
    namespace = _service_namespace(host, feed.namespace)
    if variable == "STREAM_ENRICHER_URL" or variable in settings.extra_env:  # whatever the administrator names
        if variable == "STREAM_ENRICHER_URL" and namespace:
            return [_pods(namespace, {"app.kubernetes.io/component": "enricher"})]
        return [{"ipBlock": {"cidr": str(address)}}] if address else _NOT_LINK_LOCAL
    if address and not (address.is_link_local or address.is_loopback or address.is_multicast):
        return [{"ipBlock": {"cidr": str(address)}}]
    if namespace:
        return [_pods(namespace, {})]  # the settings' list of addresses lets the feed name it
    return []


def _pods(namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    pods: dict[str, Any] = {"matchLabels": labels} if labels else {}
    return {"namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: namespace}}, "podSelector": pods}


def _service_namespace(host: str, own: str) -> str | None:
    """The namespace of a Service's name: ``stream``, ``stream.meetup.svc``, ``stream.meetup.svc.cluster.local``."""
    name, *rest = host.split(".")
    if not name or _address(host):
        return None
    if not rest:
        return own
    namespace, *suffix = rest
    return namespace if suffix and tuple(suffix) == _SERVICE_SUFFIX[: len(suffix)] else None


def _address(host: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network of one address, if the host is one."""
    try:
        return ipaddress.ip_network(host)
    except ValueError:
        return None


def _readers(settings: OperatorSettings) -> list[dict[str, Any]]:
    operator: dict[str, Any] = {"podSelector": {"matchLabels": {"app.kubernetes.io/component": "feed-operator"}}}
    if settings.operator_namespace:
        operator["namespaceSelector"] = {"matchLabels": {_NAMESPACE_LABEL: settings.operator_namespace}}
    elif settings.namespace == EVERY_NAMESPACE:
        operator["namespaceSelector"] = {}
    prometheus = [
        {"namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: namespace}}}
        for namespace in split(settings.monitoring_namespaces)
    ]
    return [operator, *prometheus]


def _parts(variable: str, url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # whose text may hold a proxy's password
        raise InvalidFeed(f"{variable} of its pod is no address with a port from 1 to 65535") from None
    if port == 0:
        raise InvalidFeed(f"{variable} of its pod is no address with a port from 1 to 65535")
    return parts, port or (443 if parts.scheme == "https" else 80)
