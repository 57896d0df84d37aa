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
def test_the_first_row_says_who_does_not_report_where_there_is_no_data(uid: str) -> None:
    """A service that is gone leaves no series: a panel without a word would look like one without a problem."""
    for panel in DASHBOARDS[uid]["panels"]:
        if panel["gridPos"]["y"] == 0 and "or vector(0)" not in panel["targets"][0]["expr"]:
            assert panel["fieldConfig"]["defaults"]["noValue"].endswith("reports"), panel["title"]


def the_panel(uid: str, title: str) -> dict[str, Any]:
    (panel,) = [panel for panel in shipped.panels(DASHBOARDS[uid]) if panel["title"] == title]
    return panel


def assert_shows(folder: Path, expression: str, series: dict[str, str], *moments: tuple[int, dict[str, float]]) -> None:
    """The expression, over series of a sample a minute, has these values by labels at each moment, in minutes."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": shipped.filled(expression),
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in shown.items()],
            }
            for minute, shown in moments
        ],
    }
    file = folder / "shown.yaml"
    file.write_text(yaml.safe_dump({"tests": [test]}))
    program = shipped.program("promtool", "prometheus")
    done = subprocess.run([program, "test", "rules", file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def of_feeds(name: str, values: dict[str, str], **others: str) -> dict[str, str]:
    """A series for each feed, in the namespace "meetup" if no other is said."""
    labels = "".join(f', {label}="{value}"' for label, value in ({"namespace": "meetup"} | others).items())
    return {f'{name}{{feed="{feed}"{labels}}}': of for feed, of in values.items()}


def test_the_first_panel_shows_dead_feeds_and_feeds_of_ones_own_and_no_paused_or_removed_ones(tmp_path: Path) -> None:
    connected = {"flowing": "1x100", "silent": "1x100", "custom": "1x100", "cut": "0x100", "dead": "1x50 stale"}
    connected |= {"paused": "1x50 stale", "removed": "1x50 stale"}
    series = {
        **of_feeds("meetup_stream_connected", connected),
        **of_feeds("meetup_stream_connected", {"killed": "1x50 stale"}, namespace="nobody"),
        **of_feeds(
            "feed:meetup_stream_silence:seconds",
            {"flowing": "0x100", "silent": "400x100", "custom": "400x100", "cut": "9x100"},
        ),
        **{
            f'feed:meetup_stream_silent_after:seconds{{feed="{feed}"}}': "300x100"
            for feed in ("flowing", "silent", "cut", "dead", "paused")
        },
        **of_feeds(
            "meetup_operator_feed_wanted",
            {"flowing": "1x100", "dead": "1x100", "never": "1x100", "paused": "0x100"},
            namespace="o",
            feed_namespace="meetup",
        ),
    }
    shown = {"flowing": 2, "silent": 1, "custom": 2, "cut": 0, "dead": 0, "never": 0, "killed": 0}
    expected = {f'{{feed="{feed}"}}': float(value) for feed, value in shown.items()}
    assert_shows(tmp_path, the_panel("meetup-feeds", "Is it flowing?")["targets"][0]["expr"], series, (90, expected))


def test_the_first_panel_shows_the_worst_of_several_namespaces(tmp_path: Path) -> None:
    series = {
        **of_feeds("meetup_stream_connected", {"cut": "1x100", "silent": "1x100", "dead": "1x100"}),
        **of_feeds("meetup_stream_connected", {"cut": "0x100", "silent": "1x100"}, namespace="other"),
        **of_feeds("feed:meetup_stream_silence:seconds", {"cut": "0x100", "silent": "0x100", "dead": "0x100"}),
        **of_feeds("feed:meetup_stream_silence:seconds", {"cut": "0x100", "silent": "30000x100"}, namespace="other"),
        **of_feeds("meetup_operator_feed_wanted", {"dead": "1x100"}, namespace="other", feed_namespace="other"),
    }
    expected = {'{feed="cut"}': 0.0, '{feed="silent"}': 1.0, '{feed="dead"}': 0.0}
    assert_shows(tmp_path, the_panel("meetup-feeds", "Is it flowing?")["targets"][0]["expr"], series, (90, expected))


def test_the_first_panel_goes_by_the_connection_where_the_rules_are_not_installed(tmp_path: Path) -> None:
    series = {
        **of_feeds("meetup_stream_connected", {"rsvps": "1x100", "photos": "0x100"}),
        **of_feeds("meetup_operator_feed_wanted", {"rsvps": "1x100", "photos": "1x100"}, feed_namespace="meetup"),
    }
    expected = {'{feed="rsvps"}': 2.0, '{feed="photos"}': 0.0}
    assert_shows(tmp_path, the_panel("meetup-feeds", "Is it flowing?")["targets"][0]["expr"], series, (90, expected))


def test_a_feed_that_brought_nothing_for_a_while_is_on_time_as_it_was(tmp_path: Path) -> None:
    """A median of nothing is no number, and Grafana would say of a quiet feed that it does not tell."""
    buckets = {
        **of_feeds("meetup_stream_durable_seconds_bucket", {"photos": "0+10x20 200x100"}, le="2"),
        **of_feeds("meetup_stream_durable_seconds_bucket", {"photos": "0+10x20 200x100"}, le="+Inf"),
        **of_feeds("meetup_stream_durable_seconds_bucket", {"venues": "0x100"}, le="2"),
        **of_feeds("meetup_stream_durable_seconds_bucket", {"venues": "0x100"}, le="+Inf"),
    }
    expression = the_panel("meetup-feeds", "Is it on time?")["targets"][0]["expr"]
    assert_shows(tmp_path, expression, buckets, (15, {'{feed="photos"}': 1.0}), (90, {'{feed="photos"}': 1.0}))


def test_no_alert_is_told_from_no_rule(tmp_path: Path) -> None:
    series = {
        'ALERTS{alertname="Watchdog", alertstate="firing"}': "_x10 1x100",
        'ALERTS{alertname="MeetupFeedDown", alertstate="pending", feed="rsvps"}': "_x10 1x5 stale",
        'ALERTS{alertname="MeetupFeedDown", alertstate="firing", feed="rsvps"}': "_x15 1x20 stale",
    }
    expression = the_panel("meetup-feeds", "Alerts")["targets"][0]["expr"]
    assert_shows(tmp_path, expression, series, (5, {}), (12, {"{}": 0.0}), (20, {"{}": 1.0}), (50, {"{}": 0.0}))


def test_feeds_are_counted_once_however_many_replicas_count_them(tmp_path: Path) -> None:
    series = {
        f'meetup_operator_feeds{{namespace="{namespace}", pod="{pod}", state="ready"}}': f"{feeds}x20"
        for namespace, pod, feeds in (("a", "1", 5), ("a", "2", 5), ("b", "3", 2))
    }
    expression = the_panel("meetup-operations", "MeetupFeeds")["targets"][0]["expr"]
    assert_shows(tmp_path, expression, series, (10, {'{state="ready"}': 7.0}))


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_deploy_is_marked_as_a_restart_is(tmp_path: Path, uid: str) -> None:
    """The pods of a deploy have new series, which change nothing of the old ones."""
    (annotation,) = DASHBOARDS[uid]["annotations"]["list"]
    old, new, same = (f'meetup_start_timestamp_seconds{{pod="{pod}"}}' for pod in ("old", "new", "same"))
    series = {old: "1x20 stale", new: "_x21 1260x60", same: "1x39 2400x60"}
    marked = annotation["expr"]
    assert_shows(tmp_path, marked, series, (10, {}), (22, {new: 1260.0}), (35, {}), (41, {same: 2400.0}), (50, {}))


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
    assert links["link"]["url"] == "${runbooks}"


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
        address, _, anchor = link["url"].partition("#")
        assert (address, anchor in shipped.anchors()) == ("${runbooks}", True)


def test_every_expression_parses() -> None:
    for where, expression in shipped.dashboard_expressions():
        assert shipped.metric_names(expression), where


def test_every_alert_leads_to_a_panel_with_its_runbook() -> None:
    """From alert to dashboard to runbook: the panel that shows what the alert is about leads on."""
    led_to = {
        link["url"].partition("#")[2] for d in DASHBOARDS.values() for p in shipped.panels(d) for link in p["links"]
    }
    anchors = set(map(shipped.anchor_of, shipped.alerts()))
    assert anchors - led_to == set()
