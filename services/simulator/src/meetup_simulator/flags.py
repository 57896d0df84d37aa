"""The command line of ``meetup-simulator``."""

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meetupkit.arguments import number, replay, whole_file
from meetupkit.feeds import FEEDS

from meetup_simulator.rest.rate_limit import RateLimit

API_KEY_VARIABLE: Final = "SIMULATOR_API_KEY"
DEVELOPMENT_KEY: Final = "development-key"
"""Guards nothing: the simulator's profiles are made up."""
READY_LINE: Final = "meetup-simulator listening on "
"""Starts the one line on stdout; the address follows."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for. ``replays`` and ``profiles`` map a feed or kind to its files, in order."""

    host: str
    port: int
    seed: int
    rate: float
    await_reader: bool
    count: int | None
    epoch: int
    world: Path | None
    backlog: int
    patience: float
    venues: int
    replays: Mapping[str, tuple[Path, ...]]
    only_replay: bool
    profiles: Mapping[str, tuple[Path, ...]]
    unknown_share: float
    unknown_every: int
    api_key: str
    rate_limit: RateLimit
    connections: int
    long_poll_seconds: float
    published_bytes: int
    admin_from_anywhere: bool


def parser(environ: Mapping[str, str] = os.environ) -> argparse.ArgumentParser:
    """The flags; their help texts are the README's table."""
    flags = argparse.ArgumentParser(prog="meetup-simulator", description="A stand-in for Meetup's servers.")
    add = flags.add_argument
    add("--host", default="127.0.0.1", help="Address to listen on.")
    add("--port", type=_whole, default=8700, help="Port to listen on; 0 takes a free one and prints it.")
    add("--seed", type=int, default=1, help="Seed of everything that is made up.")
    add(
        "--rate",
        type=number,
        default=10.0,
        metavar="R",
        help="Records per second and feed; 0: as readers take them.",
    )
    add("--await-reader", action="store_true", help="A feed's clock starts with its first connection, not at once.")
    add("--count", type=_whole, metavar="N", help="Generated records per feed, then silence; without it no end.")
    add("--epoch", type=_whole, metavar="MS", help="First generated mtime in milliseconds; by default now.")
    add(
        "--world",
        type=Path,
        metavar="DIR",
        help="Folder in which the last lines of each feed are kept, so that the next start goes on with them.",
    )
    add("--backlog", type=_whole, default=5000, metavar="N", help="Published records that a connection may ask for.")
    add(
        "--patience",
        type=number,
        default=5.0,
        metavar="S",
        help="With rate 0: how long readers wait for one that takes nothing, before it is cut.",
    )
    add("--venues", type=_whole, default=2048, metavar="N", help="Generated venues that trickle pushes first.")
    add(
        "--replay",
        type=replay,
        action="append",
        default=[],
        metavar="FEED=FILE",
        help="Publish the lines of a plain or gzip NDJSON file in place of generated ones; repeatable.",
    )
    add("--only-replay", action="store_true", help="Feeds without a replay publish nothing, in place of generating.")
    add(
        "--members",
        type=whole_file,
        action="append",
        default=[],
        metavar="FILE",
        help="Member profiles, plain or gzip NDJSON; ids in no file are generated; repeatable.",
    )
    add(
        "--groups",
        type=whole_file,
        action="append",
        default=[],
        metavar="FILE",
        help="Group profiles, plain or gzip NDJSON; ids in no file are generated; repeatable.",
    )
    add("--unknown-share", type=_share, default=0.02, metavar="P", help="Share of ids in no file that do not exist.")
    add(
        "--unknown-every",
        type=_whole,
        default=0,
        metavar="N",
        help="Ids in no file that are multiples of N do not exist; 0 none.",
    )
    add(
        "--api-key",
        default=environ.get(API_KEY_VARIABLE) or DEVELOPMENT_KEY,
        metavar="KEY",
        help=f"Key of the REST API; by default the variable {API_KEY_VARIABLE}, else {DEVELOPMENT_KEY}.",
    )
    add(
        "--rate-limit",
        type=_rate_limit,
        default="30/10",
        metavar="CALLS/SECONDS",
        help="Call limit of the REST API; 0 calls is no limit.",
    )
    add("--connections", type=_whole, default=10, metavar="N", help="Concurrent stream connections per client address.")
    add("--long-poll-seconds", type=number, default=25.0, metavar="S", help="How long a long poll waits for a record.")
    add(
        "--published-bytes",
        type=_whole,
        default=1 << 30,
        metavar="N",
        help="Bytes of published lines kept on disk per feed for /published; 0 none.",
    )
    add(
        "--admin-from-anywhere",
        action="store_true",
        help="Answer /faults, /published, /asked, /stats and /end to other hosts too, not only to loopback.",
    )
    return flags  # fmt: skip


def read_flags(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """Read the command line; a mistake ends the process with a message and exit code 2."""
    given = parser(environ).parse_args(arguments)
    replays = {feed: tuple(file for name, file in given.replay if name == feed) for feed in FEEDS}
    return Options(
        host=given.host,
        port=given.port,
        seed=given.seed,
        rate=given.rate,
        await_reader=given.await_reader,
        count=given.count,
        epoch=int(time.time() * 1000) if given.epoch is None else given.epoch,
        world=given.world,
        backlog=given.backlog,
        patience=given.patience,
        venues=given.venues,
        replays={feed: files for feed, files in replays.items() if files},
        only_replay=given.only_replay,
        profiles={"members": tuple(given.members), "groups": tuple(given.groups)},
        unknown_share=given.unknown_share,
        unknown_every=given.unknown_every,
        api_key=given.api_key,
        rate_limit=given.rate_limit,
        connections=given.connections,
        long_poll_seconds=given.long_poll_seconds,
        published_bytes=given.published_bytes,
        admin_from_anywhere=given.admin_from_anywhere,
    )


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _share(text: str) -> float:
    share = number(text)
    if share > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return share


def _rate_limit(text: str) -> RateLimit:
    try:
        return RateLimit.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
