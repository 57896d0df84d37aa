"""Each service's README has its settings and its metrics, as the code has them and in its order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from meetup_alert_webhook.metrics import Metrics as AlertWebhookMetrics
from meetup_alert_webhook.settings import AlertWebhookSettings
from meetup_enricher.metrics import Metrics as EnricherMetrics
from meetup_enricher.settings import EnricherSettings
from meetup_feed_operator.metrics import Metrics as OperatorMetrics
from meetup_feed_operator.settings import OperatorSettings
from meetup_gateway.metrics import Metrics as GatewayMetrics
from meetup_gateway.settings import GatewaySettings
from meetup_insight.serving.metrics import Metrics as InsightMetrics
from meetup_insight.settings import InsightSettings
from meetup_stream.metrics import Metrics as StreamMetrics
from meetup_stream.settings import StreamSettings
from meetupkit.settings import Settings, documented
from prometheus_client import CollectorRegistry, Metric

SERVICES = Path(__file__).parents[1] / "services"
SETTINGS: list[tuple[str, type[Settings]]] = [
    ("alert-webhook", AlertWebhookSettings),
    ("enricher", EnricherSettings),
    ("feed-operator", OperatorSettings),
    ("gateway", GatewaySettings),
    ("insight", InsightSettings),
    ("stream", StreamSettings),
]
WEBHOOK = CollectorRegistry()
AlertWebhookMetrics(WEBHOOK, version="0")
METRICS = [
    ("alert-webhook", WEBHOOK),
    ("enricher", EnricherMetrics().registry),
    ("feed-operator", OperatorMetrics().registry),
    ("gateway", GatewayMetrics().registry),
    ("insight", InsightMetrics().registry),
    ("stream", StreamMetrics("rsvps").registry),
]


def table(service: str, heading: str) -> list[str]:
    """The rows of the first table under the heading, without its head."""
    section = (SERVICES / service / "README.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return section[section.index("\n| ") + 1 :].partition("\n\n")[0].splitlines()[2:]


def code(*words: str) -> str:
    return ", ".join(f"`{word}`" for word in words)


@pytest.mark.parametrize(("service", "settings"), SETTINGS)
def test_every_setting_has_its_row(service: str, settings: type[Settings]) -> None:
    assert table(service, "Settings") == [
        "| {} | {} | {} |".format(code(variable).replace(" or ", "` or `"), code(default) if default else "", meaning)
        for variable, default, meaning in documented(settings)
    ]


@pytest.mark.parametrize(("service", "registry"), METRICS)
def test_every_metric_has_its_row(service: str, registry: CollectorRegistry) -> None:
    rows = []
    for family in registry.collect():
        ending = {"counter": "_total", "info": "_info"}.get(family.type, "")
        kind = "gauge" if family.type == "info" else family.type
        labels = code(*labels_of(family, registry))
        rows.append(f"| `{family.name}{ending}` | {kind} | {labels} | {family.documentation} |")
    assert table(service, "Metrics") == rows


def labels_of(family: Metric, registry: CollectorRegistry) -> Sequence[str]:
    """Also those of a metric that has no sample yet, which no public name of the library tells."""
    if family.samples:
        return [label for label in family.samples[0].labels if label != "le"]
    names: dict[str, Any] = registry._names_to_collectors
    labels: Sequence[str] = names[family.name]._labelnames
    return labels
