"""How large a whole number may be."""

from typing import Final

INT64: Final = 1 << 63
"""Signed numbers of 64 bits, which stores and tables hold, go from ``-INT64`` to ``INT64 - 1``."""
