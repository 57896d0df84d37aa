"""For every test of the workspace: an absent part is a skip on a laptop and a failure in CI."""

import os
from collections.abc import Generator

import pytest

ABSENT = ("emulator absent:", "part absent:")
"""What the reason of a skip begins with when the machine lacks a program that the test needs."""


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
