"""The kinds of object the operator reads and writes, and their paths at the API server. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from meetup_feed_operator.resources.meetupfeed import API_VERSION, KIND, PLURAL
from meetup_feed_operator.settings import Monitor, OperatorSettings


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind: ``apps/v1``, ``Deployment``, ``deployments``."""

    api_version: str
    name: str
    plural: str

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """The path of one object, or of the collection; without a namespace, of the collection in all of them."""
        parts = ["apis", self.api_version] if self.group else ["api", self.api_version]
        parts += ["namespaces", namespace] if namespace else []
        return "/" + "/".join(part for part in (*parts, self.plural, name, subresource) if part)


FEED: Final = Kind(API_VERSION, KIND, PLURAL)
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
POD: Final = Kind("v1", "Pod", "pods")
SERVICE_ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
POD_MONITOR: Final = Kind("monitoring.coreos.com/v1", "PodMonitor", "podmonitors")
POD_MONITORING: Final = Kind("monitoring.googleapis.com/v1", "PodMonitoring", "podmonitorings")
EVENT: Final = Kind("v1", "Event", "events")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")

_BY_NAME: Final = {
    kind.name: kind for kind in (DEPLOYMENT, SERVICE_ACCOUNT, NETWORK_POLICY, POD_MONITOR, POD_MONITORING)
}


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """The kind of an object that ``desired`` makes."""
    return _BY_NAME[manifest["kind"]]


def watched_kinds(settings: OperatorSettings) -> tuple[Kind, ...]:
    """What the operator watches and lists: the feeds, what it makes for them, and their pods."""
    kinds = [FEED, DEPLOYMENT, POD]
    if not settings.service_account:
        kinds.append(SERVICE_ACCOUNT)
    if settings.network_policy:
        kinds.append(NETWORK_POLICY)
    if settings.monitor is Monitor.POD_MONITOR:
        kinds.append(POD_MONITOR)
    if settings.monitor is Monitor.POD_MONITORING:
        kinds.append(POD_MONITORING)
    return tuple(kinds)
