"""From a MeetupFeed to the objects that carry it out. No I/O: equal input gives equal output."""

from typing import Any, Final

from meetup_feed_operator.resources.allowed import refuse_address, refuse_bucket
from meetup_feed_operator.resources.deployment import deployment
from meetup_feed_operator.resources.meetupfeed import API_VERSION, KIND, Manifest, MeetupFeed
from meetup_feed_operator.resources.names import labels_of, selector_of, stream_name
from meetup_feed_operator.resources.network_policy import network_policy
from meetup_feed_operator.settings import Monitor, OperatorSettings

_MONITORS: Final = {
    Monitor.POD_MONITOR: ("monitoring.coreos.com/v1", "PodMonitor", "podMetricsEndpoints"),
    Monitor.POD_MONITORING: ("monitoring.googleapis.com/v1", "PodMonitoring", "endpoints"),
}


def desired(feed: MeetupFeed, settings: OperatorSettings) -> list[Manifest]:
    """The feed's objects in the order they are applied; raises ``InvalidFeed`` if it cannot be carried out."""
    manifests = []
    if not settings.service_account:
        manifests.append(_service_account(settings))
    if settings.network_policy:
        manifests.append(network_policy(feed, settings))
    manifests.append(deployment(feed, settings))  # after what its pods need
    if settings.monitor is not Monitor.NONE:
        manifests.append(_monitor(feed, settings))  # last: a cluster without its CRD refuses it
    return [{**manifest, "metadata": _metadata(feed, manifest.get("metadata", {}), settings)} for manifest in manifests]


def check_allowed(feed: MeetupFeed, settings: OperatorSettings) -> None:
    """Raise ``NotAllowed`` if the settings do not let the feed read or write what it names."""
    if feed.spec.url is not None:
        refuse_address(feed.spec.url, settings.allowed_urls)
    if feed.spec.bucket is not None:
        refuse_bucket(feed.spec.bucket, settings.allowed_buckets, default=settings.bucket)


def owner_reference(feed: MeetupFeed) -> dict[str, Any]:
    """Makes the garbage collector delete the feed's objects with the feed, whether the operator runs or not."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": feed.name,
        "uid": feed.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _metadata(feed: MeetupFeed, more: dict[str, Any], settings: OperatorSettings) -> dict[str, Any]:
    return {
        "name": stream_name(feed.name),
        "namespace": feed.namespace,
        "labels": {**settings.object_labels, **labels_of(feed.name)},
        "ownerReferences": [owner_reference(feed)],
        **more,
    }


def _service_account(settings: OperatorSettings) -> Manifest:
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "automountServiceAccountToken": False,
    }
    if settings.service_account_annotations:
        manifest["metadata"] = {"annotations": dict(settings.service_account_annotations)}
    return manifest


def _monitor(feed: MeetupFeed, settings: OperatorSettings) -> Manifest:
    api_version, kind, endpoints = _MONITORS[settings.monitor]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "spec": {
            "selector": {"matchLabels": selector_of(feed.name)},
            endpoints: [{"port": "ops", "path": "/metrics", "interval": f"{settings.monitor_interval_seconds}s"}],
        },
    }
