"""``meetup-gateway`` over the stand-in for today's API, as the soak and the measurements run it."""

from pathlib import Path
from typing import Final

import psutil
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import ServiceProcess

FLOOR_SECONDS: Final = "5"
"""A network is swept so often: many sweeps in an hour, and more than one between two faults."""


def gateway_environ(folder: Path, meetup: GraphqlProcess) -> dict[str, str]:
    """Its variables: the stand-in's network is followed."""
    follow = folder / "follow.yaml"
    follow.write_text("networks: [simulated-network]\n")
    return {
        "GATEWAY_FOLLOW": str(follow),
        "GATEWAY_STORE": str(folder / "gateway.db"),
        "GATEWAY_KEY": "a-shared-key",
        "GATEWAY_CONTACT": "mailto:soak@example.org",
        **meetup.client(),
        "GATEWAY_FLOOR_SECONDS": FLOOR_SECONDS,
        "GATEWAY_PORT": "0",
    }


def resident(process: ServiceProcess) -> int:
    """Bytes; 0 if it has ended."""
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
