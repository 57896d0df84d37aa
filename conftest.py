"""For every test of the workspace: where its files are, who is run again, and that CI skips nothing that is absent."""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
from meetup_testkit.warm_start import warm

ABSENT = ("emulator absent:", "part absent:")
"""What the reason of a skip begins with when the machine lacks a program that the test needs."""
MEMORY = Path("/dev/shm")  # noqa: S108  (pytest makes a folder there that is the user's alone)
TEMPORARY = "PYTEST_DEBUG_TEMPROOT"
COLD = "COLD_STARTS"
"""Set where every start is to import what it needs, as in a pod. ``make test ALL=1`` sets it."""
ENOUGH_BYTES = 2 << 30
"""Many times what the suite keeps at a time; a container has 64 MiB there unless it asks for more."""

# Each worker has a processor or less to itself. Two threads of one product that wait for each other there take three
# times the processor time of one. Numpy reads it when it is imported, and the processes that tests start have it too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Generated cases say nothing about time: a busy machine is no mistake, neither in a case nor in drawing it.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def pytest_configure() -> None:
    """The tests' own folders are in memory where there is room: thousands of commits and objects are synced in them.

    What is shown stays the same, for a process that is killed loses nothing that the kernel has. Who names a place,
    by ``--basetemp`` or pytest's variable, has it there.

    Our commands are started without their imports, which hundreds of starts would do again, unless that is not wanted.
    """
    if not os.environ.get(COLD):
        warm()
    if TEMPORARY not in os.environ and has_room(MEMORY):
        os.environ[TEMPORARY] = str(MEMORY)


def has_room(folder: Path) -> bool:
    """Whether tests can keep files there, and run programs among them."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= ENOUGH_BYTES and not found.f_flag & os.ST_NOEXEC


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: no search for garbage looks at it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of the fault tier that failed is run once more: it waits for outages on machines that others use too.

    A folder of tests may have said already for what alone it may be. Nothing else is ever run again: a test that fails
    now and then fails the run, and one that asks for more ends it before it begins.
    """
    for item in items:
        fault, flaky = item.get_closest_marker("faults"), item.get_closest_marker("flaky")
        if flaky and not fault:
            raise pytest.UsageError(f"{item.nodeid} may not be run again: it is not of the fault tier")
        if fault and not flaky:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With ``PARTS_REQUIRED`` set, turn a skip for an absent part into a failure."""
    report = yield
    if os.environ.get("PARTS_REQUIRED") and report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(ABSENT):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} may not be skipped here: {reason}"
    return report
