"""The chart rendered by a real Helm."""

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from .tools import REPOSITORY

CHART: Final = REPOSITORY / "charts" / "meetup-analysis"
RELEASE: Final = "meetup"
NAMESPACE: Final = "meetup"
_GOGC: Final = "400"
"""A process of a tenth of a second is over before garbage matters: a fifth of its processor time."""

Manifest = dict[str, Any]
"""A Kubernetes object."""
Values = dict[str, Any]
"""The values of the chart, or some of them."""

LEAST: Final[Values] = {
    "bucket": "meetup-records",
    "google": {"project": "meetup-project", "projectNumber": "123456789012"},
    "enricher": {"apiKey": {"existingSecret": "meetup-api"}},
    "alertWebhook": {
        "slack": {"existingSecret": "meetup-slack"},
        "alertmanager": {"existingSecret": "meetup-alertmanager"},
    },
}
"""What a person must set."""


class UniqueKeys(yaml.CSafeLoader):
    """Server-side apply refuses an object with a key twice; PyYAML would take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"{', '.join(twice)} twice in one mapping, {node.start_mark}")
        return super().construct_mapping(node, deep)


class Refused(Exception):
    """Helm would not render; the text is what a person sees."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One version of Helm."""

    binary: Path
    home: Path

    def run(self, *arguments: str, values: Values | None = None) -> str:
        """Run Helm with the values as its last file; raises ``Refused``."""
        command = [str(self.binary), *arguments]
        text = None
        if values is not None:
            command += ["--values", "-"]
            text = yaml.safe_dump(values)
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=60, env={"HOME": str(self.home), "GOGC": _GOGC}
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def template(self, *more: Values) -> list[Manifest]:
        """Every object of the release, from what must be set and ``more``; rendered once, so not to be changed."""
        return _rendered(self, json.dumps(merged(LEAST, *more)))

    def notes(self, folder: Path, *more: Values) -> str:
        """What a person reads after the install, from a copy of the chart in which that is an object.

        Helm 3 prints it only when it reaches a cluster.
        """
        chart = Path(shutil.copytree(CHART, folder / "chart"))
        text = (chart / "templates" / "NOTES.txt").read_text()
        (chart / "templates" / "NOTES.txt").unlink()
        (chart / "templates" / "notes.yaml").write_text(
            '{{- define "notes" }}' + text + '{{ end }}\nkind: Notes\ntext: {{ include "notes" . | quote }}\n'
        )
        rendered = self.run(
            "template", RELEASE, str(chart), "--namespace", NAMESPACE, "--show-only", "templates/notes.yaml",
            values=merged(LEAST, *more),
        )  # fmt: skip
        return str(yaml.safe_load(rendered)["text"])


@cache
def _rendered(helm: Helm, values: str) -> list[Manifest]:
    text = helm.run("template", RELEASE, str(CHART), "--namespace", NAMESPACE, values=json.loads(values))
    return [manifest for manifest in yaml.load_all(text, UniqueKeys) if manifest]


def merged(*several: Mapping[str, Any]) -> Values:
    """Later values over earlier ones, as Helm merges them: maps key by key, ``None`` removes."""
    result: Values = {}
    for values in several:
        for key, value in copy.deepcopy(dict(values)).items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The one object of this kind and name."""
    found = [manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name]
    if len(found) != 1:
        pytest.fail(f"{len(found)} objects {kind} {name}, not one")
    return found[0]


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Name, and pod or pod template, of everything that becomes a pod."""
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            yield manifest["metadata"]["name"], manifest
        elif manifest["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield manifest["metadata"]["name"], manifest["spec"]["template"]


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    """The plain variables of a container; none may occur twice."""
    names = [variable["name"] for variable in container.get("env", [])]
    assert len(names) == len(set(names)), f"a variable twice: {sorted(names)}"
    return {variable["name"]: variable["value"] for variable in container.get("env", []) if "value" in variable}
