"""The command line of ``meetup-local-runner``; the README's table is held to these flags by a test."""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from meetupkit.arguments import number, replay, whole_file

DEFAULT_DATA: Final = "data"
DEFAULT_RATE: Final = 10.0
"""Records per second and feed: brisk enough to watch, and a tenth of what two cores keep up with."""
DEFAULT_SEED: Final = 1
SOURCES: Final = ("streams", "graphql")

Replay = tuple[str, Path]
"""A feed's name and a file of its records."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. ``seconds`` is how long to run once all is ready; ``None`` until a signal."""

    data: Path
    objects: str
    documents: str
    seconds: float | None
    replays: tuple[Replay, ...]
    members: tuple[Path, ...]
    groups: tuple[Path, ...]
    rate: float
    seed: int
    monitoring: bool = False
    insight: bool = False
    source: str = "streams"

    @property
    def logs(self) -> Path:
        """The folder of the processes' logs."""
        return self.data / "logs"


def parser() -> argparse.ArgumentParser:
    """The flags; each help text is the meaning in the README's table."""
    flags = argparse.ArgumentParser(
        prog="meetup-local-runner",
        description="The whole pipeline on this machine: a stand-in for Meetup, five streams, the enricher.",
        epilog="STORAGE_EMULATOR_HOST and FIRESTORE_EMULATOR_HOST lead gs:// and firestore:// to emulators.",
    )
    add = flags.add_argument
    add("--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help="Where objects, documents and logs are kept.")
    add("--objects", default="", metavar="URL", help="Object store; by default `file://` and DIR/objects.")
    add(
        "--documents",
        default="",
        metavar="URL",
        help="Document store; by default `sqlite:///` and DIR/documents.sqlite.",
    )
    add(
        "--seconds", type=_positive, metavar="N", help="End by itself so long after all is ready; by default at Ctrl-C."
    )
    add(
        "--replay",
        type=replay,
        action="append",
        default=[],
        metavar="FEED=FILE",
        help="Publish the lines of a plain or gzip NDJSON file in place of generated ones; repeatable.",
    )
    add(
        "--members",
        type=whole_file,
        action="append",
        default=[],
        metavar="FILE",
        help="Member profiles, NDJSON; repeatable.",
    )
    add(
        "--groups",
        type=whole_file,
        action="append",
        default=[],
        metavar="FILE",
        help="Group profiles, NDJSON; repeatable.",
    )
    add(
        "--rate",
        type=number,
        default=DEFAULT_RATE,
        metavar="R",
        help="Records per second and feed; 0 as fast as the streams read.",
    )
    add(
        "--monitoring",
        action="store_true",
        help="Run Prometheus and Alertmanager too, with the chart's rules and routes, if they are on this machine.",
    )
    add(
        "--insight",
        action="store_true",
        help="Serve the page of tables, patterns and predictions too, built anew every 20 s.",
    )
    add(
        "--source",
        choices=SOURCES,
        metavar="SOURCE",
        default=SOURCES[0],
        help="What stands in for Meetup: `streams` as until 2022, or today's API, `graphql`, with the gateway.",
    )
    add("--seed", type=int, default=DEFAULT_SEED, help="Seed of everything that is made up.")
    return flags


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line; a mistake ends the process with one message and exit code 2."""
    given = parser().parse_args(arguments)
    data: Path = given.data.absolute()
    return Options(
        data=data,
        objects=given.objects or (data / "objects").as_uri(),
        documents=given.documents or f"sqlite:///{quote(os.fsencode(data / 'documents.sqlite'))}",
        seconds=given.seconds,
        replays=tuple(given.replay),
        members=tuple(given.members),
        groups=tuple(given.groups),
        rate=given.rate,
        seed=given.seed,
        monitoring=given.monitoring,
        insight=given.insight,
        source=given.source,
    )


def documented() -> Iterator[tuple[str, str, str]]:
    """Flag, default and meaning, for the README's table and the test that keeps it true."""
    for action in parser()._actions:
        if "--help" not in action.option_strings:
            flag = action.option_strings[-1] + ("" if action.nargs == 0 else f" {action.metavar or 'N'}")
            default = f"{action.default:g}" if isinstance(action.default, float) else str(action.default or "")
            yield flag, "" if action.default == [] else default, action.help or ""


def _positive(text: str) -> float:
    seconds = number(text)
    if not seconds:
        raise argparse.ArgumentTypeError("must be more than 0")
    return seconds
