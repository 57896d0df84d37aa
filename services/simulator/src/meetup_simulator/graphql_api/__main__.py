"""``meetup-graphql-stand-in``: today's API on a port, until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from meetupkit import logs
from meetupkit.arguments import number

from meetup_simulator.graphql_api.api import GraphqlApi
from meetup_simulator.graphql_api.clock import WorldClock
from meetup_simulator.graphql_api.dials import Dials
from meetup_simulator.graphql_api.keys import kept_at, public_key_of
from meetup_simulator.graphql_api.living_world import LivingWorld, Size
from meetup_simulator.graphql_api.server import GraphqlServer
from meetup_simulator.graphql_api.tokens import Client, Tokens

READY_LINE: Final = "meetup-graphql-stand-in listening on "
"""Starts the one line on stdout; the address follows."""
_EXIT_CODE: Final = 2


def parser() -> argparse.ArgumentParser:
    """The flags; their help texts are the README's table."""
    flags = argparse.ArgumentParser(prog="meetup-graphql-stand-in", description="A stand-in for today's Meetup API.")
    add = flags.add_argument
    add("--host", default="127.0.0.1", help="Address to listen on.")
    add("--port", type=int, default=8710, help="Port to listen on; 0 takes a free one and prints it.")
    add("--seed", type=int, default=1, help="Seed of the world and of all that happens in it.")
    add("--epoch", type=int, metavar="MS", help="When the world begins, in milliseconds; by default now.")
    add("--speed", type=number, default=1.0, help="How much faster than real time it lives; 0: only when told.")
    add("--groups", type=int, default=5, help="Groups.")
    add("--members", type=int, default=60, help="Members.")
    add("--changes-per-hour", type=number, default=600.0, help="Changes in the whole world.")
    add("--private-key", type=Path, required=True, help="The client's signing key in PEM; made if there is no file.")
    add("--dials", default="{}", metavar="JSON", help="Dials to turn at the start, as for `POST /graphql/dials`.")
    return flags


def _api(arguments: Sequence[str]) -> tuple[GraphqlApi, argparse.Namespace]:
    given = parser().parse_args(arguments)
    epoch = int(time.time() * 1000) if given.epoch is None else given.epoch
    size = Size(given.groups, given.members, changes_per_hour=given.changes_per_hour)
    dials = Dials()
    dials.turn(json.loads(given.dials))
    tokens = Tokens(Client(public_key=public_key_of(kept_at(given.private_key))))
    return GraphqlApi(LivingWorld(given.seed, epoch, size), WorldClock(epoch, given.speed), tokens, dials=dials), given


async def _run(arguments: Sequence[str]) -> None:
    try:
        api, given = _api(arguments)
        server = GraphqlServer(api, host=given.host, port=given.port)
        await server.start()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"meetup-graphql-stand-in cannot start: {error}\n")
        sys.exit(_EXIT_CODE)
    stopping = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    sys.stdout.write(f"{READY_LINE}http://{given.host}:{server.port}\n")
    sys.stdout.flush()
    await stopping.wait()
    await server.stop()


def main() -> None:
    """The command."""
    logs.configure("graphql-stand-in", version="0.1.0")
    asyncio.run(_run(sys.argv[1:]))


if __name__ == "__main__":
    main()
