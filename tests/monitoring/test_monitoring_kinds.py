"""What announces pods and rules to Prometheus has the fields of its kind, as chart and operator write it."""

from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml

from ..chart.helm import Helm
from ..chart.tools import KUBECTL_37, program
from . import shipped

SCHEMAS: Final[dict[str, Any]] = shipped.document(Path(__file__).with_name("monitoring_kinds.yaml"))
KINDS: Final = SCHEMAS.keys() - {"$defs"}
GOLDEN: Final = sorted((shipped.REPOSITORY / "services/feed-operator/tests/golden").glob("*.output.yaml"))
RULE_KINDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "PrometheusRule": ("operator", {}),
    "Rules": ("managed", {}),
    "ClusterRules": ("managed", {"operator": {"allNamespaces": True}}),
}
"""The value of ``monitoring.prometheus`` and the other values that lead to each."""
DURATIONS: Final = {"5m": True, "1h30m": True, "0s": True, "5 minutes": False, "": False, "m5": False, "90": False}


def refusals(manifest: dict[str, Any]) -> list[str]:
    """What its schema says against it."""
    schema = {**SCHEMAS[manifest["kind"]], "$defs": SCHEMAS["$defs"]}
    return [f"{e.json_path}: {e.message}" for e in jsonschema.Draft202012Validator(schema).iter_errors(manifest)]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What the chart makes of these kinds, by the kind of its rules."""
    helm = Helm(program(KUBECTL_37, "helm"), tmp_path_factory.mktemp("helm"))
    return {
        rules: [
            manifest
            for manifest in helm.template(
                {"monitoring": {"prometheus": prometheus, "rules": {"enabled": True}}, **others}
            )
            if manifest["kind"] in KINDS
        ]
        for rules, (prometheus, others) in RULE_KINDS.items()
    }


@pytest.mark.parametrize("rules", RULE_KINDS)
def test_what_the_chart_renders_is_valid(rendered: dict[str, list[dict[str, Any]]], rules: str) -> None:
    pods = "PodMonitor" if rules == "PrometheusRule" else "PodMonitoring"
    assert {manifest["kind"] for manifest in rendered[rules]} == {pods, rules}
    assert {m["metadata"]["name"]: refusals(m) for m in rendered[rules] if refusals(m)} == {}


@pytest.mark.parametrize("rules", RULE_KINDS)
def test_the_rules_arrive_as_they_are_written(rendered: dict[str, list[dict[str, Any]]], rules: str) -> None:
    """Go's templates and Prometheus's have the same braces; Helm must not have filled in any."""
    groups = [group for m in rendered[rules] for group in m["spec"].get("groups", [])]
    written = [group for file in shipped.RULE_FILES for group in shipped.document(file)["groups"]]
    assert groups == written


def test_what_the_operator_makes_is_valid() -> None:
    made = [m for file in GOLDEN for m in yaml.safe_load_all(file.read_text()) if m["kind"] in KINDS]
    assert {manifest["kind"] for manifest in made} == {"PodMonitor", "PodMonitoring"}
    assert [refusal for manifest in made for refusal in refusals(manifest)] == []


RULE: Final = {"alert": "A", "expr": "up", "for": "5m", "labels": {}, "annotations": {}}


def a_rule_object(kind: str, **rule: Any) -> dict[str, Any]:
    group = "coreos" if kind == "PrometheusRule" else "googleapis"
    place = {} if kind == "ClusterRules" else {"namespace": "b"}
    return {
        "apiVersion": f"monitoring.{group}.com/v1",
        "kind": kind,
        "metadata": {"name": "a", "labels": {}, **place},
        "spec": {"groups": [{"name": "g", "interval": "30s", "rules": [RULE | rule]}]},
    }


@pytest.mark.parametrize("kind", RULE_KINDS)
def test_the_schemas_refuse_what_an_api_server_would_drop_or_refuse(kind: str) -> None:
    assert refusals(a_rule_object(kind)) == []
    for wrong in ({"fro": "5m"}, {"expr": 1}, {"record": "a:b"}, {"labels": {"severity": 1}}):
        assert refusals(a_rule_object(kind, **wrong)), wrong
    for duration, good in DURATIONS.items():
        assert (refusals(a_rule_object(kind, **{"for": duration})) == []) is good, duration


def test_googles_rules_need_an_interval() -> None:
    for kind, good in {"Rules": False, "ClusterRules": False, "PrometheusRule": True}.items():
        manifest = a_rule_object(kind)
        del manifest["spec"]["groups"][0]["interval"]
        assert (refusals(manifest) == []) is good, kind
