"""An upgrade from a released chart asks the API server for nothing that it must refuse, and moves no identity.

``former/VERSION-VARIANT.json`` has the objects that the chart of that version rendered, with nothing but the fields
that must stay. When a version is released, add its own with
``python -m tests.chart.test_upgrade``; files of released versions never change.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from .helm import CHART, Helm, Manifest
from .variants import VARIANTS

_FORMER: Final = sorted((Path(__file__).parent / "former").glob("*.json"))
_KEPT: Final = ("least", "everything", "all-namespaces")
_IMMUTABLE: Final[dict[str, tuple[str, ...]]] = {
    "Deployment": ("spec.selector", "spec.strategy.type"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "Service": ("spec.clusterIP", "spec.ipFamilies"),
    "MeetupFeed": ("spec.feed", "spec.label", "spec.row"),
}
"""Fields that the API server, or the CRD's rules, refuse to change. The strategy: what the API server has filled in of
a RollingUpdate stays when server-side apply, by which Helm 4 upgrades, makes it a Recreate, and is refused then."""


def changes(former: list[Manifest], now: list[Manifest]) -> Iterator[str]:
    """What an upgrade would be refused for, and identities that would lose their roles."""
    after = {_identity(manifest): manifest for manifest in now}
    for manifest in former:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        new = after.get(_identity(manifest))
        if new is None and kind in {"ServiceAccount", "MeetupFeed"}:
            yield f"{kind} {name} is gone"
        for path in _IMMUTABLE.get(kind, ()) if new else ():
            if _at(manifest, path) != _at(new, path):
                yield f"{kind} {name}: {path} was {_at(manifest, path)}, is {_at(new, path)}"


def kept(manifests: list[Manifest]) -> list[Manifest]:
    """What an upgrade is compared with: who is there, and the fields that cannot change."""
    names = (*_IMMUTABLE, "ServiceAccount")
    return [_only(each, _IMMUTABLE.get(each["kind"], ())) for each in manifests if each["kind"] in names]


def test_there_is_a_former_rendering_of_each_kind_of_release() -> None:
    assert {file.stem.partition("-")[2] for file in _FORMER} == set(_KEPT)


@pytest.mark.parametrize("former", _FORMER, ids=[file.stem for file in _FORMER])
def test_an_upgrade_changes_no_immutable_field_and_no_identity(helm: Helm, former: Path) -> None:
    variant = VARIANTS[former.stem.partition("-")[2]]
    assert not list(changes(json.loads(former.read_text()), helm.template(variant)))


def test_a_changed_selector_a_changed_label_and_a_lost_identity_are_seen(manifests: list[Manifest]) -> None:
    text = yaml.safe_dump_all(manifests)
    renamed = text.replace("app.kubernetes.io/name: meetup-enricher", "app.kubernetes.io/name: other")
    relabelled = text.replace("feed: rsvps", "feed: answers")
    moved = text.replace("meetup-stream", "meetup-streams")
    for changed, word in (
        (renamed, "spec.selector"),
        (relabelled, "spec.feed"),
        (moved, "ServiceAccount meetup-stream"),
    ):
        assert any(word in change for change in changes(manifests, list(yaml.safe_load_all(changed))))


def _identity(manifest: Manifest) -> tuple[str, str, str]:
    return manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]


def _only(manifest: Manifest, paths: tuple[str, ...]) -> Manifest:
    found: Manifest = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"]}
    found["metadata"] = {"name": manifest["metadata"]["name"]}
    for path in paths:
        *outer, last = path.split(".")
        place: Any = found
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = _at(manifest, path)
    return found


def _at(manifest: Any, path: str) -> Any:
    for key in path.split("."):
        manifest = (manifest or {}).get(key)
    return manifest


if __name__ == "__main__":
    from tempfile import mkdtemp

    from .tools import KUBECTL_37, program

    newest = Helm(program(KUBECTL_37, "helm"), Path(mkdtemp()))
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    for name in _KEPT:
        file = Path(__file__).parent / "former" / f"{version}-{name}.json"
        if file.exists():
            sys.exit(f"{file} is there already; it was released")
        file.write_text(json.dumps(kept(newest.template(VARIANTS[name])), indent=1, sort_keys=True) + "\n")
