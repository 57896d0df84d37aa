"""What Config Connector is given, it knows: every field exists, none that is required is missing."""

from copy import deepcopy

import pytest

from .config_connector import knows, mistakes
from .helm import Manifest, of_kind
from .test_by_hand import K8S, documents

_FILES = ("meetup.yaml", "log-export.yaml", "insight-bigquery.yaml")
_YOUNGER = {"FirestoreDatabase"}
"""Kinds that the types do not hold yet."""


@pytest.fixture(scope="module")
def resources() -> list[Manifest]:
    return [document for name in _FILES for document in documents(K8S / "gcp" / name)]


def test_every_resource_is_of_a_known_kind(resources: list[Manifest]) -> None:
    assert {resource["kind"] for resource in resources if not knows(resource)} == _YOUNGER
    assert all(resource["apiVersion"].partition("/")[0].endswith(".cnrm.cloud.google.com") for resource in resources)


def test_every_field_of_a_resource_exists_and_none_is_missing(resources: list[Manifest]) -> None:
    assert mistakes([resource for resource in resources if resource["kind"] not in _YOUNGER]) == []


def test_a_field_that_does_not_exist_is_noticed(resources: list[Manifest]) -> None:
    (bucket, *_) = deepcopy(of_kind(resources, "StorageBucket"))
    bucket["spec"]["lifecycleRules"] = bucket["spec"].pop("lifecycleRule")
    (mistake,) = mistakes([bucket])
    assert "lifecycleRules" in mistake
