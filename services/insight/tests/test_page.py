"""The page: figures as in the tables, nothing asked of another host, and it works in a real browser."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from math import isnan
from pathlib import Path

import pytest
from markupsafe import escape
from meetup_insight.building.build import PUBLISHED, build
from meetup_insight.page import plots_over_time
from meetup_insight.page.published import Library
from meetup_insight.page.site import Answer, Site, parameters
from meetup_insight.page.views import VIEWS
from meetup_insight.predicting.inputs import Denied
from meetup_insight.publishing.bundle import Manifest, publish
from meetup_insight.publishing.rules import publishable
from meetup_insight.serving.app import create_app
from meetup_insight.serving.metrics import Metrics
from meetup_insight.settings import InsightSettings
from meetupkit.http.server import HttpServer
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from services.insight.tests.conftest import KEY, Configure, Store, lines_of
from services.insight.tests.test_privacy import rsvp

pytestmark = pytest.mark.timeout(300)  # a browser and a service, on a machine that may be busy
PUBLISHED_ONCE = 'meetup_insight_builds_total{outcome="published"} 1.0'
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> InsightSettings:
    """Eight ordinary groups of some thirty members each, over ten weeks."""
    folder = tmp_path_factory.mktemp("page")
    store = Store(folder / "objects")
    store.put_segment(
        "rsvps",
        "2017-03-19/12/aa",
        [
            rsvp(
                group * 1000 + at,
                1 + (at * 11 + group * 3) % 90,
                group,
                response="no" if at % 6 == 5 else "yes",
                hour=at * 17,
            )
            for group in (0, 1, 3, 5, 6, 8, 10, 11)
            for at in range(100)
        ],
    )
    settings = InsightSettings.from_environ(
        {
            "INSIGHT_OBJECTS": store.url,
            "INSIGHT_WAREHOUSE": f"duckdb:///{folder}/insight.duckdb",
            "INSIGHT_HASH_KEY": KEY,
        }
    )
    build(settings)
    return settings


@pytest.fixture
def site(built: InsightSettings) -> Site:
    return Site(Library(built.published_folder).newest, lambda: "the first build is under way.")


def text_of(answer: Answer) -> str:
    return answer.body.decode()


@pytest.mark.parametrize("path", list(VIEWS))
def test_every_view_is_a_page_that_names_no_other_host(path: str, site: Site) -> None:
    answer = site.answer(path, "")
    assert answer.status == 200
    assert not re.findall(r"(?:src|href|action)\s*=\s*[\"']?(?:https?:)?//", text_of(answer))
    (policy,) = (value for name, value in answer.headers if name == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_figures_on_the_page_are_those_of_the_published_tables(site: Site, built: InsightSettings) -> None:
    shown = Library(built.published_folder).newest()
    assert shown
    page = text_of(site.answer("/groups", ""))
    for row in shown.rows("group_activity"):
        assert f"<td>{shown.group(row['group_id'])}</td><td>{row['members']}</td><td>{row['rsvps']}</td>" in page
    page = text_of(site.answer("/quality", ""))
    for row in shown.rows("coverage"):
        assert f"<td>{escape(row['what'])}</td><td>{row['known']}</td><td>{row['of']}</td>" in page


def test_a_choice_in_the_address_changes_what_is_shown_and_an_unknown_one_does_not(site: Site) -> None:
    first = text_of(site.answer("/groups", "group=5"))
    assert '<h2 id="h-growth">Group 5 by week</h2>' in first
    for query in ("group=999", "group=<script>", "x=" + "y" * 3000, "&".join(f"a{n}=1" for n in range(40)), "%ff=%00"):
        page = text_of(site.answer("/groups", query))
        assert "<script>" not in page.split("</form>")[0].split("<form")[-1]
        assert "by week</h2>" in page
    assert parameters("a=1&b=2") == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("feeds", "count"),
    [([], 0), (["rsvps"], 1), (["rsvps"], 12), (["photos", "open_venues"], 1), (["photos", "open_venues"], 12)],
)
def test_next_to_nothing_is_a_page_that_says_so(
    feeds: list[str], count: int, store: Store, configure: Configure
) -> None:
    for feed in feeds:
        store.put_records(feed, lines_of(feed, count))
    settings = configure()
    build(settings)
    small = Site(Library(settings.published_folder).newest, lambda: "")
    for path in VIEWS:
        answer = small.answer(path, "")
        assert answer.status == 200
        assert "Nothing yet" in text_of(answer) or path in {"/", "/quality"}


def test_a_line_over_time_is_broken_where_weeks_are_missing() -> None:
    weeks = [date(2015, 3, 2), date(2015, 3, 9), date(2017, 3, 13)]
    plot = plots_over_time.line_with_band("x", [(week, 0.5, 0.4, 0.6, 10) for week in weeks])
    values = plot.renderers[0].data_source.data["value"]
    assert [isnan(value) for value in values] == [False, False, True, False]


def test_names_from_outside_are_text_on_the_page(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    tables = {
        table.name: publishable(table, table.arrow.empty_table(), Denied(frozenset(), frozenset()))
        for table in PUBLISHED
    }
    by_name = {table.name: table for table in PUBLISHED}
    group = dict.fromkeys(by_name["groups"].names) | {"group_id": 1, "name": evil, "has_profile": False}
    activity = {"group_id": 1, "members": 12, "rsvps": 20, "days_silent": 0, "silent": False}
    for name, row in (("groups", group), ("group_activity", activity)):
        tables[name] = tables[name].schema.empty_table().from_pylist([row], schema=tables[name].schema)
    publish(tmp_path, tables, Manifest(1.0, 2.0, 0, 0, {}, None))
    page = text_of(Site(Library(tmp_path).newest, lambda: "").answer("/groups", ""))
    assert "onerror=alert(1)>" not in page
    assert "<script>alert(2)" not in page


def test_before_the_first_build_the_page_says_why_there_is_nothing(tmp_path: Path) -> None:
    answer = Site(Library(tmp_path).newest, lambda: "the first build is under way.").answer("/", "")
    assert answer.status == 503
    assert "the first build is under way." in text_of(answer)


@contextmanager
def served(settings: InsightSettings, **more: str) -> Iterator[str]:
    """``meetup-insight serve`` as a process of its own; its address."""
    environ = dict(os.environ) | {
        "INSIGHT_OBJECTS": settings.objects, "INSIGHT_WAREHOUSE": settings.warehouse,
        "INSIGHT_HASH_KEY": KEY, "INSIGHT_PORT": "0", **more,
    }  # fmt: skip
    command = [sys.executable, "-m", "meetup_insight", "serve"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environ, text=True) as process:
        assert process.stderr
        line = next(line for line in process.stderr if '"listening"' in line)
        assert "duckdb" not in Path(f"/proc/{process.pid}/maps").read_text(), "a page needs no engine: builds do"
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{json.loads(line)['port']}"
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
            drain.wait(120)


@contextmanager
def shown(site: Site, metrics: Metrics | None = None) -> Iterator[str]:
    """The page alone, without the schedule; its address."""
    server = HttpServer(
        create_app(site, metrics or Metrics()),
        host="127.0.0.1",
        port=0,
        connections=16,
        idle_seconds=30,
        drain_seconds=1,
    )
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()
        server.join(60)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def when(page: Callable[[], str], shows: Callable[[str], bool]) -> str:
    """The page as soon as it shows something."""
    until = time.monotonic() + 120
    while not shows(text := page()):
        assert time.monotonic() < until, text
        threading.Event().wait(0.2)
    return text


def test_serve_answers_probes_and_pages_rebuilds_and_ends_in_order(built: InsightSettings) -> None:
    with served(built) as address:
        assert get(f"{address}/livez") == (200, "alive\n")
        assert get(f"{address}/readyz")[0] == 200
        assert get(f"{address}/nowhere")[0] == 404
        assert get(f"{address}/static/../site.py")[0] == 404
        metrics = when(lambda: get(f"{address}/metrics")[1], lambda page: PUBLISHED_ONCE in page)
        assert re.search(r'meetup_insight_rows\{table="groups"\} 8\.0', metrics)


def test_a_build_that_fails_is_said_and_what_was_published_before_stays(built: InsightSettings, tmp_path: Path) -> None:
    """Another hash key: each build is refused, the page is shown."""
    copy = tmp_path / "insight.duckdb"
    shutil.copyfile(built.warehouse_file, copy)
    shutil.copytree(built.published_folder, copy.with_suffix(".published"), symlinks=True)
    settings = built.model_copy(update={"warehouse": f"duckdb:///{copy}"})
    with served(settings, INSIGHT_HASH_KEY="another key of thirty-two letters") as address:
        metrics = when(
            lambda: get(f"{address}/metrics")[1], lambda page: "meetup_insight_last_build_failed 1.0" in page
        )
        assert 'meetup_insight_builds_total{outcome="failed"} 1.0' in metrics
        status, text = get(f"{address}/readyz")
        assert status == 200
        assert "the last build failed: " in text
        assert "with another hash key: remove the file" in text
        assert get(f"{address}/groups")[0] == 200


def test_a_view_that_fails_is_counted_and_ends_nothing(tmp_path: Path) -> None:
    """A published file that is damaged, which no build leaves behind."""
    tables = {table.name: table.arrow.empty_table() for table in PUBLISHED}
    publish(tmp_path, tables, Manifest(1.0, 2.0, 0, 0, {}, None))
    folder = Library(tmp_path).newest()
    assert folder
    (folder.folder / "group_activity.parquet").write_bytes(b"PAR1 but no more")
    metrics = Metrics()
    with shown(Site(Library(tmp_path).newest, lambda: ""), metrics) as address:
        assert get(f"{address}/groups")[0] == 500
        assert get(f"{address}/times")[0] == 200
    assert metrics.registry.get_sample_value("meetup_insight_pages_total", {"status": "500"}) == 1


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    if not CHROMIUM:
        pytest.skip("part absent: Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        yield driver
        driver.quit()


DRAWN = """
    const plots = document.querySelectorAll(".plot").length;
    return document.readyState === "complete" && (!plots || Bokeh.documents.length > 0
        && Bokeh.documents.every(each => each.is_idle) && document.querySelectorAll(".plot > *").length >= plots);
