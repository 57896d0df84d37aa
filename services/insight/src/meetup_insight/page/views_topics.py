"""Topics over time, and predicted interests. Pure."""

from collections.abc import Callable, Sequence

from meetup_insight.page import plots, plots_over_time
from meetup_insight.page.published import Published, Row
from meetup_insight.page.view import Choice, Figure, Grid, Query, View, chosen, number, percent
from meetup_insight.predicting.prediction_tables import TASKS

_TOP = 15
"""Bars of one plot."""
_MOST_OPTIONS = 400
"""In one list: what a person scrolls through, or types into."""


def topics(data: Published, query: Query) -> View:
    """Rising and falling."""
    order = chosen(query.get("order"), ("rising", "falling", "largest"))
    trends = [
        row for row in data.rows("topic_trends") if order == "largest" or (row["change"] > 0) == (order == "rising")
    ]
    keys: dict[str, Callable[..., float]] = {
        "rising": lambda row: -row["change_low"],
        "falling": lambda row: row["change_high"],
        "largest": lambda row: -row["members_now"],
    }
    shown = sorted(trends, key=lambda row: (keys[order](row), row["topic"]))[:_TOP]
    ranked = [topic for topic, _ in data.sums("topics_by_week", "topic", "members")[:_MOST_OPTIONS]]
    topic = chosen(query.get("topic"), ranked)
    series = data.some("topics_by_week", "topic", topic)
    return View(
        "Topics",
        "Which topics win and lose members: the recent window against the one before it, both at most four weeks.",
        (),
        (
            Choice("order", "Show", order, [(each, each) for each in ("rising", "falling", "largest")]),
            Choice("topic", "Over time", topic, [(each, data.topic(each)) for each in ranked]),
        ),
        (
            Figure(
                "trends",
                f"Topics, {order}",
                "Relative change of a topic's share of the members who said yes."
                " In colour: its 95 % interval leaves out 0."
                " Called rising or falling only if a 99 % interval does.",
                plots.intervals(
                    "Change of share by topic",
                    [
                        (
                            data.topic(row["topic"]),
                            row["change"],
                            row["change_low"],
                            row["change_high"],
                            row["members_now"],
                        )
                        for row in shown
                    ],
                )
                if shown
                else None,
                Grid(
                    ("topic", "change", "95 % interval", "members now", "members before", "verdict"),
                    [
                        (
                            data.topic(row["topic"]),
                            percent(row["change"]),
                            f"{percent(row['change_low'])} to {percent(row['change_high'])}",
                            number(row["members_now"]),
                            number(row["members_before"]),
                            row["direction"],
                        )
                        for row in shown
                    ],
                ),
                "Nothing yet: no topic has ten members in both windows.",
            ),
            Figure(
                "series",
                f"{data.topic(topic) if topic else 'A topic'} over time",
                "Share of the week's active members, with its 95 % interval.",
                plots_over_time.line_with_band(
                    "Share by week",
                    [
                        (row["week"], row["share"], row["share_low"], row["share_high"], row["members"])
                        for row in series
                    ],
                )
                if series
                else None,
                Grid(
                    ("week of", "members", "share", "95 % interval"),
                    [
                        (
                            str(row["week"]),
                            number(row["members"]),
                            percent(row["share"]),
                            f"{percent(row['share_low'])} to {percent(row['share_high'])}",
                        )
                        for row in series
                    ],
                ),
            ),
        ),
    )


def interests(data: Published, query: Query) -> View:
    """Predicted interests, with reasons and the model card."""
    named = sorted(data.distinct("interests_lead_to", "topic"), key=lambda topic: data.topic(topic).lower())[
        :_MOST_OPTIONS
    ]
    topic = chosen(query.get("topic"), named)
    countries = list(dict.fromkeys(row["country"] for row in data.rows("topics_for_newcomers")))
    country = chosen(query.get("country"), countries)
    found = data.some("interests_lead_to", "topic", topic)
    predicted = sorted(data.rows("predicted_interests"), key=lambda row: (-row["members"], row["topic"]))
    newcomers = [row for row in data.rows("topics_for_newcomers") if row["country"] == country]
    card = data.rows("model_card")
    return View(
        "Interests",
        "What members are likely to take an interest in. Nobody's own list is here: those are in the private tables.",
        (),
        (
            Choice("topic", "Somebody who likes", topic, [(each, data.topic(each)) for each in named]),
            Choice("country", "Newcomers in", country, [(each, each.upper() or "all countries") for each in countries]),
        ),
        (
            Figure(
                "leads",
                f"Who likes {data.topic(topic) if topic else 'a topic'} may like",
                "What the model says to somebody with this interest alone; ten members have both.",
                plots.ranked("Score by topic", [(data.topic(row["other"]), row["score"]) for row in found], "score")
                if found
                else None,
                Grid(
                    ("topic", "score", "members with both"),
                    [(data.topic(row["other"]), f"{row['score']:.2f}", number(row["members"])) for row in found],
                ),
                "Nothing yet: the model does not beat popularity for sure on these data,"
                " or no two topics share ten members.",
            ),
            Figure(
                "predicted",
                "Predicted most often",
                "Members whose first ten predictions hold the topic.",
                plots.ranked(
                    "Members by topic",
                    [(data.topic(row["topic"]), row["members"]) for row in predicted[:_TOP]],
                    "members",
                )
                if predicted
                else None,
                Grid(
                    ("topic", "members", "because of"),
                    [
                        (
                            data.topic(row["topic"]),
                            number(row["members"]),
                            ", ".join(data.topic(each) for each in row["because"].split("|") if each),
                        )
                        for row in predicted[:100]
                    ],
                ),
                "Nothing yet: the model does not beat popularity for sure on these data.",
            ),
            Figure(
                "newcomers",
                "What a newcomer is shown",
                "Topics that cover the most members between them, one after another.",
                None,
                Grid(("rank", "topic"), [(str(row["rank"]), data.topic(row["topic"])) for row in newcomers]),
                "" if newcomers else "Nothing yet: no topic has ten members.",
            ),
            Figure(
                "card",
                "Model card",
                "Measured by hiding what members have and looking for it, with 95 % intervals over members."
                + _learned(card)
                + "".join(sorted({f" {row['task'].capitalize()}: {row['data']}, {row['split']}." for row in card})),
                None,
                Grid(
                    ("task", "model", "metric", "value", "95 % interval", "members judged", "shown"),
                    [
                        (
                            row["task"],
                            row["model"],
                            row["metric"],
                            f"{row['value']:.3f}",
                            f"{row['low']:.3f} to {row['high']:.3f}",
                            number(row["judges"]),
                            "yes" if row["shown"] else "no",
                        )
                        for row in card
                    ],
                ),
                "" if card else "Nothing yet: too few members have topics or groups that could be hidden.",
            ),
        ),
    )


def _learned(card: Sequence[Row]) -> str:
    """Of which records the models are: new ones do not change them until there are enough."""
    until = [row["until"] for row in card if row["task"] in TASKS and row["until"]]
    if not until:
        return ""
    return (
        f" Learned from records until {max(until):%Y-%m-%d %H:%M} UTC, and learned anew when enough is new;"
        " all other figures are of the newest build."
    )
