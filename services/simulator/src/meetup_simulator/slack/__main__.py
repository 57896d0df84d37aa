"""``meetup-slack-stand-in``: read the flags, listen, say where, end on SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

from meetupkit import logs
from meetupkit.settings import exit_with

from meetup_simulator.slack.app import SlackApp
from meetup_simulator.slack.workspace import DEFAULT_CHANNELS, Workspace

READY_LINE: Final = "meetup-slack-stand-in listening on "
"""Followed by the address: the one line of its stdout."""


def main() -> None:
    """The command."""
    logs.configure("slack-stand-in", version="0.1.0")
    asyncio.run(_run(sys.argv[1:]))


async def _run(arguments: Sequence[str]) -> None:
    options = _flags(arguments)
    channels = tuple(options.channel or DEFAULT_CHANNELS)
    workspace = Workspace(channels, seconds_per_message=options.seconds_per_message)
    try:
        app = SlackApp(workspace, host=options.host, port=options.port)
        await app.start()
    except OSError as error:
        exit_with(f"meetup-slack-stand-in cannot start: {error}")
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    sys.stdout.write(f"{READY_LINE}{app.url}\n")
    sys.stdout.flush()
    await stopping.wait()
    await app.stop()
    app.close()


def _flags(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="meetup-slack-stand-in", description="A stand-in for Slack.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8084, help="port to listen on; 0 takes a free one")
    parser.add_argument("--channel", action="append", metavar="NAME", help="a channel that exists; may be repeated")
    parser.add_argument(
        "--seconds-per-message", type=float, default=1.0, help="Slack's pace of a channel; 0 takes everything"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
