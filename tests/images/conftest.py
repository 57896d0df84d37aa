"""Every image, built once a session."""

from typing import Final

import pytest

from .podman import build, require_podman

SERVICES: Final = ("stream", "enricher", "alert-webhook", "feed-operator", "simulator")


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """The name of each service's image."""
    require_podman()
    return {service: build(service) for service in SERVICES}
