"""Parts that records share (a group, a venue): each distinct text of one is read once, and has a number. No I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from meetup_insight.loading.record_shape import part_shape
from meetup_insight.loading.values import Unreadable, at, coerced
from meetup_insight.schema import Column, Part, Table
from meetup_insight.schema.feeds import TOPICS_SEEN
from meetup_insight.warehouse.arrow_rows import arrow

_MOST_PARTS: Final = 50_000
"""Descriptions known by their bytes, about 100 MB with topics: as many groups as are active in a week."""
NOTHING: Final = 0
"""The number of no part."""

Topic = tuple[str, str | None]
Facts = tuple[Any, ...]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SeenParts:
    """What some records say of one kind of part: facts, and pairs of group and topic, each once, with its times."""

    facts: pa.Table
    topics: pa.Table


class PartReader:
    """Reads one kind of part."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._shape = part_shape(part)
        self._columns = part.table.columns[: len(part.paths)]
        facts = Table(part.table.name, "", (), self._columns)
        self._nothing: Facts = (None,) * len(self._columns)
        self._known: dict[bytes, int] = {}
        self._described = _Described(facts)
        self.start()

    def start(self) -> None:
        """Begin a batch: what is known is forgotten here if it is much, while no number is in use."""
        if len(self._described) >= _MOST_PARTS or not self._known:
            self._described = _Described(self._described.table)
            self._described.add(self._nothing, ())
            self._known = {b"null": NOTHING}

    @property
    def is_full(self) -> bool:
        """Whether the batch should end."""
        return len(self._described) >= _MOST_PARTS

    def numbers(self, raws: Sequence[Any]) -> list[int | None]:
        """The number of each part; ``None`` for one that must be read slowly."""
        known = self._known
        texts = list(map(bytes, raws))
        found = list(map(known.get, texts))
        if None in found:
            for where, number in enumerate(found):
                if number is None:
                    found[where] = self._read(texts[where])
        return found

    def slowly(self, value: Any, faults: list[str]) -> int:
        """The number of a part that is not as expected; says which columns are lost."""
        if value is None:
            return NOTHING
        if not isinstance(value, dict):
            faults.append(self._columns[0].name)
            return NOTHING
        facts = tuple(
            column_value(column, at(value, path), faults)
            for column, path in zip(self._columns, self.part.paths, strict=True)
        )
        return NOTHING if facts[0] is None else self._described.add(facts, self._topics(value, faults))

    def ids(self, numbers: Numbers) -> pa.Array:
        """The id of each part, in the type of its column."""
        return self._described.facts().column(0).take(pa.array(numbers)).combine_chunks()

    def seen(self, numbers: Numbers, mtimes: Numbers) -> SeenParts:
        """What was seen of the numbered parts at these times."""
        which, place = np.unique(numbers, return_inverse=True)
        first = np.full(len(which), np.iinfo(np.int64).max)
        last = np.full(len(which), -1)
        np.minimum.at(first, place, mtimes)
        np.maximum.at(last, place, mtimes)
        some = which != NOTHING
        return self._described.seen(self.part.table, which[some], first[some], last[some])

    def _read(self, text: bytes) -> int | None:
        number = self._known.get(text)
        if number is not None:
            return number
        values = self._shape.read(text)
        width = len(self._columns)
        if values is None:
            return None
        topics = values[width] if len(values) > width else None
        if any(not topic.key for topic in topics or ()):
            return None
        named = {topic.key: topic.name for topic in topics or ()}
        found = NOTHING if values[0] is None else self._described.add(values[:width], tuple(named.items()))
        self._known[text] = found
        return found

    def _topics(self, value: dict[str, Any], faults: list[str]) -> tuple[Topic, ...]:
        if self.part.topics is None:
            return ()
        path, key, name = self.part.topics
        return topics_of(at(value, path), key, name, faults)


class _Described:
    """Facts and topics by number; as Python values until they are asked for, then as arrays."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._facts: list[Facts] = []
        self._topics: list[tuple[Topic, ...]] = []
        self._facts_done: list[pa.Table] = []
        self._topics_done: list[pa.Table] = []
        self._ends: list[int] = [0]
        """Where the topics of each number end; those of number n begin at the n-th."""

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, facts: Facts, topics: tuple[Topic, ...]) -> int:
        self._facts.append(facts)
        self._topics.append(topics)
        self._ends.append(self._ends[-1] + len(topics))
        return len(self) - 1

    def facts(self) -> pa.Table:
        self._freeze()
        return pa.concat_tables(self._facts_done)

    def seen(self, table: Table, which: Numbers, first: Numbers, last: Numbers) -> SeenParts:
        facts = self.facts().take(pa.array(which))
        ends = np.array(self._ends)
        starts, counts = ends[which], ends[which + 1] - ends[which]
        places = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        topics = pa.concat_tables(self._topics_done).take(pa.array(places))
        group = facts.column(0).take(pa.array(np.repeat(np.arange(len(which)), counts)))
        pairs = [group, *topics.columns, *_times(np.repeat(first, counts), np.repeat(last, counts))]
        described = pa.Table.from_arrays([*facts.columns, *_times(first, last)], schema=table.arrow)
        return SeenParts(
            _once(described, self.table.names),
            _once(pa.Table.from_arrays(pairs, schema=TOPICS_SEEN.arrow), TOPICS_SEEN.key),
        )

    def _freeze(self) -> None:
        if self._facts:
            self._facts_done.append(arrow(self.table, self._facts))
            keys = pa.array([key for topics in self._topics for key, _ in topics], pa.string())
            names = pa.array([name for topics in self._topics for _, name in topics], pa.string())
            self._topics_done.append(pa.table({"topic": keys, "name": names}))
            self._facts, self._topics = [], []


def _once(found: pa.Table, key: Sequence[str]) -> pa.Table:
    """Different texts may say the same."""
    kept = {name: "min" if name == "first_seen" else "max" for name in found.column_names if name not in key}
    if not found.num_rows:
        return found
    merged = found.group_by(list(key)).aggregate(list(kept.items()))
    names = [f"{name}_{kept[name]}" if name in kept else name for name in found.column_names]
    return merged.select(names).rename_columns(found.column_names).cast(found.schema)


def _times(*milliseconds: Numbers) -> Iterator[pa.Array]:
    return (pa.array(each).cast(pa.timestamp("ms")).cast(pa.timestamp("us")) for each in milliseconds)


def topics_of(found: object, key: str, name: str, faults: list[str]) -> tuple[Topic, ...]:
    """Topics as a list of objects holds them; what is none is a fault."""
    if found is None:
        return ()
    topics: dict[str, str | None] = {}
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, dict) and isinstance(each.get(key), str) and each[key]:
            label = each.get(name)
            topics[each[key]] = label if isinstance(label, str) else None
        else:
            faults.append("topics")
    return tuple(topics.items())


def column_value(column: Column, value: Any, faults: list[str]) -> Any:
    """The value as the column holds it; nothing, and a fault, if it cannot."""
    try:
        return coerced(column.kind, value)
    except Unreadable:
        faults.append(column.name)
        return None
