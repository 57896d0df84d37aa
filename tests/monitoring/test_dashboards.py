"""The dashboards: Grafana's own model takes them, every panel explains itself, every expression parses."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from . import shipped

DASHBOARDS: Final = shipped.dashboards()
NOT_MODELLED: Final = {"definition", "titleFormat"}
"""What Grafana writes for its Prometheus data source, and the model, which knows no data source, leaves out."""
TITLES: Final = {"Meetup feeds", "Enrichment", "Alerts and operator"}
UNITLESS: Final = {"none", "short"}


def every_panel() -> list[Any]:
    return [
        pytest.param(uid, panel, id=f"{uid}-{panel['title']}")
        for uid, dashboard in DASHBOARDS.items()
        for panel in shipped.panels(dashboard)
    ]


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Where ``after`` does not hold what ``before`` holds."""
    if isinstance(before, dict) and isinstance(after, dict):
        gone = [f"{path}.{key}" for key in before.keys() - after.keys() - NOT_MODELLED]
        return gone + [
            e for key in before.keys() & after.keys() for e in lost(before[key], after[key], f"{path}.{key}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            e for index, pair in enumerate(zip(before, after, strict=True)) for e in lost(*pair, f"{path}[{index}]")
        ]
    return [] if before == after else [f"{path}: {before!r} != {after!r}"]


def test_there_is_one_for_feeds_one_for_enrichment_and_one_for_operations() -> None:
    assert {dashboard["title"] for dashboard in DASHBOARDS.values()} == TITLES


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_grafanas_model_takes_every_field(uid: str) -> None:
    model = Dashboard.from_json(DASHBOARDS[uid])
    assert lost(DASHBOARDS[uid], json.loads(JSONEncoder(sort_keys=True).encode(model))) == []


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_data_source_and_feed_are_variables(uid: str) -> None:
    variables = {variable["name"]: variable["type"] for variable in DASHBOARDS[uid]["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    assert variables["feed"] == "query"
    for panel in shipped.panels(DASHBOARDS[uid]):
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}, panel["title"]


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_the_first_row_answers_at_a_glance(uid: str) -> None:
    first = [panel for panel in DASHBOARDS[uid]["panels"] if panel["gridPos"]["y"] == 0]
    assert {panel["type"] for panel in first} == {"stat"}
    assert sum(panel["gridPos"]["w"] for panel in first) <= 24
    assert all(panel["options"]["colorMode"] == "background" for panel in first)


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_the_first_row_says_who_does_not_tell_where_nothing_is_told(uid: str) -> None:
    """A service that is gone leaves no series: a panel without a word would look like one without a problem."""
    for panel in DASHBOARDS[uid]["panels"]:
        if panel["gridPos"]["y"] == 0 and "or vector(0)" not in panel["targets"][0]["expr"]:
            assert panel["fieldConfig"]["defaults"]["noValue"].endswith("tells"), panel["title"]


def test_the_first_panel_shows_dead_feeds_and_feeds_of_ones_own_and_no_paused_ones(tmp_path: Path) -> None:
    (panel,) = [p for p in shipped.panels(DASHBOARDS["meetup-feeds"]) if p["title"] == "Is it flowing?"]
    connected = {"flowing": "1x100", "silent": "1x100", "custom": "1x100", "cut": "0x100", "dead": "1x50 stale"}
    connected |= {"paused": "1x50 stale", "removed": "1x50 stale"}
    series = {
        **{f'meetup_stream_connected{{namespace="meetup", feed="{feed}"}}': of for feed, of in connected.items()},
        **{
            f'feed:meetup_stream_silence:seconds{{namespace="meetup", feed="{feed}"}}': silence
            for feed, silence in {"flowing": "0x100", "silent": "400x100", "custom": "400x100", "cut": "9x100"}.items()
        },
        **{
            f'feed:meetup_stream_silent_after:seconds{{feed="{feed}"}}': "300x100"
            for feed in ("flowing", "silent", "cut", "dead", "paused")
        },
        **{
            f'meetup_operator_feed_wanted{{namespace="o", feed_namespace="meetup", feed="{feed}"}}': wanted
            for feed, wanted in {"flowing": "1x100", "never": "1x100", "paused": "0x100"}.items()
        },
    }
    shown = {"flowing": 2, "silent": 1, "custom": 2, "cut": 0, "dead": 0, "never": 0, "removed": 0}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": shipped.filled(panel["targets"][0]["expr"]),
                "eval_time": "90m",
                "exp_samples": [{"labels": f'{{feed="{feed}"}}', "value": value} for feed, value in shown.items()],
            }
        ],
    }
    file = tmp_path / "flowing.yaml"
    file.write_text(yaml.safe_dump({"tests": [test]}))
    program = shipped.program("promtool", "prometheus")
    done = subprocess.run([program, "test", "rules", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_no_panel_covers_another(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[uid]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_dashboard_leads_to_the_others_and_to_the_runbooks(uid: str) -> None:
    links = {link["type"]: link for link in DASHBOARDS[uid]["links"]}
    assert set(DASHBOARDS[uid]["tags"]) & set(links["dashboards"]["tags"])
    assert links["link"]["url"].endswith("/runbooks.md")


@pytest.mark.parametrize(("uid", "panel"), every_panel())
def test_every_panel_has_unit_thresholds_and_description(uid: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    assert len(panel["description"]) > 8
    assert panel["description"].endswith(".")
    for expression in (target["expr"] for target in panel["targets"]):
        if "_seconds" in expression and "changes(" not in expression and "count by" not in expression:
            assert defaults["unit"] not in UNITLESS, f"{panel['title']} shows seconds without a unit"


@pytest.mark.parametrize(("uid", "panel"), every_panel())
def test_every_runbook_that_a_panel_leads_to_exists(uid: str, panel: dict[str, Any]) -> None:
    for link in panel["links"]:
        assert link["url"].partition("#")[2] in shipped.anchors()


def test_every_expression_parses() -> None:
    for where, expression in shipped.dashboard_expressions():
        assert shipped.metric_names(expression), where


def test_every_alert_leads_to_a_panel_with_its_runbook() -> None:
    """From alert to dashboard to runbook: the panel that shows what the alert is about leads on."""
    led_to = {
        link["url"].partition("#")[2] for d in DASHBOARDS.values() for p in shipped.panels(d) for link in p["links"]
    }
    anchors = {alert.annotations["runbook_url"].partition("#")[2] for alert in shipped.alerts()}
    assert anchors - led_to == set()
