"""Who owns which field of an object, by its ``metadata.managedFields``. No I/O.

Server-side apply puts back what this operator set, and leaves what another added: a variable added with ``kubectl
edit`` would stay for good. So the fields that others set in a spec are taken over first, as kubectl's own migration
to server-side apply does (client-go ``csaupgrade``); the next apply, which does not name them, then removes them.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

from meetup_feed_operator.resources.names import OPERATOR

Fields = dict[str, Any]
"""A ``fieldsV1``: ``{"f:spec": {"f:replicas": {}}}``."""

_CONTROLLERS: Final = frozenset({OPERATOR, "kube-controller-manager"})
"""Who may write a Deployment: this operator, and the Deployment controller. What admission webhooks change while this
operator applies is written under its name, so that they are never fought."""


def foreign_managers(meta: Mapping[str, Any]) -> list[str]:
    """Who else set fields of the spec that this operator would not set."""
    return [str(entry.get("manager")) for entry in meta.get("managedFields") or [] if _foreign_spec(entry)]


def take_over(managed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``managedFields`` in which this operator's apply owns what others set in the spec.

    Returned as it was if this operator has never applied the object.
    """
    entries = copy.deepcopy(managed)
    ours = next((e for e in entries if e.get("manager") == OPERATOR and e.get("operation") == "Apply"), None)
    if ours is None or ours.get("subresource"):
        return managed
    for entry in entries:
        if taken := _foreign_spec(entry):
            _merge(ours["fieldsV1"], {"f:spec": taken})
            entry["fieldsV1"] = _without_spec(entry["fieldsV1"])
    return [entry for entry in entries if entry.get("fieldsV1")]


def _foreign_spec(entry: Mapping[str, Any]) -> Fields:
    if entry.get("subresource") or entry.get("manager") in _CONTROLLERS:
        return {}
    spec: Fields = copy.deepcopy((entry.get("fieldsV1") or {}).get("f:spec") or {})
    _drop_annotations(spec)
    return spec


def _without_spec(fields: Fields) -> Fields:
    """What is left to its manager: all but the spec, and of the spec the pods' annotations."""
    kept = {name: value for name, value in fields.items() if name != "f:spec"}
    annotations = fields["f:spec"].get("f:template", {}).get("f:metadata", {}).get("f:annotations")
    if annotations:
        kept["f:spec"] = {"f:template": {"f:metadata": {"f:annotations": annotations}}}
    return kept


def _drop_annotations(spec: Fields) -> None:
    """The pods' annotations are free to others: ``kubectl rollout restart`` is one of them."""
    template = spec.get("f:template", {})
    metadata = template.get("f:metadata", {})
    metadata.pop("f:annotations", None)
    if "f:metadata" in template and not set(metadata) - {"."}:
        del template["f:metadata"]
    if "f:template" in spec and not set(template) - {"."}:
        del spec["f:template"]


def _merge(into: Fields, fields: Fields) -> None:
    for name, below in fields.items():
        _merge(into.setdefault(name, {}), below)
