"""The CRD's schema, its CEL rules in Google's own evaluator, and its agreement with the feed table and the operator."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from cel_expr_python import cel
from meetup_feed_operator.resources.allowed import BUCKET_PATTERN
from meetup_feed_operator.resources.meetupfeed import GROUP, KIND, PLURAL, VERSION, FeedSpec
from meetup_feed_operator.status.conditions import Observation, derive
from meetup_feed_operator.status.metrics_page import Ledger, Scrape
from meetupkit.feeds import FEEDS

CRD = yaml.load(
    (Path(__file__).parents[3] / "charts/meetup-analysis/crds/meetupfeeds.yaml").read_text(), yaml.CSafeLoader
)
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
ROW = {"idField": "id", "timeField": "meta.mtime"}
CUSTOM = {"feed": "talks", "url": "https://streams.example/talks", "row": ROW}

GOOD: list[dict[str, Any]] = [
    *({"feed": name} for name in FEEDS),
    CUSTOM,
    {**CUSTOM, "row": {**ROW, "idType": "text", "memberIdFields": ["a.b"], "groupIdFields": ["c"]}},
    {"feed": "rsvps", "url": "http://simulator:8080/2/rsvps?since_count=5"},
    {"feed": "rsvps", "label": "rsvps-2026_v2", "bucket": "my-bucket/pre.fix/2026", "layout": "batch"},
    {"feed": "rsvps", "resources": {"requests": {"cpu": "100m", "memory": "96Mi"}, "limits": {"cpu": 2}}},
    {"feed": "rsvps", "paused": True, "enrichment": False, "readTimeoutSeconds": 5},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "feed"),
    ({"feed": ""}, "feed"),
    ({"feed": "RSVPs"}, "feed"),
    ({"feed": "rsvps", "label": "Rsvps"}, "label"),
    ({"feed": "rsvps", "label": "_rejected"}, "label"),
    ({"feed": "rsvps", "label": "a/b"}, "label"),
    ({"feed": "rsvps", "label": ".."}, "label"),
    ({"feed": "rsvps", "label": "a" * 64}, "label"),
    ({"feed": "rsvps", "url": "ftp://stream"}, "url"),
    ({"feed": "rsvps", "url": "http://user:secret@stream/"}, "url"),
    ({"feed": "rsvps", "url": "http://"}, "url"),
    ({"feed": "rsvps", "bucket": "gs://bucket"}, "bucket"),
    ({"feed": "rsvps", "bucket": "Bucket"}, "bucket"),
    ({"feed": "rsvps", "bucket": "bucket/../up/"}, "bucket"),
    ({"feed": "rsvps", "layout": "columns"}, "layout"),
    ({"feed": "rsvps", "readTimeoutSeconds": 4}, "readTimeoutSeconds"),
    ({"feed": "rsvps", "paused": "yes"}, "paused"),
    ({"feed": "rsvps", "resources": {"requests": {"cpu": "a lot"}}}, "cpu"),
    ({**CUSTOM, "row": {"idField": "id"}}, "row"),
    ({**CUSTOM, "row": {**ROW, "idField": "a..b"}}, "idField"),
    ({**CUSTOM, "row": {**ROW, "idType": "uuid"}}, "idType"),
    ({**CUSTOM, "row": {**ROW, "groupIdFields": ["x"] * 9}}, "groupIdFields"),
]
REFUSED_BY_RULE: list[tuple[dict[str, Any], str]] = [
    ({"feed": "talks"}, "any other name needs a whole row"),
    ({"feed": "rsvps", "url": "http://x/", "row": ROW}, "a feed name of its own"),
    ({"feed": "talks", "row": ROW}, "a custom row needs a url"),
]
CHANGES: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({"feed": "rsvps"}, {"feed": "rsvps", "paused": True, "layout": "batch", "bucket": "other"}, None),
    ({"feed": "rsvps", "label": "a"}, {"feed": "rsvps", "label": "a"}, None),
    ({"feed": "rsvps", "label": "a"}, {"feed": "rsvps", "label": "b"}, "label is immutable"),
    ({"feed": "rsvps", "label": "a"}, {"feed": "rsvps"}, "label is immutable"),
    ({"feed": "rsvps"}, {"feed": "rsvps", "label": "rsvps"}, "label is immutable"),
    ({"feed": "rsvps"}, {"feed": "photos"}, "feed is immutable"),
    (CUSTOM, {**CUSTOM, "row": {**ROW, "idField": "other"}}, "row is immutable"),
    (CUSTOM, {**CUSTOM, "url": "https://streams.example/moved"}, None),
]


def refusals(spec: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """The messages of the rules that refuse it; without an old spec, the transition rules are not asked."""
    env = cel.NewEnv(variables={"self": cel.Type.DYN, "oldSelf": cel.Type.DYN})
    data = {"self": spec} | ({"oldSelf": old} if old is not None else {})
    rules = [rule for rule in SPEC["x-kubernetes-validations"] if old is not None or "oldSelf" not in rule["rule"]]
    return [rule["message"] for rule in rules if env.compile(rule["rule"]).eval(data=data).value() is not True]


@pytest.mark.parametrize("spec", GOOD, ids=str)
def test_a_good_spec_passes_schema_and_rules(spec: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(SPEC).validate(spec)
    assert refusals(spec) == []
    FeedSpec.model_validate(spec)


@pytest.mark.parametrize(("spec", "field"), BAD, ids=str)
def test_a_bad_spec_is_refused_for_its_field(spec: dict[str, Any], field: str) -> None:
    errors = list(jsonschema.Draft7Validator(SPEC).iter_errors(spec))
    assert any(field in (*map(str, error.absolute_path), *error.message.replace("'", " ").split()) for error in errors)


@pytest.mark.parametrize(("spec", "said"), REFUSED_BY_RULE, ids=str)
def test_a_rule_refuses_in_words(spec: dict[str, Any], said: str) -> None:
    jsonschema.Draft7Validator(SPEC).validate(spec)
    assert any(said in message for message in refusals(spec))


def test_a_url_that_is_no_web_address_is_refused_in_words_and_not_by_its_pattern_alone() -> None:
    assert refusals({"feed": "rsvps", "url": "stream.example/2/rsvps"}) == ["url must begin with https:// or http://"]


@pytest.mark.parametrize(("old", "new", "said"), CHANGES, ids=str)
def test_what_names_the_objects_never_changes(old: dict[str, Any], new: dict[str, Any], said: str | None) -> None:
    messages = refusals(new, old)
    assert [said in message for message in messages] == [True] if said else messages == []


def test_the_definition_is_valid_for_every_supported_kubernetes() -> None:
    for version in ("1.33", "1.34", "1.35", "1.36", "1.37"):
        kubernetes_validate.validate(deepcopy(CRD), version, strict=True)


def test_the_definition_and_the_operator_mean_the_same_resource() -> None:
    assert (CRD["spec"]["group"], CRD["spec"]["names"]["plural"]) == (GROUP, PLURAL)
    assert (CRD["spec"]["names"]["kind"], CRD["spec"]["versions"][0]["name"]) == (KIND, VERSION)
    aliases = {field.alias for field in FeedSpec.model_fields.values()}
    assert aliases == SPEC["properties"].keys()
    assert SPEC["properties"]["bucket"]["pattern"] == BUCKET_PATTERN


def test_the_rules_know_the_feeds_of_the_feed_table() -> None:
    listed = str(sorted(FEEDS))
    for rule in SPEC["x-kubernetes-validations"][:2]:
        named = yaml.safe_load(rule["rule"][rule["rule"].index("[") : rule["rule"].index("]") + 1])
        assert str(sorted(named)) == listed


def test_the_schema_is_structural_and_bounded() -> None:
    def check(schema: dict[str, Any], path: str) -> None:
        if not schema.get("x-kubernetes-int-or-string"):
            assert "type" in schema, path
        if schema.get("type") == "string" and "enum" not in schema and "format" not in schema:
            assert "maxLength" in schema or path in (".apiVersion", ".kind"), path
        if schema.get("type") == "array":
            assert "maxItems" in schema, path
            check(schema["items"], f"{path}[]")
        if schema.get("type") == "integer":
            assert "minimum" in schema, path
        for name, below in schema.get("properties", {}).items():
            check(below, f"{path}.{name}")

    check(SCHEMA, "")


def test_conditions_are_a_map_by_type() -> None:
    conditions = SCHEMA["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_the_columns_of_kubectl_get_are_those_a_person_asks_for() -> None:
    columns = CRD["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"].upper() for column in columns if not column.get("priority")]
    assert shown == ["FEED", "READY", "RATE", "LAST RECORD", "AGE"]
    wide = [column["name"].upper() for column in columns if column.get("priority") == 1]
    assert wide == ["REASON", "REJECTED", "GAPS", "LAST GAP", "OBJECTS"]


def test_every_column_shows_a_field_of_the_schema() -> None:
    for column in CRD["spec"]["versions"][0]["additionalPrinterColumns"]:
        first, *path = column["jsonPath"].removeprefix(".").partition("[")[0].split(".")
        at = SCHEMA["properties"][first]
        for name in path if first != "metadata" else ():
            assert name in at["properties"], column["name"]
            at = at["properties"][name]


def test_the_schema_has_every_figure_that_the_operator_writes() -> None:
    """A field that the schema does not have is dropped by the API server without a word."""
    now = 1_700_000_000.0
    scrape = Scrape(
        pod_uid="p",
        at=now,
        connected=True,
        stored=90,
        rejected=1,
        last_record=now,
        cursor=now,
        ledger=Ledger(now, {"gap": 1}, {"stored": 2}, (1.0, 2.0)),
    )
    status = derive(
        Observation(
            generation=1,
            paused=False,
            objects="gs://b/rsvps/",
            problem=None,
            deployment=None,
            pods=[],
            scrape=scrape,
            earlier=replace(scrape, at=now - 60, stored=1),
            previous={},
            now=now,
        )
    )
    properties = SCHEMA["properties"]["status"]["properties"]
    assert status.keys() == properties.keys()
    assert status["ledger"].keys() == properties["ledger"]["properties"].keys()
    jsonschema.Draft7Validator(SCHEMA["properties"]["status"]).validate(status)
