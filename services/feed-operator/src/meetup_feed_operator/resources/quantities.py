"""Kubernetes' quantities of CPU and memory, as far as a feed may write them. No I/O."""

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

QUANTITY_PATTERN: Final = r"^[0-9]{1,9}(\.[0-9]{1,3})?(m|k|M|G|Ki|Mi|Gi)?$"
"""The CRD says the same."""
_UNITS: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
}
_LARGEST: Final = 2**53
"""Whole numbers beyond are no longer exact in JSON."""
_MOST_CORES: Final = 10_000
"""No node has so many."""
LEAST_MEMORY: Final = "32Mi"
"""No stream starts with less; and a limit of 0 is none to Kubernetes."""


def amount(quantity: str | int) -> Decimal:
    """In cores or bytes; raises ``ValueError`` if it is no quantity."""
    if isinstance(quantity, int) and 0 <= quantity <= _LARGEST:
        return Decimal(quantity)
    text = str(quantity)
    if not re.fullmatch(QUANTITY_PATTERN, text):
        raise ValueError("must be a quantity such as 100m, 0.5, 128Mi or 1Gi")
    number = re.match(r"[0-9.]+", text)
    assert number  # noqa: S101  (the pattern begins with digits)
    return Decimal(number[0]) * _UNITS[text[number.end() :]]


def _is_cpu(quantity: str | int) -> str | int:
    if not 0 < amount(quantity) < _MOST_CORES:
        raise ValueError(f"must be more than 0 and less than {_MOST_CORES} cores")
    return quantity


def _is_memory(quantity: str | int) -> str | int:
    if amount(quantity) < amount(LEAST_MEMORY):
        raise ValueError(f"must be at least {LEAST_MEMORY}")
    return quantity


def _is_no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a quantity such as 100m, 0.5, 128Mi or 1Gi")  # noqa: TRY004  (pydantic's way)
    return value


Cpu = Annotated[str | int, BeforeValidator(_is_no_flag), AfterValidator(_is_cpu)]
Memory = Annotated[str | int, BeforeValidator(_is_no_flag), AfterValidator(_is_memory)]
