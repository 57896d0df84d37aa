"""``meetup-insight``: build, serve, recommend, evaluate, export, forget."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from meetupkit import logs
from meetupkit.errors import MeetupError, PermanentError
from meetupkit.integers import INT64
from meetupkit.settings import EXIT_CODE

if TYPE_CHECKING:
    from meetup_insight.settings import InsightSettings

log = logging.getLogger("meetup_insight")


def parser() -> argparse.ArgumentParser:
    """The commands; those that need a warehouse take their settings from the environment."""
    root = argparse.ArgumentParser(
        prog="meetup-insight", description="Raw records become tables, patterns, predictions, a page."
    )
    commands = root.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="Load what is new, make every table, publish.")
    commands.add_parser("serve", help="The page, rebuilt on a schedule.")
    recommend = commands.add_parser("recommend", help="Predict items for members, from file to file.")
    recommend.add_argument("--interactions", type=Path, required=True, help="CSV: member,item or member,item,time.")
    recommend.add_argument("--top", type=_positive, default=10, help="Items for each member.")
    recommend.add_argument("--output", type=Path, required=True, help="CSV: member,item,rank,score,because.")
    recommend.add_argument("--for", type=Path, dest="members", help="CSV with the column member; by default all.")
    evaluate = commands.add_parser("evaluate", help="How good the predictions are, beside simpler ones.")
    evaluate.add_argument("--interactions", type=Path, help="CSV; by default the warehouse's model card.")
    export = commands.add_parser("export", help="A table or plain records, as a file.")
    what = export.add_mutually_exclusive_group(required=True)
    what.add_argument("--table", help="Its name.")
    what.add_argument("--records", help="A feed: its records as they were received.")
    export.add_argument(
        "--output", type=Path, required=True, help="FILE.parquet, FILE.csv, or FILE.ndjson for records."
    )
    export.add_argument("--private", action="store_true", help="Of a table with a row for each member's act.")
    export.add_argument("--from", dest="start", default="", help="Records of this day or time and later (mtime, UTC).")
    export.add_argument("--to", dest="end", default="", help="Records before this day or time.")
    forget = commands.add_parser("forget", help="Remove a member from every table, for good.")
    forget.add_argument("members", nargs="+", type=_positive, metavar="MEMBER", help="Meetup's number of the member.")
    return root


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; what the operator must correct is one sentence and exit code 2, what may pass is 1."""
    given = parser().parse_args(arguments)
    try:
        run(given)
    except PermanentError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_CODE)
    except MeetupError as error:
        sys.stderr.write(f"{error}; the same command may succeed later\n")
        sys.exit(1)


def run(given: argparse.Namespace) -> None:
    """The command's own module is imported only when it is asked for: a page needs no solver."""
    match given.command:
        case "recommend":
            from meetup_insight.recommending.file_commands import recommend

            recommend(given.interactions, given.output, most=given.top, members=given.members)
        case "evaluate" if given.interactions:
            from meetup_insight.recommending.file_commands import evaluate_file

            sys.stdout.write(evaluate_file(given.interactions))
        case _:
            _run_with_settings(given)


def _run_with_settings(given: argparse.Namespace) -> None:
    from meetup_insight.settings import InsightSettings

    settings = InsightSettings.or_exit(os.environ)
    logs.configure("meetup-insight", version=version("meetup-insight"), level=settings.log_level)
    if given.command == "serve":
        from meetup_insight.serving.serve import serve

        serve(settings)
    else:
        _run_over_tables(given, settings)


def _run_over_tables(given: argparse.Namespace, settings: "InsightSettings") -> None:
    from meetup_insight import commands

    match given.command:
        case "build":
            commands.build_once(settings)
        case "evaluate":
            sys.stdout.write(commands.model_card(settings))
        case "export":
            commands.export(settings, given)
        case "forget":
            commands.forget(settings, given.members)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < INT64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    main()
