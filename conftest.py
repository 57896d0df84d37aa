"""For every test of the workspace: an absent part is a skip on a laptop and a failure in CI; who is run again."""

import os
from collections.abc import Generator

import pytest

ABSENT = ("emulator absent:", "part absent:")
"""What the reason of a skip begins with when the machine lacks a program that the test needs."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of the fault tier that failed is run once more: it waits for outages on machines that others use too.

    A folder of tests may have said already for what alone it may be. Nothing else is ever run again: a test that fails
    now and then fails the run.
    """
    for item in items:
        if item.get_closest_marker("faults") and not item.get_closest_marker("flaky"):
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
