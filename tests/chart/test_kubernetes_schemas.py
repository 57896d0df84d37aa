"""Every object is one that the API servers of five Kubernetes versions would take, with no field too many."""

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from .helm import CHART, LEAST, Helm, Values, merged, of_kind
from .variants import VARIANTS

_KUBERNETES: Final = ("1.33", "1.34", "1.35", "1.36", "1.37")
_WITHOUT_SCHEMA: Final = {"MeetupFeed", "PodMonitor", "PodMonitoring", "PrometheusRule", "Rules", "ClusterRules"}
"""Of custom resource definitions; MeetupFeed is held to the chart's own below."""


@pytest.mark.parametrize("version", _KUBERNETES)
@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_object_is_valid(helm: Helm, variant: Values, version: str) -> None:
    for manifest in helm.template(variant):
        if manifest["kind"] not in _WITHOUT_SCHEMA:
            validate(json.dumps(manifest), version)


@cache
def validate(manifest: str, version: str) -> None:
    """Raises ``ValidationError``. Most objects are the same in several variants and with both Helms: read once."""
    kubernetes_validate.validate(json.loads(manifest), version, strict=True)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_feed_is_valid_by_the_crd(helm: Helm, variant: Values) -> None:
    validator = Draft202012Validator(_crd_schema())
    for feed in of_kind(helm.template(variant), "MeetupFeed"):
        assert not list(validator.iter_errors(feed))


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_no_object_is_there_twice(helm: Helm, variant: Values) -> None:
    manifests = helm.template(variant)
    names = [(m["apiVersion"], m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_every_list_that_is_merged_by_a_key_has_each_key_once(helm: Helm, variant: Values) -> None:
    """Server-side apply, which Helm 4 installs by, refuses such a list."""
    for manifest in helm.template(variant):
        for path, items in _lists(manifest):
            names = [item["name"] for item in items if isinstance(item, dict) and "name" in item]
            assert len(names) == len(set(names)), f"{manifest['kind']} {path}: {names}"


def test_every_name_fits_into_a_dns_label_under_the_longest_release_name(newest_helm: Helm) -> None:
    values = merged(LEAST, {"monitoring": {"prometheus": "managed"}})
    text = newest_helm.run("template", "a" * 53, str(CHART), "--namespace", "n" * 63, values=values)
    for manifest in yaml.safe_load_all(text):
        if manifest:
            assert len(manifest["metadata"]["name"]) <= 63


def test_names_that_look_like_numbers_stay_names(helm: Helm) -> None:
    odd: Values = {
        "fullnameOverride": "meetup",
        "image": {"pullSecrets": ["9"]},
        "enricher": {"apiKey": {"existingSecret": "123", "key": "1"}},
        "alertWebhook": {
            "slack": {"existingSecret": "0x10", "urlKey": "2"},
            "alertmanager": {"existingSecret": "789", "tokenKey": "null"},
        },
    }
    text = helm.run("template", "2026", str(CHART), values=merged(LEAST, odd))
    for manifest in yaml.safe_load_all(text):
        if manifest and manifest["kind"] not in _WITHOUT_SCHEMA:
            validate(json.dumps(manifest), _KUBERNETES[-1])


def test_every_pattern_of_the_crd_is_one_that_the_api_server_can_read(newest_helm: Helm, tmp_path: Path) -> None:
    """The API server and Helm are written in Go, whose regular expressions repeat at most 1,000 times in all."""
    patterns = sorted({value for path, value in _leaves(_crd_schema()) if path[-1] == "pattern"})
    assert len(patterns) > 5
    for pattern in patterns:
        re.compile(pattern)
        newest_helm.run("template", "patterns", str(_chart_with_schema(tmp_path / "patterns", pattern)))


def _chart_with_schema(folder: Path, pattern: str) -> Path:
    """An empty chart whose schema has the pattern: Helm compiles it."""
    folder.mkdir(exist_ok=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: patterns\nversion: 0.1.0\n")
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"pattern": pattern}}}
    (folder / "values.schema.json").write_text(json.dumps(schema))
    return folder


@cache
def _crd_schema() -> dict[str, Any]:
    """The structural schema, refusing fields that it does not name, where the API server would prune them."""
    crd = yaml.load((CHART / "crds" / "meetupfeeds.yaml").read_text(), yaml.CSafeLoader)
    schema: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return _closed(schema)


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    closed = copy.deepcopy(schema)
    if "properties" in closed:
        closed["properties"] = {name: _closed(each) for name, each in closed["properties"].items()}
        closed.setdefault("additionalProperties", False)
    if isinstance(closed.get("items"), dict):
        closed["items"] = _closed(closed["items"])
    if closed.get("x-kubernetes-int-or-string"):
        closed.pop("pattern", None)
    return closed


def _lists(value: Any, path: str = "") -> list[tuple[str, list[Any]]]:
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in _lists(each, f"{path}.{key}")]
    if isinstance(value, list):
        return [(path, value), *(found for each in value for found in _lists(each, path))]
    return []


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in _leaves(each, (*path, key))]
    if isinstance(value, list):
        return [found for each in value for found in _leaves(each, path)]
    return [(path, value)] if isinstance(value, str) and path else []
