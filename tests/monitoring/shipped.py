"""What is shipped to watch the services: rules, dashboards, runbooks, and the metrics that services register."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest
import yaml
from meetup_alert_webhook.metrics import Metrics as AlertWebhookMetrics
from meetup_enricher.metrics import Metrics as EnricherMetrics
from meetup_feed_operator.metrics import Metrics as OperatorMetrics
from meetup_gateway.metrics import Metrics as GatewayMetrics
from meetup_insight.serving.metrics import Metrics as InsightMetrics
from meetup_stream.metrics import Metrics as StreamMetrics
from prometheus_client import CollectorRegistry

REPOSITORY: Final = Path(__file__).parents[2]
CHART: Final = REPOSITORY / "charts" / "meetup-analysis"
RULE_FILES: Final = sorted((CHART / "rules").glob("*.yaml"))
DASHBOARD_FILES: Final = sorted((CHART / "dashboards").glob("*.json"))
RUNBOOKS: Final = REPOSITORY / "k8s" / "monitoring" / "runbooks.md"

_SUFFIXES: Final = {"histogram": ("_bucket", "_sum", "_count")}
"""The samples of a family of metrics; any other has one that bears its name."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule, and the lines of its file from its name to its ``for``."""

    name: str
    expression: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    waits: str | None
    source: str


@cache
def document(file: Path) -> Any:
    """A YAML file of this repository, read once and by libyaml; not to be changed."""
    return yaml.load(file.read_text(), yaml.CSafeLoader)


def rules() -> list[dict[str, Any]]:
    """Every rule of every file, as it is written."""
    return [rule for file in RULE_FILES for group in document(file)["groups"] for rule in group["rules"]]


@cache
def alerts() -> tuple[Alert, ...]:
    """Every alerting rule."""
    texts = "\n".join(file.read_text() for file in RULE_FILES)
    return tuple(
        Alert(
            rule["alert"],
            rule["expr"],
            rule["labels"],
            rule["annotations"],
            rule.get("for"),
            texts.partition(f"alert: {rule['alert']}\n")[2].partition("labels:")[0],
        )
        for rule in rules()
        if "alert" in rule
    )


def recorded() -> set[str]:
    """The series that rules record."""
    return {rule["record"] for rule in rules() if "record" in rule}


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by its uid."""
    return {dashboard["uid"]: dashboard for dashboard in (json.loads(file.read_text()) for file in DASHBOARD_FILES)}


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The panels of a dashboard that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    """Where an expression stands, and the expression as Grafana sends it: variables filled in."""
    for uid, dashboard in dashboards().items():
        for panel in panels(dashboard):
            for target in panel["targets"]:
                yield f"{uid}: {panel['title']}", filled(target["expr"])
        for annotation in dashboard["annotations"]["list"]:
            yield f"{uid}: {annotation['name']}", filled(annotation["expr"])


def filled(expression: str) -> str:
    """The expression with Grafana's variables as they are for "All"."""
    return re.sub(r"\$(namespace|feed|kind)\b", ".*", expression.replace("$__rate_interval", "2m"))


def metric_names(expression: str) -> set[str]:
    """The names of all series that a PromQL expression reads; raises ``ValueError`` if it is none."""
    return {
        node.name or next(m.value for m in node.matchers.matchers if m.name == "__name__")
        for node in _selectors(promql_parser.parse(expression))
    }


def selectors(expression: str) -> set[str]:
    """What a PromQL expression reads: names with the labels that are asked for, as expressions of their own."""
    return {str(node).partition(" offset ")[0] for node in _selectors(promql_parser.parse(expression))}


def _selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    match node:
        case promql_parser.VectorSelector():
            yield node
        case promql_parser.MatrixSelector():
            yield node.vector_selector
        case promql_parser.Call():
            for argument in node.args:
                yield from _selectors(argument)
        case promql_parser.BinaryExpr():
            yield from _selectors(node.lhs)
            yield from _selectors(node.rhs)
        case promql_parser.AggregateExpr() | promql_parser.UnaryExpr() | promql_parser.ParenExpr() as inner:
            yield from _selectors(inner.expr)
        case promql_parser.SubqueryExpr():
            yield from _selectors(node.expr)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            pass
        case _:
            raise TypeError(f"a part of PromQL that is not known here: {node!r}")


def registries() -> dict[str, CollectorRegistry]:
    """What each service registers before it has done anything."""
    webhook = CollectorRegistry()
    AlertWebhookMetrics(webhook, version="0")
    return {
        "stream": StreamMetrics("rsvps").registry,
        "enricher": EnricherMetrics().registry,
        "alert-webhook": webhook,
        "feed-operator": OperatorMetrics().registry,
        "gateway": GatewayMetrics().registry,
        "insight": InsightMetrics().registry,
    }


def families(registry: CollectorRegistry) -> dict[str, tuple[str, str]]:
    """Name as the README has it, to type and meaning."""
    return {
        family.name + ("_total" if family.type == "counter" else ""): (family.type, family.documentation)
        for family in registry.collect()
    }


def series_of(name: str, kind: str) -> set[str]:
    """The names by which PromQL reads a family."""
    return {name + suffix for suffix in _SUFFIXES.get(kind, ("",))}


def anchors() -> set[str]:
    """The anchors of the runbooks' headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", RUNBOOKS.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def anchor_of(alert: Alert) -> str:
    """The heading that the alert's link leads to, wherever the runbooks are."""
    link = re.fullmatch(
        r"\{\{ with \$externalLabels\.runbook_base_url \}\}\{\{ \. \}\}#([a-z-]+)\{\{ end \}\}",
        alert.annotations["runbook_url"],
    )
    return link[1] if link else pytest.fail(f"{alert.name} leads to {alert.annotations['runbook_url']}")


def program(name: str, package: str) -> str:
    """The path of a program of Debian's; skips the test where it is absent."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"part absent: {name}; apt-get install --no-install-recommends {package}")
    return found
