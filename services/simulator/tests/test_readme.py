"""The README's tables name every flag and every fault, and nothing else."""

import re
from dataclasses import fields
from pathlib import Path

from meetup_simulator.admin import ADMIN_PATHS
from meetup_simulator.faults import Fault, Kind
from meetup_simulator.flags import parser

README = (Path(__file__).parents[1] / "README.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The cells of the section's table, without its head."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_the_table_of_flags_is_what_the_command_says_of_them() -> None:
    flags = [action for action in parser({})._actions if action.dest != "help"]
    assert table("Flags") == [
        [
            f"`{action.option_strings[0]}`",
            "" if action.default in (None, []) or action.default is False else f"`{action.default}`",
            action.help,
        ]
        for action in flags
    ]


def test_the_table_of_faults_has_a_row_for_each_kind() -> None:
    assert [row[0] for row in table("Faults")] == [f"`{kind}`" for kind in Kind]


def test_every_field_of_a_fault_is_explained() -> None:
    section = README.split("\n## Faults\n")[1].split("\n## ")[0]
    for field in fields(Fault):
        if field.init and field.name != "kind":
            assert f"`{field.name}`" in section, field.name


def test_the_table_of_admin_pages_names_every_page() -> None:
    named = set(re.findall(r"(?:GET|POST|DELETE) (/[a-z]+)", " ".join(row[0] for row in table("Admin pages"))))
    assert named == set(ADMIN_PATHS)
