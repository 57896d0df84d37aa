"""``meetup-simulator``: read the flags, listen, say where, end on SIGTERM or SIGINT."""

import asyncio
import signal
import sys
import zlib

from meetupkit import logs

from meetup_simulator.app import Simulator
from meetup_simulator.flags import READY_LINE, read_flags

EXIT_CODE = 2
"""As argparse and the services for wrong usage. Not imported: meetupkit's settings bring pydantic, and
with it half of the start-up time."""


async def _run(arguments: list[str]) -> None:
    options = read_flags(arguments)
    try:
        simulator = Simulator(options)
        await simulator.start()
    except (OSError, ValueError, EOFError, zlib.error) as error:
        sys.stderr.write(f"meetup-simulator cannot start: {error}\n")
        sys.exit(EXIT_CODE)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    host = f"[{options.host}]" if ":" in options.host else options.host
    sys.stdout.write(f"{READY_LINE}http://{host}:{simulator.port}\n")
    sys.stdout.flush()
    await stopping.wait()
    await simulator.stop()


def main() -> None:
    """The command."""
    logs.configure("simulator", version="0.1.0")
    asyncio.run(_run(sys.argv[1:]))


if __name__ == "__main__":
    main()
