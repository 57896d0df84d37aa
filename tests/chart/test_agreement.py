"""What is said in two places is the same in both: values, schema, README, feed table, settings, roles."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import pytest
import yaml
from meetup_alert_webhook.settings import AlertWebhookSettings
from meetup_enricher.settings import EnricherSettings
from meetup_feed_operator.settings import OperatorSettings
from meetup_gateway.settings import GatewaySettings
from meetup_insight.settings import InsightSettings
from meetupkit.feeds import FEEDS
from meetupkit.settings import Settings, documented

from .helm import CHART, LEAST, Helm, Manifest, of_kind
from .tools import REPOSITORY

_VALUES: Final = CHART / "values.yaml"
_SCHEMA: Final[dict[str, Any]] = json.loads((CHART / "values.schema.json").read_text())
_LONGEST: Final = 350
"""Lines of values.yaml that a person still reads."""
_SERVICES: Final[dict[str, type[Settings]]] = {
    "operator": OperatorSettings,
    "enricher": EnricherSettings,
    "alertWebhook": AlertWebhookSettings,
    "gateway": GatewaySettings,
    "insight": InsightSettings,
}


def test_values_are_short_enough_to_be_read() -> None:
    assert len(_VALUES.read_text().splitlines()) <= _LONGEST


_SELF_EXPLAINING: Final = {
    *("enabled", "requests", "limits", "cpu", "memory", "resources", "autoscaling", "minReplicas", "maxReplicas"),
    *("annotations", "labels", "key", "tokenKey", "host", "className", "priorityClassName"),
}
"""Keys that say all there is to say; a comment would only repeat them."""


def test_every_value_has_a_sentence_above_it_unless_its_key_is_one() -> None:
    lines = _VALUES.read_text().splitlines()
    for above, line in pairwise(lines):
        if key := re.match(r"\s*([A-Za-z_]+):", line):
            comment = above.strip()
            if not comment.startswith("# ") and key[1] in _SELF_EXPLAINING:
                continue
            assert comment.startswith("# "), f"{line.strip()} has no comment"
            assert (
                comment[2].isupper() or comment[2:].split(",")[0].split(":")[0].isidentifier() or comment.endswith(".")
            )
            assert comment.endswith((".", ":")), f"{line.strip()}: not a sentence: {comment}"


def test_no_comment_restates_its_key() -> None:
    lines = _VALUES.read_text().splitlines()
    for above, line in pairwise(lines):
        if (key := re.match(r"\s*([A-Za-z_]+):", line)) and above.strip().startswith("# "):
            said = set(re.findall(r"[a-z]+", above.lower())) - {"the", "a", "of", "its", "it", "for", "whether", "is"}
            assert said - set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r" \1", key[1]).lower())), above


def test_every_value_is_in_the_schema() -> None:
    values = yaml.safe_load(_VALUES.read_text())
    for path in _paths(values):
        assert _in_schema(path) is not None, ".".join(path)


def test_every_property_of_the_schema_is_a_value() -> None:
    """Maps that a person fills (feeds, settings) aside: their keys are described in the schema itself."""
    values = yaml.safe_load(_VALUES.read_text())
    for path in _schema_paths(_SCHEMA):
        place: Any = values
        for key in path:
            assert isinstance(place, dict)
            assert key in place, f"{'.'.join(path)} is in the schema, not in values.yaml"
            place = place[key]


def test_every_value_is_read_by_a_template() -> None:
    templates = "\n".join(file.read_text() for file in (CHART / "templates").rglob("*.*"))
    for path in _paths(yaml.safe_load(_VALUES.read_text())):
        if path[0] not in {"global", "feeds"} and path[-2:-1] not in {("labels",), ("requests",), ("limits",)}:
            assert re.search(rf"\.{path[-1]}\b", templates), f"{'.'.join(path)} does nothing"


@pytest.mark.parametrize(("section", "settings"), _SERVICES.items(), ids=_SERVICES.keys())
def test_every_setting_of_a_service_can_be_set_in_one_place(section: str, settings: type[Settings]) -> None:
    """Either the chart sets it from a value, or settings.NAME does, or it is a secret, which comes by extraEnv."""
    own = set(re.findall(r"^([A-Z_]+):", (CHART / "templates" / "_environment.tpl").read_text(), re.MULTILINE))
    by_name = set(_SCHEMA["properties"][section]["properties"]["settings"]["properties"])
    fields = {variable: variable.removeprefix(settings.prefix).lower() for variable, _, _ in _plain(settings)}
    for variable, field in fields.items():
        assert (variable in own) != (_camel(field) in by_name), f"{variable}: not once, but in neither or both"
    assert by_name <= {_camel(field) for field in fields.values()}
    secrets = {variable for variable, _, _ in documented(settings) if " or " in variable}
    known = {*fields, *(name for variable in secrets for name in variable.split(" or "))}
    assert {name for name in own if name.startswith(settings.prefix)} <= known


@pytest.mark.parametrize(("section", "settings"), _SERVICES.items(), ids=_SERVICES.keys())
def test_the_schema_says_of_a_setting_what_the_service_says(section: str, settings: type[Settings]) -> None:
    by_name = _SCHEMA["properties"][section]["properties"]["settings"]["properties"]
    for variable, _, meaning in _plain(settings):
        name = _camel(variable.removeprefix(settings.prefix).lower())
        if name in by_name:
            assert by_name[name]["description"] == meaning


def test_the_operators_rights_are_those_it_was_tested_with() -> None:
    assert (CHART / "rbac" / "feed-operator.yaml").read_text() == (
        REPOSITORY / "services" / "feed-operator" / "rbac.yaml"
    ).read_text()


def test_the_operator_gets_these_rights_and_no_more(manifests: list[Manifest]) -> None:
    rules = yaml.safe_load((REPOSITORY / "services" / "feed-operator" / "rbac.yaml").read_text())["rules"]
    assert [role["rules"] for role in of_kind(manifests, "Role")] == [rules]
    assert not [role for role in of_kind(manifests, "ClusterRole") if not _aggregates_to(role)]
    assert not of_kind(manifests, "ClusterRoleBinding")


def test_the_operator_of_all_namespaces_has_the_same_rights_in_all(helm: Helm) -> None:
    rules = yaml.safe_load((CHART / "rbac" / "feed-operator.yaml").read_text())["rules"]
    manifests = helm.template({"operator": {"allNamespaces": True}})
    assert [role["rules"] for role in of_kind(manifests, "ClusterRole") if not _aggregates_to(role)] == [rules]
    assert not of_kind(manifests, "Role")


def test_whoever_may_view_edit_or_administer_a_namespace_may_so_with_its_feeds(manifests: list[Manifest]) -> None:
    read = {"get", "list", "watch"}
    write = {"create", "update", "patch", "delete", "deletecollection"}
    verbs = {
        _aggregates_to(role): {
            rule["resources"][0]: set(rule["verbs"])
            for rule in role["rules"]
            if rule["apiGroups"] == ["meetup-analysis.dev"] and len(rule["resources"]) == 1
        }
        for role in of_kind(manifests, "ClusterRole")
    }
    assert verbs == {
        "view": {"meetupfeeds": read, "meetupfeeds/status": {"get"}},
        "edit": {"meetupfeeds": read | write, "meetupfeeds/status": {"get"}},
        "admin": {"meetupfeeds": read | write, "meetupfeeds/status": {"get"}},
    }


def test_whoever_may_not_make_cluster_roles_can_install_without(helm: Helm) -> None:
    manifests = helm.template({"operator": {"aggregateRoles": False}})
    assert not [m for m in manifests if m["kind"].startswith("Cluster")]


def test_releases_in_two_namespaces_have_cluster_roles_of_their_own(newest_helm: Helm) -> None:
    def names(namespace: str) -> set[str]:
        text = newest_helm.run("template", "meetup", str(CHART), "--namespace", namespace, values=LEAST)
        return {m["metadata"]["name"] for m in yaml.safe_load_all(text) if m and m["kind"] == "ClusterRole"}

    assert len(names("one")) == 3
    assert not names("one") & names("two")


def test_values_schema_and_refusals_know_the_feeds_of_the_feed_table() -> None:
    assert list(yaml.safe_load(_VALUES.read_text())["feeds"]) == list(FEEDS)
    refusals = (CHART / "templates" / "validate.yaml").read_text()
    (listed,) = re.findall(r"\$tableOfFeeds := list (.*) }}", refusals)
    assert re.findall(r'"(\w+)"', listed) == list(FEEDS)


def test_every_field_of_a_feed_can_be_set_in_the_values() -> None:
    crd = yaml.safe_load((CHART / "crds" / "meetupfeeds.yaml").read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    feed = _SCHEMA["definitions"]["feed"]["properties"]
    assert set(feed) == {"enabled", *spec}
    assert set(feed["row"]["properties"]) == set(spec["row"]["properties"])


def test_the_readme_has_every_section_of_the_values() -> None:
    readme = (CHART / "README.md").read_text()
    for section in yaml.safe_load(_VALUES.read_text()):
        assert f"`{section}`" in readme or f"`{section}." in readme, f"README.md does not speak of {section}"


def test_the_readme_names_no_value_that_there_is_not() -> None:
    roots = "|".join(yaml.safe_load(_VALUES.read_text()))
    for path in re.findall(rf"`((?:{roots})(?:\.[A-Za-z_]+)+)`", (CHART / "README.md").read_text()):
        assert _in_schema(tuple(path.split("."))) is not None, f"README.md names {path}"


@pytest.mark.parametrize("file", ["README.md", "templates/NOTES.txt", "crds/meetupfeeds.yaml"])
def test_the_command_that_upgrades_the_crd_takes_its_fields_over_from_helm(file: str) -> None:
    """Helm owns the fields of what it has installed, so a changed CRD is refused as a conflict without the flag."""
    (path,) = re.findall(r"kubectl apply --server-side --force-conflicts -f (\S+)", (CHART / file).read_text())
    assert path.removeprefix("charts/meetup-analysis/") == "crds/meetupfeeds.yaml"
    assert (CHART / "crds/meetupfeeds.yaml").is_file()


def _aggregates_to(role: Manifest) -> str:
    """The role of the cluster that it is added to, if any."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    return "".join(label.removeprefix(prefix) for label in role["metadata"]["labels"] if label.startswith(prefix))


def _plain(settings: type[Settings]) -> Iterator[tuple[str, str, str]]:
    """The settings that are no secrets."""
    return (
        (variable, default, meaning) for variable, default, meaning in documented(settings) if " or " not in variable
    )


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.title() for word in rest)


def _paths(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _paths(value, (*above, key))


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = _SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    return found


def _in_schema(path: tuple[str, ...]) -> dict[str, Any] | None:
    place = _SCHEMA
    for key in path:
        place = _resolved(place)
        if key in place.get("properties", {}):
            place = place["properties"][key]
        elif isinstance(place.get("additionalProperties"), dict):
            place = place["additionalProperties"]
        else:
            return None
    return place


def _schema_paths(schema: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    free = {"enabled", "settings", "digests", "references", "requests", "limits", "tolerations"}
    for key, value in _resolved(schema).get("properties", {}).items():
        if not above and key == "enabled":
            continue  # an umbrella chart's condition
        yield (*above, key)
        if key not in free:
            yield from _schema_paths(value, (*above, key))
