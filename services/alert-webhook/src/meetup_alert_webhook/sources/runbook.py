"""The runbook's own first lines in the message, where no link leads to the runbook. No I/O.

The alert rules repeat them as annotations: what the alert means, and what to do.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from meetup_alert_webhook.model import Finding, Status
from meetup_alert_webhook.text.readable import shown

_LINES: Final = (("What it means", "runbook_meaning"), ("What to do", "runbook_action"))
_MAX_LINE: Final = 700
"""Characters; the longest of the rules' own has 550. Both lines and a description fit into one block of Slack's."""


def with_runbooks(findings: Iterable[tuple[Finding, Mapping[str, str]]]) -> Iterator[Finding]:
    """The findings, given with their annotations; those that fire have the lines of their runbook, each once."""
    given = {""}
    for finding, annotations in findings:
        lines = _lines(annotations) if finding.status is Status.FIRING else ""
        yield finding if lines in given else replace(finding, detail=f"{finding.detail}\n{lines}".strip())
        given.add(lines)


def _lines(annotations: Mapping[str, str]) -> str:
    if annotations.get("runbook_url", "").strip():
        return ""
    told = ((heading, shown(annotations.get(name, ""), _MAX_LINE)) for heading, name in _LINES)
    return "\n".join(f"{heading}: {text}" for heading, text in told if text)
