"""Whose fields are taken over, by managedFields as a Kubernetes API server writes them."""

from typing import Any

from meetup_feed_operator.kubernetes.field_managers import foreign_managers, take_over
from meetup_feed_operator.resources.names import OPERATOR

OURS = {
    "manager": OPERATOR,
    "operation": "Apply",
    "apiVersion": "apps/v1",
    "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {'k:{"name":"stream"}': {}}}}}},
}
CONTROLLER = {
    "manager": "kube-controller-manager",
    "operation": "Update",
    "fieldsV1": {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}},
}
STATUS = {
    "manager": "kube-controller-manager",
    "operation": "Update",
    "subresource": "status",
    "fieldsV1": {"f:status": {"f:replicas": {}}},
}
SCALE = {
    "manager": "kubectl",
    "operation": "Update",
    "subresource": "scale",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}


def edit(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": spec, **more}}


RESTART = edit({"f:template": {"f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}}})
VARIABLE: dict[str, Any] = {"f:env": {'k:{"name":"X"}': {".": {}}}}
ENV = edit({"f:template": {"f:spec": {"f:containers": {'k:{"name":"stream"}': VARIABLE}}}})


def test_controllers_scaling_and_a_rollout_restart_are_not_foreign() -> None:
    assert foreign_managers({"managedFields": [OURS, CONTROLLER, STATUS, SCALE, RESTART]}) == []
    assert foreign_managers({}) == []


def test_who_set_fields_of_the_spec_is_foreign() -> None:
    assert foreign_managers({"managedFields": [OURS, ENV]}) == ["kubectl-edit"]


def test_taken_over_fields_belong_to_the_operator_and_to_nobody_else() -> None:
    taken = take_over([OURS, STATUS, ENV])
    assert [entry["manager"] for entry in taken] == [OPERATOR, "kube-controller-manager"]
    containers = taken[0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert containers == {'k:{"name":"stream"}': VARIABLE}
    assert taken[0]["fieldsV1"]["f:spec"]["f:replicas"] == {}
    assert foreign_managers({"managedFields": taken}) == []


def test_what_a_manager_set_outside_the_spec_stays_its_own() -> None:
    both = edit(
        {"f:paused": {}, "f:template": RESTART["fieldsV1"]["f:spec"]["f:template"]}, **{"f:metadata": {"f:x": {}}}
    )
    _, left = take_over([OURS, both])
    assert left["fieldsV1"] == {"f:metadata": {"f:x": {}}, **RESTART["fieldsV1"]}


def test_the_given_entries_are_not_changed() -> None:
    before = str([OURS, ENV])
    take_over([OURS, ENV])
    assert str([OURS, ENV]) == before


def test_nothing_is_taken_over_before_the_operator_has_applied_the_object() -> None:
    assert take_over([ENV]) == [ENV]
