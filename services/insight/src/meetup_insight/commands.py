"""What the commands with a warehouse do; each is a few calls."""

import argparse
import logging
import sys

from meetup_insight.building import forgetting
from meetup_insight.building.build import build
from meetup_insight.errors import UnreadableFile, WarehouseUnavailable
from meetup_insight.exporting.raw_records import export_records
from meetup_insight.exporting.table_files import export_table
from meetup_insight.loading.hashing import MemberHash
from meetup_insight.publishing.bundle import current, read_table
from meetup_insight.settings import InsightSettings

log = logging.getLogger(__name__)


def build_once(settings: InsightSettings) -> None:
    """One build, and what it found."""
    manifest = build(settings)
    seconds = manifest.finished_at - manifest.started_at
    log.info(
        "built in %.1f s: %d new objects, %d new versions", seconds, manifest.objects, manifest.versions,
        extra={"event": "built", "objects": manifest.objects, "versions": manifest.versions, "seconds": seconds},
    )  # fmt: skip


def forget(settings: InsightSettings, members: list[int]) -> None:
    """The list first, so that whatever happens next, no later build takes them in again."""
    member_hash = MemberHash(settings.hash_key.get_secret_value())
    hashes = [found for member in members if (found := member_hash(member))]
    forgetting.remember(settings.forgotten_file, hashes)
    try:
        build(settings)
    except WarehouseUnavailable as error:
        sys.stderr.write(f"{error}: its next build removes them\n")
        return
    sys.stderr.write(f"{len(hashes)} members are forgotten; their raw records are not changed by this\n")


def model_card(settings: InsightSettings) -> str:
    """The model card that is published."""
    folder = current(settings.published_folder)
    card = read_table(folder, "model_card") if folder else None
    if card is None or not card.num_rows:
        raise UnreadableFile(f"{settings.published_folder}: nothing is built yet")
    lines = [f"{'task':22}{'model':18}{'metric':28}{'value':>8}{'low':>8}{'high':>8}{'judges':>8}"]
    lines += (
        f"{row['task']:22}{row['model']:18}{row['metric']:28}{row['value']:8.3f}{row['low']:8.3f}{row['high']:8.3f}"
        f"{row['judges']:8}"
        for row in card.to_pylist()
    )
    return "\n".join(lines) + "\n"


def export(settings: InsightSettings, given: argparse.Namespace) -> None:
    """A table, or records."""
    if given.table:
        rows = export_table(settings, given.table, given.output, private=given.private)
    else:
        rows = export_records(settings, given.records, given.output, start=given.start, end=given.end)
    sys.stderr.write(f"{rows} rows in {given.output}\n")
