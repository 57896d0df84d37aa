"""The Deployment of a feed: one pod that reads one stream. No I/O."""

from typing import Any, Final

from meetupkit.feeds import FEEDS
from meetupkit.feeds import Path as FieldPath

from meetup_feed_operator.resources.meetupfeed import InvalidFeed, Manifest, MeetupFeed
from meetup_feed_operator.resources.names import labels_of, selector_of, stream_name
from meetup_feed_operator.resources.quantities import amount
from meetup_feed_operator.settings import OperatorSettings, split

OPS_PORT: Final = 8080
CONTAINER: Final = "stream"
_USER: Final = 65532
"""Any id but 0 will do, since the container writes nothing; this is the customary "nonroot"."""
_TOKEN_VOLUME: Final = "enricher-token"  # noqa: S105  (a volume's name)
_TOKEN_FOLDER: Final = "/etc/meetup/enricher-token"  # noqa: S105  (a path)
_TOKEN_FILE: Final = "token"  # noqa: S105  (a file's name)
_PROGRESS_SECONDS: Final = 300
"""When a roll-out counts as failed: a large node pool takes minutes to add a node."""
_STARTUP_TRIES: Final = 60
"""Seconds a stream may take until it listens; it takes about two, a cold node longer."""


def deployment(feed: MeetupFeed, settings: OperatorSettings) -> Manifest:
    """Without metadata, which every object of a feed has alike."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": 0 if feed.spec.paused else 1,
            # Recreate: two pods of one feed would read the same stream twice and move the same cursor.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 3,
            "progressDeadlineSeconds": _PROGRESS_SECONDS,
            "selector": {"matchLabels": selector_of(feed.name)},
            "template": {"metadata": _pod_metadata(feed, settings), "spec": _pod(feed, settings)},
        },
    }


def objects_url(feed: MeetupFeed, settings: OperatorSettings) -> str:
    """Where the feed's objects go, without its label; raises ``InvalidFeed`` if nobody says."""
    bucket = feed.spec.bucket or settings.bucket
    if not bucket:
        raise InvalidFeed("spec.bucket is not set, and the operator has no bucket for such feeds")
    return f"gs://{bucket}"


def environment(feed: MeetupFeed, settings: OperatorSettings) -> dict[str, str]:
    """The stream service's settings; a mapping, so that no name can occur twice."""
    row = feed.row
    env = {
        "STREAM_FEED": row.name,
        "STREAM_URL": row.url,
        "STREAM_OBJECTS": objects_url(feed, settings),
        "STREAM_LABEL": feed.label,
        "STREAM_LAYOUT": feed.spec.layout,
        "STREAM_READ_TIMEOUT_SECONDS": f"{row.read_timeout:g}",
        "STREAM_HOST": "0.0.0.0",  # noqa: S104  (the kubelet and the operator come from outside the pod)
        "STREAM_PORT": str(OPS_PORT),
    }
    if row.name not in FEEDS:
        env |= {
            "STREAM_ID_PATH": ".".join(row.id_path),
            "STREAM_ID_TYPE": row.id_type.value,
            "STREAM_MTIME_PATH": ".".join(row.mtime_path),
            "STREAM_MEMBER_PATHS": _dotted(row.member_paths),
            "STREAM_GROUP_PATHS": _dotted(row.group_paths),
        }
    if feed.spec.enrichment and settings.enricher_url and (row.member_paths or row.group_paths):
        env["STREAM_ENRICHER_URL"] = settings.enricher_url
        if settings.enricher_token_secret:
            env["STREAM_ENRICHER_TOKEN_FILE"] = f"{_TOKEN_FOLDER}/{_TOKEN_FILE}"
    return {**env, **settings.extra_env}


def _dotted(paths: tuple[FieldPath, ...]) -> str:
    return ",".join(".".join(path) for path in paths)


