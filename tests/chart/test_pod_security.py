"""Every pod of every variant is as locked down as the restricted Pod Security Standard asks, and more."""

import copy
from typing import Any, Final

import pytest

from .helm import Helm, Values, of_kind, pods
from .pod_security import violations
from .variants import VARIANTS

_GOOD: Final[dict[str, Any]] = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {"name": "c", "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
    ],
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_pod_passes_the_restricted_standard(helm: Helm, variant: Values) -> None:
    found = {name: list(violations(pod["spec"])) for name, pod in pods(helm.template(variant))}
    assert found
    assert not any(found.values()), found


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_container_has_a_read_only_root_a_memory_limit_and_requests(helm: Helm, variant: Values) -> None:
    for name, pod in pods(helm.template(variant)):
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
            assert container["resources"]["limits"]["memory"], name
            assert container["resources"]["requests"].keys() - {"ephemeral-storage"} == {"cpu", "memory"}, name


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_only_the_operator_has_a_token_and_no_pod_has_service_variables(helm: Helm, variant: Values) -> None:
    manifests = helm.template(variant)
    for account in of_kind(manifests, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    for name, pod in pods(manifests):
        assert pod["spec"]["enableServiceLinks"] is False, name
        assert pod["spec"]["automountServiceAccountToken"] is name.endswith("feed-operator"), name


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("hostNetwork",), True),
        (("volumes",), [{"name": "v", "hostPath": {"path": "/"}}]),
        (("securityContext", "runAsNonRoot"), False),
        (("securityContext", "seccompProfile"), {"type": "Unconfined"}),
        (("securityContext", "runAsUser"), 0),
        (("securityContext", "sysctls"), [{"name": "kernel.msgmax", "value": "1"}]),
        (("containers", 0, "securityContext", "privileged"), True),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True),
        (("containers", 0, "securityContext", "capabilities"), {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        (("containers", 0, "securityContext", "capabilities"), {}),
        (("containers", 0, "securityContext", "procMount"), "Unmasked"),
        (("containers", 0, "ports"), [{"containerPort": 80, "hostPort": 80}]),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_the_checker_finds_what_the_standard_forbids(where: tuple[str | int, ...], value: object) -> None:
    spec = copy.deepcopy(_GOOD)
    assert not list(violations(spec))
    place: Any = spec
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    assert list(violations(spec))
