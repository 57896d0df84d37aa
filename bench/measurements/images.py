"""What each image adds to its base, and how soon a stream's container is ready. Podman builds the images."""

import shutil
import subprocess
import time
from collections.abc import Iterable
from functools import partial
from typing import Final

import requests
from meetup_testkit.emulators.process import free_port
from meetup_testkit.service_process import until

from bench.measurement import Row, spread
from bench.program import server
from bench.stream_run import replay_server
from bench.workbench import Workbench
from tests.images.podman import BASE, build, image_of, megabytes_above_base, running

_OTHERS: Final = ("enricher", "alert-webhook", "feed-operator", "gateway", "insight", "simulator")


def images(bench: Workbench) -> Iterable[Row]:
    """Sizes are those of the layers before compression, in 10^6 bytes."""
    what, aim = "stream image: what it adds to its base", "under 75 MB"
    podman = shutil.which("podman")
    if podman is None or subprocess.run([podman, "image", "exists", BASE]).returncode:
        yield Row(what, aim, "not measured", f"Needs podman and {BASE}.")
        return
    for service in ("stream", *_OTHERS):
        build(service)
    sizes = {service: megabytes_above_base(image_of(service)) for service in ("stream", *_OTHERS)}
    limit = "Google's clients for objects and logs and what they bring, without grpc; pydantic; their bytecode."
    yield Row(what, aim, f"{sizes['stream']:.0f} MB", limit)
    others = ", ".join(f"{service} {sizes[service]:.0f} MB" for service in _OTHERS)
    limit = "Google's client for logs in all but the simulator; grpc in enricher and alert-webhook, aiohttp in "
    limit += "feed-operator; DuckDB, Arrow, scipy and Bokeh in insight."
    yield Row("the other images: the same", "", others, limit)
    yield _start(bench)


def _start(bench: Workbench) -> Row:
    replay = bench.rsvps(bench.scaled(1000))
    seconds = []
    with replay_server(replay) as meetup, server("cloud_storage_stub.py") as storage:
        for _ in range(bench.runs):
            page = f"http://127.0.0.1:{(port := free_port())}/readyz"
            environ = {"STREAM_FEED": "rsvps", "STREAM_URL": meetup.stream_url("rsvps"), "STREAM_PORT": str(port)}
            environ |= {"STREAM_OBJECTS": "gs://bench", "STORAGE_EMULATOR_HOST": storage}
            began = time.monotonic()
            with running(image_of("stream"), environ):
                until(partial(_ready, page), "readiness", poll=0.005)
                seconds.append(time.monotonic() - began)
    limit = "podman takes about half a second to make and start a container; then as above."
    return Row("start of a stream's container, `podman run` to ready, `gs://`", "2 s", spread(seconds, " s", 2), limit)


def _ready(page: str) -> bool:
    try:
        return bool(requests.get(page, timeout=1).status_code == requests.codes.ok)
    except requests.ConnectionError:
        return False
