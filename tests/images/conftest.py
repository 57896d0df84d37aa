"""Every image, built once per run."""

import fcntl
from typing import Final

import pytest

from ..chart.tools import REPOSITORY
from .podman import build, image_of, require_podman

SERVICES: Final = ("stream", "enricher", "alert-webhook", "feed-operator", "gateway", "insight", "simulator")
_BUILT: Final = REPOSITORY / "build" / "images.built"
"""Names the run that built the images last; its processes (pytest-xdist's) wait for the one that builds."""


@pytest.fixture(scope="session")
def images(testrun_uid: str) -> dict[str, str]:
    """The name of each service's image."""
    _BUILT.parent.mkdir(exist_ok=True)
    with _BUILT.open("a+") as built:
        fcntl.flock(built, fcntl.LOCK_EX)
        require_podman()
        built.seek(0)
        if built.read() != testrun_uid:
            for service in SERVICES:
                build(service)
            built.truncate(0)
            built.write(testrun_uid)
    return {service: image_of(service) for service in SERVICES}
