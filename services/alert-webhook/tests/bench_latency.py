"""How long an alert takes from its sender to Slack and back, unthrottled: ``python .../bench_latency.py [--alerts N]``.

The webhook is a process of its own with a SQLite file, the stand-in for Slack answers at once and keeps no pace. One
alert at a time, each a new incident; prints percentiles in milliseconds, of the whole request as its sender sees it.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from meetup_simulator.slack_plugin import SlackStandIn

sys.path.insert(0, str(Path(__file__).parent))
from webhook_running import WebhookProcess, environ, firing, group


def measure(alerts: int) -> list[float]:
    """Seconds of each request."""
    with SlackStandIn() as slack, tempfile.TemporaryDirectory() as directory:
        variables = environ(slack, Path(directory) / "state.sqlite")
        with WebhookProcess(variables, Path(directory) / "log") as webhook:
            seconds = []
            for number in range(alerts):
                began = time.perf_counter()
                answer = webhook.alertmanager(group(firing(), key=f"{number}"))
                seconds.append(time.perf_counter() - began)
                if answer.json() != {"outcome": "said"}:
                    raise SystemExit(f"alert {number} was answered {answer.status_code} {answer.text}")
            return seconds


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=500)
    seconds = measure(parser.parse_args().alerts)
    cuts = statistics.quantiles(seconds, n=100)
    print(f"p50 {1000 * cuts[49]:.1f} ms, p90 {1000 * cuts[89]:.1f} ms, p99 {1000 * cuts[98]:.1f} ms")


if __name__ == "__main__":
    main()
