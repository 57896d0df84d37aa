"""The runbooks' own first lines, as annotations of the alert rules: what an alert means, and what to do.

A message is of use without any link then. ``python -m tests.monitoring.runbook_annotations`` writes them anew.
"""

import re
import textwrap
from pathlib import Path
from typing import Final

from . import shipped

_WIDTH: Final = 122
"""Of the rule files."""
_INDENT: Final = " " * 10
_ACTION: Final = re.compile(r"^Do: (.+(?:\n\S.*)*)(\n\n(?: {4}.+\n)+)?", re.MULTILINE)
"""What to do, and the commands right below it."""
_LINE: Final = re.compile(r"^ {10}(?:runbook_meaning|runbook_action): >-\n(?: {12}.*\n)+", re.MULTILINE)


def page_of(alert: str) -> str:
    """The page of the alert, without its heading."""
    return shipped.RUNBOOKS.read_text().partition(f"## {alert}\n\n")[2].partition("\n## ")[0].partition("\n# ")[0]


def annotations_of(alert: str) -> dict[str, str]:
    """What an alert's rule says of its runbook."""
    page = page_of(alert)
    meaning, action = page.partition("\n\n")[0], _ACTION.search(page)
    told = {"runbook_meaning": _plain(meaning)}
    if action:
        commands = [line.strip() for line in (action[2] or "").splitlines() if line.strip()]
        text = _plain(" ".join([action[1], *(f"`{command}`" for command in commands)]))
        told["runbook_action"] = text[0].upper() + text[1:]
    return told


def _plain(text: str) -> str:
    """On one line, without Markdown's bold face."""
    return " ".join(text.replace("**", "").split())


def written(rules: str) -> str:
    """The text of a rule file with the annotations that it must have."""
    without = _LINE.sub("", rules)

    def add(found: re.Match[str]) -> str:
        alert = re.findall(r"- alert: (\w+)", without[: found.start()])[-1]
        return "".join(map(_yaml, annotations_of(alert).items())) + found[0]

    return re.sub(r"^ {10}runbook_url:", add, without, flags=re.MULTILINE)


def _yaml(annotation: tuple[str, str]) -> str:
    name, text = annotation
    lines = textwrap.wrap(text, _WIDTH - len(_INDENT) - 2, break_long_words=False, break_on_hyphens=False)
    return f"{_INDENT}{name}: >-\n" + "".join(f"{_INDENT}  {line}\n" for line in lines)


def write(file: Path) -> None:
    """Write the annotations of one rule file anew."""
    file.write_text(written(file.read_text()))


if __name__ == "__main__":
    for rule_file in shipped.RULE_FILES:
        write(rule_file)
