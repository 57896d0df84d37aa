"""The operator's settings, in the order of the README's table."""

import ipaddress
import re
from enum import StrEnum
from typing import Annotated, Final, Literal

from meetupkit.setting_types import LogLevel, OptionalHttpUrl
from meetupkit.settings import Settings
from pydantic import AfterValidator, Field, Json

from meetup_feed_operator.resources.allowed import allowed_address, allowed_bucket
from meetup_feed_operator.resources.quantities import QUANTITY_PATTERN

EVERY_NAMESPACE: Final = "*"
_DNS_LABEL: Final = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_DNS_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"

Texts = Json[dict[str, str]]
"""A JSON object of texts, as Helm's ``toJson`` writes annotations, node selectors and variables."""


class Monitor(StrEnum):
    """What tells the cluster's Prometheus to read the stream pods."""

    NONE = "none"
    POD_MONITOR = "podmonitor"
    """``monitoring.coreos.com/v1``: Prometheus Operator."""
    POD_MONITORING = "podmonitoring"
    """``monitoring.googleapis.com/v1``: Google Cloud Managed Service for Prometheus."""


def _are_namespaces(text: str) -> str:
    if any(not re.match(_DNS_LABEL, name) for name in split(text)):
        raise ValueError("must be names of namespaces with commas between them")
    return text


def _are_networks(text: str) -> str:
    try:
        networks(text)
    except ValueError:
        raise ValueError("must be networks (10.0.0.0/8) or addresses with commas between them") from None
    return text


def networks(text: str) -> list[str]:
    """The networks of a list with commas between them; an address is a network of its own."""
    return [str(ipaddress.ip_network(item)) for item in split(text)]


def _is_namespace_or_all(text: str) -> str:
    if text != EVERY_NAMESPACE and not re.match(_DNS_LABEL, text):
        raise ValueError("must be the name of a namespace, or * for all of them")
    return text


def split(text: str) -> tuple[str, ...]:
    """The items of a list with commas between them."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


class OperatorSettings(Settings, prefix="FEED_OPERATOR_"):
    """What the operator watches, and what it puts into the pods of each feed."""

    host: str = Field(default="127.0.0.1", description="The address `/metrics`, `/livez` and `/readyz` listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Their port; 0 takes a free one.")
    log_level: LogLevel = Field(default="INFO", description="The lowest severity that is logged.")
    namespace: Annotated[str, AfterValidator(_is_namespace_or_all)] = Field(
        description="The namespace whose MeetupFeeds are served; `*` for all (then it needs a ClusterRole)."
    )
    operator_namespace: Annotated[str, AfterValidator(_are_namespaces)] = Field(
        default="", description="The operator's own namespace, if it is not the one it serves (for NetworkPolicies)."
    )
    image: str = Field(min_length=1, max_length=512, description="The image of the stream container.")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="When a node pulls that image."
    )
    image_pull_secrets: str = Field(default="", description="Names of pull secrets, with commas between them.")
    bucket: Annotated[str, AfterValidator(lambda text: allowed_bucket(text) if text else text)] = Field(
        default="", description="`bucket[/prefix]` for feeds that name none."
    )
    allowed_urls: Json[list[Annotated[str, AfterValidator(allowed_address)]]] = Field(
        default=[],
        description="JSON array of `https://host[:port][/path]`: what feeds may read beside the table's addresses.",
    )
    allowed_buckets: Json[list[Annotated[str, AfterValidator(allowed_bucket)]]] = Field(
        default=[],
        description="JSON array of `bucket[/prefix]`: where feeds may write beside the operator's own bucket.",
    )
    enricher_url: OptionalHttpUrl = Field(
        default="", description="Where streams send member and group ids; empty for no enrichment."
    )
    enricher_token_secret: str = Field(
        default="",
        pattern=f"^$|{_DNS_SUBDOMAIN}",
        description="Name of the Secret, in the feed's namespace, with the token that the enricher asks for; or empty.",
    )
    enricher_token_key: str = Field(
        default="token", pattern=r"^[-._a-zA-Z0-9]{1,253}$", description="The entry of that Secret."
    )
    service_account: str = Field(
        default="",
        pattern=f"^$|{_DNS_LABEL}",
        description="An existing ServiceAccount for all stream pods; empty: the operator keeps one for each feed.",
    )
    service_account_annotations: Texts = Field(
        default={}, description="JSON object of annotations for the ServiceAccounts it keeps (Workload Identity)."
    )
    network_policy: bool = Field(default=True, description="Whether each feed gets a NetworkPolicy.")
    egress_cidrs: Annotated[str, AfterValidator(_are_networks)] = Field(
        default="",
        description="Private networks that stream pods may reach at the ports of their addresses, with commas between.",
    )
    dns_addresses: Annotated[str, AfterValidator(_are_networks)] = Field(
        default="169.254.20.10",
        description="DNS servers beside the cluster's `kube-dns` pods, with commas between them (NodeLocal DNSCache).",
    )
    monitoring_namespaces: Annotated[str, AfterValidator(_are_namespaces)] = Field(
        default="", description="Namespaces that may read the pods' metrics, with commas between them."
    )
    monitor: Monitor = Field(
        default=Monitor.NONE,
        description="What announces the pods to Prometheus: `none`, `podmonitor`, `podmonitoring`.",
    )
    monitor_interval_seconds: int = Field(
        default=30, ge=5, le=3600, description="How often Prometheus reads a stream pod."
    )
    cpu_request: str = Field(
        default="20m", pattern=QUANTITY_PATTERN, description="CPU a stream pod requests if its feed does not say."
    )
    memory_request: str = Field(
        default="96Mi", pattern=QUANTITY_PATTERN, description="Memory a stream pod requests if its feed does not say."
    )
    memory_limit: str = Field(
        default="256Mi", pattern=QUANTITY_PATTERN, description="Memory limit of a stream pod if its feed does not say."
    )
    max_memory_limit: str = Field(
        default="1Gi", pattern=QUANTITY_PATTERN, description="The highest memory limit that a feed may ask for."
    )
    grace_seconds: int = Field(
        default=30, ge=5, le=600, description="How long a stream pod has to flush after SIGTERM."
    )
    priority_class: str = Field(default="", description="PriorityClass of the stream pods.")
    node_selector: Texts = Field(default={}, description="JSON object: the node selector of the stream pods.")
    tolerations: Json[list[dict[str, str | int]]] = Field(
        default=[], description="JSON array: the tolerations of the stream pods."
    )
    object_labels: Texts = Field(default={}, description="JSON object: more labels for every object of a feed.")
    pod_labels: Texts = Field(default={}, description="JSON object: more labels for the stream pods.")
    pod_annotations: Texts = Field(default={}, description="JSON object: annotations for the stream pods.")
    extra_env: Texts = Field(
        default={}, description="JSON object: more environment for the stream container; wins over what is derived."
    )
    resync_seconds: float = Field(
        default=15, ge=1, le=300, description="How often everything is listed again, whatever the watches report."
    )
    status_seconds: float = Field(
        default=8, ge=1, le=600, description="How often each pod's `/readyz` and `/metrics` are read."
    )
    workers: int = Field(default=8, ge=1, le=64, description="How many feeds are reconciled at the same time.")
    request_seconds: float = Field(
        default=15, ge=0.1, le=120, description="When one request to the API server is given up."
    )
