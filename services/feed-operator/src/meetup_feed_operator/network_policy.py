"""The NetworkPolicy of a feed: what its pod may reach, and who may reach it. No I/O."""

from typing import Any, Final
from urllib.parse import urlsplit

from meetup_feed_operator.deployment import environment
from meetup_feed_operator.names import selector_of
from meetup_feed_operator.resource import InvalidFeed, Manifest, MeetupFeed
from meetup_feed_operator.settings import EVERY_NAMESPACE, OperatorSettings, split

_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
"""Set on every namespace by the API server."""
_DNS: Final = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
_METADATA_SERVERS: Final = [
    {
        "to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}],
        "ports": [{"protocol": "TCP", "port": 80}, {"protocol": "TCP", "port": 988}],
    },
    {"to": [{"ipBlock": {"cidr": "169.254.169.252/32"}}], "ports": [{"protocol": "TCP", "port": 988}]},
]
"""Tokens of Workload Identity, with and without Dataplane V2 (GKE's documents: "Authenticate to Google Cloud APIs")."""


def network_policy(feed: MeetupFeed, settings: OperatorSettings) -> Manifest:
    """Without metadata, which every object of a feed has alike. The kubelet's probes are never blocked."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {
            "podSelector": {"matchLabels": selector_of(feed.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": _readers(settings), "ports": [{"protocol": "TCP", "port": "ops"}]}],
            "egress": [
                {"ports": _DNS},
                *_METADATA_SERVERS,
                {"ports": [{"protocol": "TCP", "port": port} for port in _ports(feed, settings)]},
            ],
        },
    }


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


def _ports(feed: MeetupFeed, settings: OperatorSettings) -> list[int]:
    """443 for Cloud Storage, and the port of every HTTP address in the pod's environment.

    Addresses are not bounded, since they are names. A NetworkPolicy sees the port of the pods behind a Service, so the
    enricher's Service must map its port to the same one.
    """
    variables = environment(feed, settings).items()
    return sorted({443, *(_port(*item) for item in variables if item[1].startswith(("http://", "https://")))})


def _port(variable: str, url: str) -> int:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # whose text may hold a proxy's password
        raise InvalidFeed(f"{variable} of its pod is no address with a port from 1 to 65535") from None
    return port or (443 if parts.scheme == "https" else 80)
