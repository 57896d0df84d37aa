"""A signal to end, at whatever moment: no service hangs.

A dozen moments for each service; ``SIGTERMS=1000`` makes it a thousand, two services at a time (``pytest -n 2``).
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
import requests
from meetup_testkit.service_process import ServiceProcess

TIMES: Final = int(os.environ.get("SIGTERMS", "12"))
LONGEST_SECONDS: Final = 60.0
"""A pod has thirty; a busy machine is given twice as long. What hangs, hangs for ever."""
AT_MOST: Final = 3.0
"""Seconds after the start: imports, settings, stores, listening and the first requests all lie before."""
NOWHERE: Final = "http://127.0.0.1:9"

SERVICES: Final[Mapping[str, Mapping[str, str]]] = {
    "meetup_alert_webhook": {
        "ALERT_WEBHOOK_PORT": "0",
        "ALERT_WEBHOOK_SLACK_URL": f"{NOWHERE}/services/x",
        "ALERT_WEBHOOK_TOKEN": "a-bearer-token",
        "ALERT_WEBHOOK_STATE": "sqlite:///FOLDER/state.sqlite",
    },
    "meetup_enricher": {
        "ENRICHER_PORT": "0",
        "ENRICHER_API_URL": NOWHERE,
        "ENRICHER_API_KEY": "key",
        "ENRICHER_DOCUMENTS": "sqlite:///FOLDER/documents.sqlite",
    },
    "meetup_stream": {
        "STREAM_PORT": "0",
        "STREAM_FEED": "rsvps",
        "STREAM_URL": f"{NOWHERE}/2/rsvps",
        "STREAM_OBJECTS": "file:///FOLDER/objects",
    },
}


@pytest.mark.faults
@pytest.mark.timeout(TIMES * LONGEST_SECONDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("module", SERVICES)
def test_a_signal_at_any_moment_ends_the_process_in_order(tmp_path: Path, module: str, number: signal.Signals) -> None:
    chance = random.Random(f"{module} {number}")
    for time_ in range(max(1, TIMES // 2)):
        folder = tmp_path / str(time_)
        (folder / "objects").mkdir(parents=True)
        environ = {name: value.replace("/FOLDER", str(folder)) for name, value in SERVICES[module].items()}
        with ServiceProcess(module, environ, folder / "log") as service:
            moment = chance.uniform(0, AT_MOST)
            time.sleep(moment)  # the moment is what is tested
            listened = bool(service.events("listening"))
            if listened and chance.random() < 0.5:
                _probe(service)
            service.process.send_signal(number)
            code = _code(service, moment)
        log = (folder / "log").read_text()
        # Before the first line of ours runs, the interpreter's own way to end is all there is.
        interpreters_own = code in (-number, 130) or (code == 1 and "KeyboardInterrupt" in log)
        assert code == 0 or (not listened and interpreters_own), log


def _probe(service: ServiceProcess) -> None:
    try:
        requests.get(f"{service.url}/livez", timeout=LONGEST_SECONDS)
    except requests.RequestException as error:
        pytest.fail(f"a probe was not answered: {error}")


def _code(service: ServiceProcess, moment: float) -> int:
    try:
        return service.process.wait(LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.fail(f"still there {LONGEST_SECONDS:g} s after a signal {moment:.3f} s after the start")
