"""What a test can turn: prices, limits, pages, and everything that the real API was seen to do wrong."""

from dataclasses import dataclass, field, fields
from typing import Any, Final

PRICES: Final[dict[str, tuple[float, float]]] = {"H1": (1, 0), "H2": (0, 1), "H3": (0, 5), "H4": (0, 15)}
"""Points per request and per root field: nobody published the price, these four are the guesses of its users."""
HTTP_FAULTS: Final = ("", "504", "429", "empty", "html", "deprecated", "401", "cut", "redirect", "huge")


class DialError(ValueError):
    """A dial that does not exist, or does not turn that far."""


@dataclass(slots=True)
class Dials:
    """As they stand. Shares are between 0 and 1, of requests (``http_share``) or of root fields (``fail_share``)."""

    price: str = "H2"
    points: int = 500
    window_seconds: float = 60.0
    rolling: bool = True
    limit_mode: str = "error"
    """``error``: 200 with RATE_LIMITED and no data; ``partial``: what fits is answered; ``429``: the other layer."""
    page_max: int = 1000
    short_pages: bool = False
    overcount: int = 0
    cursor_format: int = 0
    stale_seconds: float = 0.0
    stale_share: float = 1.0
    fail_share: float = 0.0
    nested_fail_share: float = 0.0
    null_groups: float = 0.0
    null_events: bool = False
    empty_events: float = 0.0
    drop_events: float = 0.0
    upcoming_only: bool = False
    """A network's list leaves out what was called off, whatever statuses are asked for."""
    http: str = ""
    http_share: float = 1.0
    removed: list[str] = field(default_factory=list)
    unknown_status: bool = False
    extra_fields: bool = False
    latency_seconds: float = 0.0
    clock_skew_seconds: float = 0.0

    def turn(self, values: dict[str, Any]) -> None:
        """Turn some; raises ``DialError`` and turns none."""
        known = {each.name: type(getattr(self, each.name)) for each in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise DialError(f"{name} is none of {', '.join(known)}")
            wanted = (int, float) if known[name] is float else known[name]
            if not isinstance(value, wanted) or (known[name] is not bool and isinstance(value, bool)):
                raise DialError(f"{name} is a {known[name].__name__}")
        if values.get("price", "H1") not in PRICES or values.get("http", "") not in HTTP_FAULTS:
            raise DialError(f"price is one of {', '.join(PRICES)}; http is one of {', '.join(HTTP_FAULTS)}")
        for name, value in values.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, Any]:
        """How they stand."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
