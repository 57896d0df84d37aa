"""The metrics of all services: one contract, kept by tables, dashboards and rules alike."""

import re
from typing import Final

import pytest

from . import shipped

SERVICES: Final = tuple(shipped.registries())
NOT_OURS: Final = {"ALERTS"}
"""What Prometheus itself makes."""
BOUNDED: Final = {
    "call", "cause", "change", "code", "error", "feed", "feed_namespace", "kind", "outcome", "reason", "result",
    "service", "source", "state", "status", "table", "urgency", "verb", "verdict", "version", "le",
}  # fmt: skip
"""Labels whose values are few. A member, a URL, a message or a pod is none of them."""
UNITS: Final = ("seconds", "bytes", "total")


@pytest.mark.parametrize("service", SERVICES)
def test_every_metric_is_in_the_table_of_its_service(service: str) -> None:
    readme = (shipped.REPOSITORY / "services" / service / "README.md").read_text()
    table = dict(re.findall(r"^\| `(meetup_\w+)` \| (\w+) \|", readme, re.MULTILINE))
    assert table == {name: kind for name, (kind, _) in shipped.families(shipped.registries()[service]).items()}


@pytest.mark.parametrize("service", SERVICES)
def test_every_metric_bears_the_prefix_and_base_units(service: str) -> None:
    for name, (kind, _) in shipped.families(shipped.registries()[service]).items():
        assert name.startswith("meetup_"), name
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)", name), name
        assert "time" not in name.split("_") or name.endswith(UNITS), name


@pytest.mark.parametrize("service", SERVICES)
def test_every_label_has_few_values(service: str) -> None:
    samples = [s for family in shipped.registries()[service].collect() for s in family.samples]
    assert {label for sample in samples for label in sample.labels} <= BOUNDED


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_says_what_it_is_and_since_when_it_runs(service: str) -> None:
    names = shipped.families(shipped.registries()[service])
    assert {"meetup_build_info", "meetup_start_timestamp_seconds"} <= names.keys()


def used() -> set[str]:
    expressions = [rule["expr"] for rule in shipped.rules()] + [e for _, e in shipped.dashboard_expressions()]
    for alert in shipped.alerts():
        expressions += re.findall(r'query "([^"]+)"', " ".join(alert.annotations.values()))
    return {name for expression in expressions for name in shipped.metric_names(expression)}


def registered() -> dict[str, set[str]]:
    """Every family, and the names by which it is read."""
    return {
        name: shipped.series_of(name, kind)
        for registry in shipped.registries().values()
        for name, (kind, _) in shipped.families(registry).items()
    }


def test_every_metric_that_is_read_is_one_that_a_service_registers() -> None:
    known = set().union(*registered().values()) | shipped.recorded() | NOT_OURS
    assert used() - known == set()


def test_every_metric_is_on_a_dashboard_or_in_a_rule() -> None:
    reads = used()
    assert {name for name, series in registered().items() if not series & reads} == set()
