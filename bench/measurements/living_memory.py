"""Resident memory of the gateway with 5,000 followed groups, from its start through the first whole sweep."""

import time
from collections.abc import Iterable
from typing import Final

from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import ServiceProcess

from bench.gateway_run import gateway_environ, resident
from bench.measurement import Row
from bench.stream_run import MIB
from bench.workbench import Workbench

_QUIET_SECONDS: Final = 20.0
"""A network's sweep is committed without a pause."""
_SECONDS: Final = 1800.0
_LOOK_SECONDS: Final = 0.2


def living_memory(bench: Workbench) -> Iterable[Row]:
    """One row."""
    groups, folder = bench.scaled(5000), bench.new_folder()
    flags = ("--groups", str(groups), "--speed", "0", "--changes-per-hour", "0")
    with GraphqlProcess(folder, *flags) as meetup:
        meetup.turn(price="H1")
        environ = {**gateway_environ(folder, meetup), "GATEWAY_CALL_SECONDS": "120"}
        with ServiceProcess("meetup_gateway", environ, folder / "gateway.log") as gateway:
            greatest, told = _until_told(gateway)
    yield Row(
        f"gateway, {groups:,} groups of one network followed: greatest resident memory through the first sweep",
        "150 MiB",
        f"{greatest / MIB:.0f} MiB ({told:,} events)",
        "A network's events are held packed until its list is whole; then each group is one transaction.",
    )


def _until_told(gateway: ServiceProcess) -> tuple[int, int]:
    """The greatest memory until no more events come, and how many are in the log."""
    greatest = told = 0
    began = since = time.monotonic()
    while not told or time.monotonic() - since < _QUIET_SECONDS:
        if time.monotonic() - began > _SECONDS:
            raise TimeoutError(f"{told} events were told, and more come")
        greatest = max(greatest, resident(gateway))
        now = int(gateway.metric("meetup_gateway_records_total", feed="open_events"))
        told, since = now, time.monotonic() if now > told else since
        time.sleep(_LOOK_SECONDS)
    return greatest, told