"""


def test_every_view_is_drawn_in_a_browser_without_an_error_and_a_choice_changes_it(
    site: Site, browser: webdriver.Chrome
) -> None:
    with shown(site) as address:
        for path in VIEWS:
            browser.get(address + path)
            WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(DRAWN))
            entries = browser.get_log("browser")  # type: ignore[no-untyped-call]  # selenium has no type for it
            logged = [entry for entry in entries if entry["level"] in {"SEVERE", "WARNING"}]
            assert not logged, path
            asked = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
            assert all(each.startswith(address) for each in asked), path
        browser.get(f"{address}/groups")
        heading = browser.find_element(By.ID, "h-growth").text
        Select(browser.find_element(By.NAME, "group")).select_by_visible_text("Group 5")
        WebDriverWait(browser, 60).until(lambda driver: "group=5" in driver.current_url)
        WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException]).until(
            lambda driver: driver.find_element(By.ID, "h-growth").text == "Group 5 by week"
        )
        assert heading != "Group 5 by week"
        browser.set_window_size(390, 844)
        browser.execute_script("document.querySelector('select').options[0].text = 'a long name '.repeat(9)")
        width = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [(None, False), ("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False)],
)
def test_a_view_is_packed_for_who_can_unpack_it(accepted: str | None, packed: bool, site: Site) -> None:
    with shown(site) as address:
        request = urllib.request.Request(f"{address}/groups", headers={"Accept-Encoding": accepted or "identity"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            body, coding = answer.read(), answer.headers["Content-Encoding"]
    assert coding == ("gzip" if packed else None)
    page = gzip.decompress(body).decode() if packed else body.decode()
    assert "</html>" in page
