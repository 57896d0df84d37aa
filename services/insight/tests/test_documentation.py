"""The README names every table, in the words of the code, and mistakes in settings are said in words."""

from pathlib import Path

import pytest
from meetup_insight.building.build import ALL_TABLES
from meetup_insight.schema import STAGING
from meetup_insight.settings import InsightSettings
from meetupkit.settings import SettingsError

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def dots(key: tuple[str, ...]) -> str:
    return ", ..." if len(key) > 3 else ""


def table_rows() -> list[str]:
    return [
        f"| `{table.name}` | {table.seen} | {', '.join(table.key[:3])}{dots(table.key)} | {table.meaning} |"
        for table in (*STAGING, *ALL_TABLES)
    ]


@pytest.mark.parametrize("row", table_rows())
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