def _pod_metadata(feed: MeetupFeed, settings: OperatorSettings) -> dict[str, Any]:
    metadata: dict[str, Any] = {"labels": {**settings.pod_labels, **labels_of(feed.name)}}
    if settings.pod_annotations:
        metadata["annotations"] = dict(settings.pod_annotations)
    return metadata


def _pod(feed: MeetupFeed, settings: OperatorSettings) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "serviceAccountName": settings.service_account or stream_name(feed.name),
        "automountServiceAccountToken": False,  # Workload Identity asks the metadata server, not the mounted token
        "enableServiceLinks": False,  # a Service named "stream" would otherwise set STREAM_PORT=tcp://...
        "terminationGracePeriodSeconds": settings.grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(feed, settings)],
    }
    if _has_token(feed, settings):
        pod["volumes"] = [{"name": _TOKEN_VOLUME, "secret": _token(settings)}]
    if settings.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in split(settings.image_pull_secrets)]
    if settings.priority_class:
        pod["priorityClassName"] = settings.priority_class
    if settings.node_selector:
        pod["nodeSelector"] = dict(settings.node_selector)
    if settings.tolerations:
        pod["tolerations"] = [dict(toleration) for toleration in settings.tolerations]
    return pod


def _has_token(feed: MeetupFeed, settings: OperatorSettings) -> bool:
    return "STREAM_ENRICHER_TOKEN_FILE" in environment(feed, settings) and bool(settings.enricher_token_secret)


def _token(settings: OperatorSettings) -> dict[str, Any]:
    return {
        "secretName": settings.enricher_token_secret,
        "defaultMode": 0o440,
        "items": [{"key": settings.enricher_token_key, "path": _TOKEN_FILE}],
    }


def _container(feed: MeetupFeed, settings: OperatorSettings) -> dict[str, Any]:
    mounts = [{"name": _TOKEN_VOLUME, "mountPath": _TOKEN_FOLDER, "readOnly": True}]
    return {
        **({"volumeMounts": mounts} if _has_token(feed, settings) else {}),
        "name": CONTAINER,
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy,
        "env": [{"name": name, "value": value} for name, value in environment(feed, settings).items()],
        "ports": [{"name": "ops", "containerPort": OPS_PORT, "protocol": "TCP"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": _resources(feed, settings),
        "startupProbe": _probe("/livez", period=1, failures=_STARTUP_TRIES),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=2),
    }


def _resources(feed: MeetupFeed, settings: OperatorSettings) -> dict[str, Any]:
    """No CPU limit by default: a stream that catches up may use what the node has spare. Always one of memory.

    A feed that says anything of a resource says all of it, or its request could exceed the operator's limit.
    """
    requests, limits = feed.spec.resources.requests, feed.spec.resources.limits
    cpu_request = requests.cpu if limits.cpu is not None or requests.cpu is not None else settings.cpu_request
    memory_request, memory_limit = _memory(feed, settings)
    return {
        "requests": _named(cpu=cpu_request, memory=memory_request),
        "limits": _named(cpu=limits.cpu, memory=memory_limit),
    }


def _memory(feed: MeetupFeed, settings: OperatorSettings) -> tuple[str | int, str | int]:
    """Request and limit; raises ``InvalidFeed`` for a limit above the operator's."""
    request, limit = feed.spec.resources.requests.memory, feed.spec.resources.limits.memory
    if limit is None:
        limit = max(settings.memory_limit, request or 0, key=amount)
    if request is None:
        request = min(settings.memory_request, limit, key=amount)
    most = max(settings.max_memory_limit, settings.memory_limit, key=amount)
    if amount(limit) > amount(most):
        raise InvalidFeed(f"a feed's memory limit must be at most {most}, and it is {limit}")
    if amount(request) > amount(limit):
        raise InvalidFeed(f"spec.resources.requests.memory {request} is above the limit of {limit}")
    return request, limit


def _named(**amounts: str | int | None) -> dict[str, str | int]:
    return {name: value for name, value in amounts.items() if value is not None}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "ops"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }
