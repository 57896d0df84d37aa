"""Desired manifests as pairs of files: ``golden/NAME.input.yaml`` gives ``golden/NAME.output.yaml``.

``WRITE_GOLDEN=1 pytest services/feed-operator/tests/test_desired.py`` writes the outputs anew, to be read in the diff.
"""

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from meetup_feed_operator.resources.manifests import desired
from meetup_feed_operator.resources.meetupfeed import InvalidFeed, MeetupFeed, read_feed
from meetup_feed_operator.resources.names import bounded, stream_name
from meetup_feed_operator.settings import OperatorSettings

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name.removesuffix(".input.yaml") for path in GOLDEN.glob("*.input.yaml"))
KUBERNETES = ("1.33", "1.34", "1.35", "1.36", "1.37")


def render(case: str) -> list[dict[str, Any]]:
    given = yaml.safe_load((GOLDEN / f"{case}.input.yaml").read_text())
    settings = OperatorSettings.from_environ({f"FEED_OPERATOR_{k}": v for k, v in given["settings"].items()})
    return desired(read_feed(given["feed"]), settings)


def a_feed(**spec: Any) -> MeetupFeed:
    return read_feed({"metadata": {"name": "f", "namespace": "n", "uid": "u"}, "spec": spec})


def settings_of(**values: str) -> OperatorSettings:
    needed = {"NAMESPACE": "n", "IMAGE": "stream:1", "BUCKET": "records"}
    return OperatorSettings.from_environ({f"FEED_OPERATOR_{k}": v for k, v in (needed | values).items()})


@pytest.mark.parametrize("case", CASES)
def test_a_feed_becomes_the_manifests_of_its_file(case: str) -> None:
    path = GOLDEN / f"{case}.output.yaml"
    manifests = render(case)
    if os.environ.get("WRITE_GOLDEN"):
        path.write_text(yaml.safe_dump_all(manifests, sort_keys=False))
    assert manifests == list(yaml.safe_load_all(path.read_text()))


@pytest.mark.parametrize("case", CASES)
def test_every_manifest_is_valid_for_every_supported_kubernetes(case: str) -> None:
    for manifest in render(case):
        if manifest["apiVersion"].startswith("monitoring."):
            continue  # custom resources, which the schemas do not know
        for version in KUBERNETES:
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_every_pod_passes_the_restricted_pod_security_standard(case: str) -> None:
    (deployment,) = (manifest for manifest in render(case) if manifest["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert all(volume.keys() == {"name", "secret"} for volume in pod.get("volumes", []))
    assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}


@pytest.mark.parametrize("case", CASES)
def test_a_deployment_selects_its_own_pods_by_labels_that_stay(case: str) -> None:
    (deployment,) = (manifest for manifest in render(case) if manifest["kind"] == "Deployment")
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert all(len(value) <= 63 for value in deployment["metadata"]["labels"].values())
    assert len(deployment["metadata"]["name"]) <= 63


def test_names_cut_to_the_bound_stay_different() -> None:
    long = "a" * 100
    names = {stream_name(f"{long}-{n}") for n in range(50)}
    assert len(names) == 50
    assert all(len(name) <= 63 for name in names)


def test_a_name_with_dots_is_told_apart_from_the_one_with_dashes() -> None:
    assert bounded("a-b") == "a-b"
    assert bounded("a.b") != "a-b"
    assert "." not in bounded("a.b")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"feed": "talks"}, "not in the feed table"),
        ({"feed": "talks", "row": {"idField": "id", "timeField": "t"}}, "needs a url"),
        ({"feed": "rsvps", "url": "http://x", "row": {"idField": "id", "timeField": "t"}}, "a name of its own"),
        ({"feed": "rsvps", "label": "../up"}, "spec.label"),
        ({"feed": "rsvps", "layout": "columns"}, "spec.layout"),
        (
            {"feed": "rsvps", "url": "http://stream.example:99999/"},
            "spec.url: Value error, must name a port from 1 to 65535",
        ),
        ({}, "spec.feed"),
    ],
)
def test_a_feed_that_cannot_be_carried_out_says_why(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidFeed) as caught:
        desired(a_feed(**spec), settings_of())
    assert said in str(caught.value)


def test_an_address_that_is_none_is_not_repeated_since_it_may_hold_a_password() -> None:
    with pytest.raises(InvalidFeed, match="HTTPS_PROXY") as caught:
        desired(a_feed(feed="rsvps"), settings_of(EXTRA_ENV='{"HTTPS_PROXY": "http://user:open/sesame@proxy:3128"}'))
    assert "open" not in str(caught.value)


def test_a_feed_without_a_bucket_is_refused_in_words() -> None:
    with pytest.raises(InvalidFeed, match=r"spec\.bucket is not set"):
        desired(a_feed(feed="rsvps"), settings_of(BUCKET=""))


def test_a_stream_without_ids_is_told_of_no_enricher() -> None:
    manifests = desired(a_feed(feed="open_venues"), settings_of(ENRICHER_URL="http://enricher:8080"))
    container = manifests[-1]["spec"]["template"]["spec"]["containers"][0]
    assert "STREAM_ENRICHER_URL" not in {variable["name"] for variable in container["env"]}
