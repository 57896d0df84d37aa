"""What is wrong with a feed's pods so that operator action is required. No I/O."""

from typing import Any, Final

from meetupkit.settings import EXIT_CODE

from meetup_feed_operator.resources.meetupfeed import Manifest

Diagnosis = tuple[str, str]
"""A reason and a message, as a condition holds them."""

_WAITING: Final = frozenset(
    {
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
"""Why a kubelet cannot start a container; the other reasons (ContainerCreating, PodInitializing) pass."""


def diagnose(deployment: Manifest | None, pods: list[Manifest]) -> Diagnosis | None:
    """The first thing found, the most telling first."""
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp"):
            continue
        if found := _container_problem(pod) or _unschedulable(pod):
            return found
    return _rollout_problem(deployment) if deployment else None


def _container_problem(pod: Manifest) -> Diagnosis | None:
    for container in pod.get("status", {}).get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in _WAITING:
            return waiting["reason"], f"Pod {pod['metadata']['name']}: {_detail(container, waiting)}"
    return None


def _detail(container: dict[str, Any], waiting: dict[str, Any]) -> str:
    ended = container.get("lastState", {}).get("terminated") or {}
    if ended.get("exitCode") == EXIT_CODE:
        return "its settings or its store are refused; the last line of `kubectl logs --previous` says which"
    if ended:
        return f"it ended with exit code {ended.get('exitCode')} ({ended.get('reason', 'no reason given')})"
    return str(waiting.get("message") or waiting["reason"])


def _unschedulable(pod: Manifest) -> Diagnosis | None:
    for condition in pod.get("status", {}).get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return "Unschedulable", f"Pod {pod['metadata']['name']}: {condition.get('message', 'no node takes it')}"
    return None


def _rollout_problem(deployment: Manifest) -> Diagnosis | None:
    for condition in deployment.get("status", {}).get("conditions", []):
        failed = condition.get("type") == "ReplicaFailure" and condition.get("status") == "True"
        if failed or condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("reason", "ReplicaFailure")), str(condition.get("message", "no pod can be made"))
    return None
