"""The restricted Pod Security Standard, field by field.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/ (Baseline and Restricted, Kubernetes 1.37).
Written as what is allowed; a field that the standard names and this project never uses must be absent.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_VOLUMES: Final = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SECCOMP: Final = {"RuntimeDefault", "Localhost"}
_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")
_NEVER: Final = ("procMount", "seLinuxOptions", "windowsOptions", "appArmorProfile")
"""Baseline restricts their values; nothing here sets them."""


def violations(spec: Mapping[str, Any]) -> Iterator[str]:
    """What of a pod's spec the standard forbids, a sentence each."""
    pod_level = spec.get("securityContext", {})
    for field in _HOST:
        if spec.get(field):
            yield f"{field} is set"
    for volume in spec.get("volumes", []):
        if kinds := set(volume) - {"name"} - _VOLUMES:
            yield f"volume {volume['name']} is of kind {', '.join(kinds)}"
    yield from _forbidden("the pod", pod_level)
    if pod_level.get("sysctls"):
        yield "sysctls are set"
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(kind, []):
            yield from _of_container(container, pod_level)


def _of_container(container: Mapping[str, Any], pod_level: Mapping[str, Any]) -> Iterator[str]:
    name = f"container {container['name']}"
    own = container.get("securityContext", {})
    yield from _forbidden(name, own)
    if own.get("privileged"):
        yield f"{name} is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name} keeps capabilities"
    if own.get("runAsNonRoot", pod_level.get("runAsNonRoot")) is not True:
        yield f"{name} may run as root"
    if own.get("runAsUser", pod_level.get("runAsUser")) == 0:
        yield f"{name} runs as root"
    if own.get("seccompProfile", pod_level.get("seccompProfile", {})).get("type") not in _SECCOMP:
        yield f"{name} has no seccomp profile"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield f"{name} takes a port of its node"


def _forbidden(where: str, context: Mapping[str, Any]) -> Iterator[str]:
    for field in _NEVER:
        if field in context:
            yield f"{where} sets {field}"
