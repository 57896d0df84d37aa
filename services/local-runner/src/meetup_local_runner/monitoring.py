"""Prometheus and Alertmanager beside the pipeline: what they are told, from the files that a cluster gets.

Only addresses differ from a cluster: Prometheus is told the processes' ports in place of pods, Alertmanager the
webhook's address and the file of its token. Pure but for ``found``.
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

_RULES: Final = Path("charts/meetup-analysis/rules")
_ROUTES: Final = Path("k8s/monitoring/alertmanager.yaml")
_PROGRAMS: Final = ("prometheus", "prometheus-alertmanager")
_WEBHOOK: Final = re.compile(r"url: \S+/v1/alertmanager")
_TOKEN_FILE: Final = re.compile(r"credentials_file: \S+")
INTERVAL_SECONDS: Final = 15
"""Between two scrapes: half of the chart's, because here a person waits. The groups of rules say their own."""


class MonitoringAbsent(Exception):
    """A part is not on this machine; the message says which and how to get it."""


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The programs and files on this machine. ``folder`` is for what they write."""

    prometheus: str
    alertmanager: str
    rules: tuple[Path, ...]
    routes: str
    """Alertmanager's configuration as a cluster gets it."""
    folder: Path


def found(repository: Path, folder: Path) -> Monitoring:
    """Everything that is needed; raises ``MonitoringAbsent``."""
    programs = {name: shutil.which(name) for name in _PROGRAMS}
    absent = [name for name, path in programs.items() if path is None]
    if absent:
        raise MonitoringAbsent(f"not on this machine: apt-get install --no-install-recommends {' '.join(absent)}")
    rules = tuple(sorted((repository / _RULES).glob("*.yaml")))
    if not rules or not (repository / _ROUTES).is_file():
        raise MonitoringAbsent(f"{repository} holds no {_RULES} and {_ROUTES}: start it from the repository")
    prometheus, alertmanager = (str(programs[name]) for name in _PROGRAMS)
    return Monitoring(prometheus, alertmanager, rules, (repository / _ROUTES).read_text(), folder)


def prometheus_config(
    targets: Mapping[str, str],
    rules: Sequence[Path],
    *,
    alertmanager: str,
    interval: str = f"{INTERVAL_SECONDS}s",
    labels: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Prometheus' configuration; ``targets`` are the addresses by their jobs, all of them ``http://host:port``.

    ``labels`` are the external ones, such as ``grafana_url``.
    """
    every = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    config = {
        "global": {**every, "external_labels": dict(labels)},
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [_authority(alertmanager)]}]}]},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [_authority(address)]}]}
            for job, address in targets.items()
        ],
    }
    return json.dumps(config, indent=2)  # JSON is YAML


def alertmanager_config(routes: str, *, webhook: str, token_file: Path) -> str:
    """The cluster's configuration with the address of this webhook and the file of its token."""
    sent_here = _WEBHOOK.sub(f"url: {webhook}/v1/alertmanager", routes)
    return _TOKEN_FILE.sub(f"credentials_file: {token_file}", sent_here)


def _authority(address: str) -> str:
    return address.removeprefix("http://")
