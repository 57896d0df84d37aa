"""How long the operator takes for many feeds, and how much memory it holds: ``python tests/operator/bench_feeds.py``.

Feeds first, then the operator: the time is from its start, interpreter and imports with it, until every feed has its
Deployment and its status. Each feed has a pod, whose pages are read. Prints one JSON object.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml
from meetup_testkit.child_process import ChildProcess

ROOT = Path(__file__).parents[2]
PAGE = b"""meetup_stream_connected 1
meetup_stream_records_stored_total 100
meetup_stream_last_record_timestamp_seconds 1700000000
meetup_stream_cursor_timestamp_seconds 1700000000
"""


class PageServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """The operator drops its connections when it ends."""


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # as a stream's own server: one connection brings both pages

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=200)
    parser.add_argument("--settle-seconds", type=float, default=60.0, help="how long memory is watched afterwards")
    options = parser.parse_args()
    pages = PageServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    api = [sys.executable, str(ROOT / "tests/operator/kube_api"), "--crd"]
    api += [str(ROOT / "charts/meetup-analysis/crds/meetupfeeds.yaml"), "--rbac"]
    api += [str(ROOT / "services/feed-operator/rbac.yaml")]
    with tempfile.TemporaryDirectory() as name, ChildProcess(api, Path(name) / "api.log") as server:
        port = server.announced('{"port": ').removesuffix("}")
        figures = measure(f"http://127.0.0.1:{port}", server.pid, options, Path(name), pages.server_address[1])
    print(json.dumps({"feeds": options.feeds, **figures}))


def measure(server: str, server_pid: int, options: argparse.Namespace, directory: Path, pages: int) -> dict[str, Any]:
    session = requests.Session()
    session.headers["Authorization"] = "Bearer admin"
    feeds = f"{server}/apis/meetup-analysis.dev/v1alpha1/namespaces/bench/meetupfeeds"
    for n in range(options.feeds):
        create_feed(session, server, feeds, n, pages)
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "t",
                "clusters": [{"name": "t", "cluster": {"server": server}}],
                "users": [{"name": "t", "user": {"token": "operator"}}],
                "contexts": [{"name": "t", "context": {"cluster": "t", "user": "t"}}],
            }
        )
    )
    settings = {"PORT": "0", "NAMESPACE": "bench", "IMAGE": "stream:1", "BUCKET": "records"}
    env = {f"FEED_OPERATOR_{name}": value for name, value in settings.items()}
    api, api_before = psutil.Process(server_pid), cpu_of(psutil.Process(server_pid))
    started = time.monotonic()
    command, log = [sys.executable, "-m", "meetup_feed_operator"], directory / "operator.log"
    with ChildProcess(command, log, {**os.environ, **env, "KUBECONFIG": str(kubeconfig)}) as operator:
        process = psutil.Process(operator.pid)
        wait_until_reconciled(session, feeds, options.feeds)
        seconds, used_by_then, api_used = time.monotonic() - started, cpu_of(process), cpu_of(api) - api_before
        highest = 0
        while time.monotonic() < started + seconds + options.settle_seconds:
            highest = max(highest, process.memory_info().rss)
            time.sleep(0.5)
        used, alive = cpu_of(process), time.monotonic() - started
        stopping = time.monotonic()
        code = operator.stop(60)
    return {
        "reconciled_seconds": round(seconds, 2),
        "resident_mib": round(highest / 2**20, 1),
        "operator_cpu_seconds": round(used_by_then, 2),
        "api_cpu_seconds": round(api_used, 2),
        "cpu_percent": round(100 * used / alive, 1),
        "stop_seconds": round(time.monotonic() - stopping, 2),
        "exit_code": code,
    }


def create_feed(session: requests.Session, server: str, feeds: str, n: int, pages: int) -> None:
    spec = {"feed": "rsvps", "label": f"rsvps-{n}"}
    session.post(feeds, json={"metadata": {"name": f"feed-{n}"}, "spec": spec}).raise_for_status()
    labels = {"meetup-analysis.dev/feed": f"feed-{n}", "app.kubernetes.io/managed-by": "meetup-feed-operator"}
    containers = [{"name": "stream", "image": "s", "ports": [{"name": "ops", "containerPort": pages}]}]
    pod = {"metadata": {"name": f"pod-{n}", "labels": labels}, "spec": {"containers": containers}}
    pods = f"{server}/api/v1/namespaces/bench/pods"
    session.post(pods, json=pod).raise_for_status()
    session.patch(
        f"{pods}/pod-{n}/status",
        data=json.dumps({"status": {"phase": "Running", "podIP": "127.0.0.1"}}),
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()


def wait_until_reconciled(session: requests.Session, feeds: str, count: int) -> None:
    """Looks no more often than in a tenth of the time: of 1,000 feeds a list alone takes the server 0.1 s."""
    while True:
        began = time.monotonic()
        if reconciled(session, feeds) >= count:
            return
        time.sleep(max(0.1, 9 * (time.monotonic() - began)))


def cpu_of(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def reconciled(session: requests.Session, feeds: str) -> int:
    items = session.get(feeds).json()["items"]
    return sum("lastRecordTime" in item.get("status", {}) for item in items)


if __name__ == "__main__":
    main()
