"""A living Meetup whose answers are mangled on their way: any value may become any other, or be gone."""

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from meetupkit.http.client import Answer

from services.gateway.tests.gateway_world import Meetup

ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    7,
    2**63,
    10**400,
    1.5,
    1e308,
    float("nan"),
    float("-inf"),
    "",
    "0",
    "false",
    "9" * 5000,
    "1|2|3|4|5",
    "2026-11-28T18:00",
    "9999-12-31T23:59:59.999-18:00",
    "0001-01-01T00:00:00+18:00",
    "\u0000\u001b[31m\u2028\ufeff",
    "half \ud83d of a pair",
    "SOMETHING_NEW",
    [],
    [None],
    [[]],
    {},
    {"id": "5"},
    {"edges": [None, {}, {"node": None}, {"node": 5}, 5]},
)
ERRORS: Final[tuple[Any, ...]] = (
    "boom",
    {},
    [None, "boom", 5],
    [{"message": None}],
    [{"message": "x", "path": ["group"]}],
    [{"message": "x", "path": ["g0", "events", "edges", "0", "node"]}],
    [{"message": "x", "path": "g0", "extensions": []}],
    [{"message": "x", "path": [None, {}, 1.5], "extensions": {"code": ["NEW"]}}],
    [{"message": "x", "extensions": {"code": "SOMETHING_NEW", "classification": {"type": "new"}}}],
)


class Mangled(Meetup):
    """``share`` of the answers are mangled, in up to eight places; 0 and all is right again."""

    def __init__(self, seed: int, share: float, *arguments: Any, **dials: Any) -> None:
        super().__init__(seed, *arguments, **dials)
        self.share = share
        self._mangler = random.Random(seed)

    def __call__(self, method: str, url: str, *, data: bytes | Mapping[str, str] | None = None, **rest: Any) -> Answer:
        answer = super().__call__(method, url, data=data, **rest)
        if self._mangler.random() >= self.share:
            return answer
        value = json.loads(answer.body)
        for _ in range(self._mangler.randint(1, 8)):
            self._mangle(value, root=isinstance(data, bytes))
        if isinstance(data, bytes) and self._mangler.random() < 0.2:
            value["errors"] = self._mangler.choice(ERRORS)
        return replace(answer, body=json.dumps(value).encode())

    def _mangle(self, value: Any, *, root: bool) -> None:
        """One place, below the root fields: that all of one is null without an error would be a fact and no damage."""
        places = [each for each in _places(value) if not root or len(each) > 2]
        if not places:
            return
        shapes: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}  # a field of many nodes is one field
        for place in places:
            shapes.setdefault(tuple(key for key in place if isinstance(key, str)), []).append(place)
        *way, last = self._mangler.choice(self._mangler.choice(list(shapes.values())))
        for key in way:
            value = value[key]
        if isinstance(value, dict) and self._mangler.random() < 0.3:
            del value[last]
        elif isinstance(value, list) and self._mangler.random() < 0.3:
            value.insert(self._mangler.randint(0, len(value)), self._mangler.choice([None, *value]))
        else:
            value[last] = self._odd(value[last])

    def _odd(self, value: Any) -> Any:
        """Often the same in another type."""
        if isinstance(value, int | float) and self._mangler.random() < 0.5:
            return str(value)
        if isinstance(value, str) and value.isdecimal() and len(value) < 20 and self._mangler.random() < 0.5:
            return int(value)
        return self._mangler.choice(ODD)


def _places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in inner for place in ((*way, key), *_places(each, (*way, key)))]
