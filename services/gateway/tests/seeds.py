"""How many simulated worlds a test tries, and which."""

import os
from typing import Final

from hypothesis import HealthCheck, settings

_ASKED: Final = os.environ.get("SEEDS")


def seeds(by_day: int) -> int:
    """So many worlds, unless ``SEEDS`` asks for others."""
    return int(_ASKED or by_day)


def worlds(by_day: int) -> settings:
    """By day the same few show that what is known stays; ``SEEDS`` searches for what nobody knows yet, in new ones."""
    return settings(
        max_examples=seeds(by_day),
        deadline=None,
        derandomize=_ASKED is None,
        suppress_health_check=list(HealthCheck),
    )
