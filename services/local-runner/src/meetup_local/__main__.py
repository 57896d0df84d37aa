"""``meetup-local``: the whole pipeline on this machine."""

import os
import sys

from meetup_local.run import run
from meetup_local.screen import screen
from meetup_local.settings import read_options


def main() -> None:
    """The command."""
    sys.exit(run(read_options(sys.argv[1:]), screen(sys.stdout), os.environ))


if __name__ == "__main__":
    main()
