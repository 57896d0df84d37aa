"""The tables of predictions."""

from typing import Final

from meetup_insight.schema import Column, Kind, Seen, Table


def _text(name: str, meaning: str) -> Column:
    return Column(name, Kind.TEXT, meaning)


def _number(name: str, meaning: str) -> Column:
    return Column(name, Kind.FLOAT, meaning)


def _count(name: str, meaning: str) -> Column:
    return Column(name, Kind.INTEGER, meaning)


_MEMBER: Final = Column("member", Kind.MEMBER, "The member, by keyed hash")
_RANK: Final = _count("rank", "1 is the first")
_SCORE: Final = _number("score", "Comparable within one list only")

PREDICTED_TOPICS: Final = Table(
    "predicted_topics",
    "Topics that members are likely to take an interest in",
    ("member", "rank"),
    (
        _MEMBER,
        _RANK,
        _text("topic", "The topic's urlkey"),
        _SCORE,
        _text("because", "Topics of the member, joined by |"),
    ),
)
PREDICTED_GROUPS: Final = Table(
    "predicted_groups",
    "Groups that members are likely to join",
    ("member", "rank"),
    (_MEMBER, _RANK, _count("group_id", "The group"), _SCORE, _text("because", "Groups of the member, joined by |")),
)
INTERESTS: Final = Table(
    "predicted_interests",
    "How many members each topic is predicted for, at least ten",
    ("topic",),
    (
        _text("topic", "The topic's urlkey"),
        _count("members", "Members it is among the first ten for"),
        _text("because", "The topics most often named as reason, joined by |"),
    ),
    seen=Seen.PUBLISHED,
)
NEWCOMERS: Final = Table(
    "topics_for_newcomers",
    "What somebody is shown of whom nothing is known: topics that cover the most members between them",
    ("country", "rank"),
    (_text("country", "The country; empty: all"), _RANK, _text("topic", "The topic's urlkey")),
    seen=Seen.PUBLISHED,
)
LEADS_TO: Final = Table(
    "interests_lead_to",
    "Which interest leads to which: what the model says to somebody with the first alone",
    ("topic", "rank"),
    (
        _text("topic", "The interest somebody has; at least ten members have it"),
        _RANK,
        _text("other", "The interest predicted; at least ten members have both"),
        _SCORE,
        _count("members", "Members who have both"),
    ),
    seen=Seen.PUBLISHED,
)
LOOKALIKES: Final = Table(
    "lookalike_groups",
    "Groups that are alike, by topics and common members",
    ("group_id", "rank"),
    (
        _count("group_id", "The group"),
        _RANK,
        _count("other_id", "A group like it"),
        _SCORE,
        _count("common", "Members in common, where ten or more"),
        _text("shared", "Topics in common, joined by |"),
    ),
    seen=Seen.PUBLISHED,
)
COMMUNITIES: Final = Table(
    "group_communities",
    "Groups that share members with each other more than with others",
    ("group_id",),
    (_count("group_id", "The group"), _count("community", "Its community, named by its least group")),
    seen=Seen.PUBLISHED,
)
FORECAST: Final = Table(
    "forecast",
    "RSVPs of the next week",
    ("week",),
    (
        Column("week", Kind.DAY, "The Monday it begins with"),
        _text("model", "What is shown: the best of the past, or the naive one if none beats it"),
        _number("value", "Expected RSVPs"),
        _number("low", "Lower end of an 80 % interval"),
        _number("high", "Upper end of an 80 % interval"),
        _number("error", "Its mean absolute percentage error one week ahead"),
        _number("naive", "What the mean of the last four weeks says"),
        _number("naive_error", "The same error of that"),
        _count("weeks", "Weeks the errors are measured on"),
    ),
    seen=Seen.PUBLISHED,
)
EVENT_FORECAST: Final = Table(
    "event_forecast",
    "How full coming events will be, where ten members say yes by now",
    ("event_id",),
    (
        Column("event_id", Kind.ID, "The event"),
        _count("group_id", "Its group"),
        Column("event_time", Kind.TIME, "When it begins"),
        _count("rsvp_limit", "How many may come; nothing: any number"),
        _text("model", "What is shown: the best of the past, or the naive one if none beats it for sure"),
        _count("value", "Expected yes when it begins"),
        _count("low", "Lower end of an 80 % interval"),
        _count("high", "Upper end of an 80 % interval"),
        _number("full", "The chance that it reaches its limit; nothing without one"),
        _count("naive", "What the mean of the group's last four events says"),
        _number("error", "By how many yes the shown one was off over past events, on average"),
        _number("naive_error", "The same error of the naive one"),
        _count("judges", "Past events the errors are measured on"),
    ),
    seen=Seen.PUBLISHED,
)
MODEL_CARD: Final = Table(
    "model_card",
    "How good the predictions are, beside simpler ones",
    ("task", "model", "metric"),
    (
        _text("task", "What is predicted"),
        _text("model", "The predictor; model: the one that is used"),
        _text("metric", "NDCG@10 or recall@10, the mean absolute error, or a difference of one of them"),
        _number("value", "The mean over members, or over events"),
        _number("low", "Lower end of its 95 % interval"),
        _number("high", "Upper end of its 95 % interval"),
        _count("judges", "Members, or events, it is measured on"),
        _count("members", "Members, or past events, in the data"),
        _count("items", "Items, or groups, in the data"),
        _number("coverage", "Share of items recommended to somebody; nothing for a forecast"),
        _text("split", "What was hidden"),
        Column("shown", Kind.FLAG, "Whether it beats popularity, or the naive forecast, for sure, and so is shown"),
        _text("data", "What it was learned from"),
        Column("until", Kind.TIME, "The newest record"),
    ),
    seen=Seen.PUBLISHED,
)
LEARNED: Final = (PREDICTED_TOPICS, PREDICTED_GROUPS, INTERESTS, NEWCOMERS, LEADS_TO, LOOKALIKES, COMMUNITIES)
"""Made when the models are learned anew (``predicting.learning``); the others are of each build."""
PREDICTED: Final = (*LEARNED, FORECAST, EVENT_FORECAST, MODEL_CARD)
TASKS: Final = ("topics of a member", "groups of a member")
"""Of the model card: those of what is learned."""
