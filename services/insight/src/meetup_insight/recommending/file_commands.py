"""``recommend`` and ``evaluate`` on files."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from meetup_insight.models.evaluation import Report, evaluate
from meetup_insight.models.interactions import Interaction, Interactions
from meetup_insight.models.predictor import Predictor
from meetup_insight.recommending.csv_files import (
    Skipped,
    read_interactions,
    read_members,
    report,
    write_recommendations,
)


def recommend(interactions: Path, output: Path, *, most: int, members: Path | None) -> None:
    """The best items of every member of ``members``, or of the file."""
    skipped = Skipped()
    found: dict[str, None] = {}
    data = Interactions.of(_noted(read_interactions(interactions, skipped), found))
    report(skipped)
    wanted = read_members(members) if members else list(found)
    if not len(data.items):
        sys.stderr.write(f"{interactions}: no interactions, so nothing can be recommended\n")
        write_recommendations(output, ())
        return
    written = write_recommendations(output, Predictor(data).recommend(wanted, most))
    sys.stderr.write(f"{written} rows for {len(wanted)} members, of {len(data.items)} items\n")


def _noted(rows: Iterable[Interaction], members: dict[str, None]) -> Iterator[Interaction]:
    """The rows as they pass, so that a file of millions is not held; their members in the order of the file."""
    for row in rows:
        members[row.member] = None
        yield row


def evaluate_file(interactions: Path) -> str:
    """The model card of a file, as text."""
    skipped = Skipped()
    data = Interactions.of(read_interactions(interactions, skipped))
    report(skipped)
    return described(evaluate(data))


def described(found: Report) -> str:
    """A report, for a terminal."""
    lines = [
        f"{found.members} members, {found.items} items; {found.split}; judged by {found.judges} members",
        f"{'':20}{'NDCG@10':>26}{'recall@10':>26}",
    ]
    for name in found.ndcg:
        figures = (
            f"{each.mean:.3f} ({each.low:.3f} to {each.high:.3f})" for each in (found.ndcg[name], found.recall[name])
        )
        lines.append(f"{name:20}" + "".join(f"{each:>26}" for each in figures))
    for name, each in (("popularity", found.above_popularity), ("EASE", found.above_ease)):
        lines.append(f"above {name}: {each.mean:+.3f} ({each.low:+.3f} to {each.high:+.3f}), paired, 95 %")
    lines.append(f"{found.coverage:.0%} of the items are recommended to somebody; {found.chosen.parameters}")
    if not found.holds:
        lines.append("It does not beat popularity for sure on these data.")
    return "\n".join(lines) + "\n"
