"""The README names every setting and every table, in the words of the code."""

from pathlib import Path

import pytest
from meetup_insight.building.build import ALL_TABLES
from meetup_insight.schema import STAGING
from meetup_insight.serving.metrics import Metrics
from meetup_insight.settings import InsightSettings
from meetupkit.settings import SettingsError, documented

LABELS = {"meetup_insight_rows": ["table"], "meetup_insight_pages": ["status"]}
"""Of metrics that have no sample yet."""
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def settings_rows() -> list[str]:
    return [
        f"| `{variable.replace(' or ', '` or `')}` | {f'`{default}`' if default else ''} | {meaning} |"
        for variable, default, meaning in documented(InsightSettings)
    ]


def dots(key: tuple[str, ...]) -> str:
    return ", ..." if len(key) > 3 else ""


def table_rows() -> list[str]:
    return [
        f"| `{table.name}` | {table.seen} | {', '.join(table.key[:3])}{dots(table.key)} | {table.meaning} |"
        for table in (*STAGING, *ALL_TABLES)
    ]


def metric_rows() -> list[str]:
    rows = ["| `meetup_build_info` | gauge | `service`, `version` | 1; its labels say what is running |"]
    for family in Metrics().registry.collect():
        labels = sorted({label for sample in family.samples for label in sample.labels})
        if family.name.startswith("meetup_insight") and not family.name.endswith("_created"):
            name = family.name + ("_total" if family.type == "counter" else "")
            shown = ", ".join(f"`{label}`" for label in (labels or LABELS.get(family.name, [])))
            rows.append(f"| `{name}` | {family.type} | {shown} | {family.documentation} |")
    return rows


@pytest.mark.parametrize("row", [*settings_rows(), *table_rows(), *metric_rows()])
def test_the_readme_has_the_row(row: str) -> None:
    assert row in README


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INSIGHT_HASH_KEY", "short"),
        ("INSIGHT_WAREHOUSE", "postgres://x"),
        ("INSIGHT_WAREHOUSE", "duckdb:///"),
        ("INSIGHT_LABELS", "who=what"),
        ("INSIGHT_MEMORY", "much"),
        ("INSIGHT_THREADS", "0"),
    ],
)
def test_a_wrong_setting_is_said_by_name(name: str, value: str) -> None:
    good = {"INSIGHT_OBJECTS": "file:///x", "INSIGHT_HASH_KEY": "0123456789abcdef"}
    with pytest.raises(SettingsError, match=name):
        InsightSettings.from_environ({**good, name: value})
