"""``meetup-local-runner``: the whole pipeline on this machine."""

import os
import sys

from meetup_local_runner.run import run
from meetup_local_runner.screen import screen
from meetup_local_runner.settings import read_options


def main() -> None:
    """The command."""
    sys.exit(run(read_options(sys.argv[1:]), screen(sys.stdout), os.environ))


if __name__ == "__main__":
    main()
