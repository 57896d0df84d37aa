"""How many root fields go into one request: more while it goes well, half of them when it does not. Pure."""

from dataclasses import dataclass
from typing import Final

FIRST: Final = 5
MOST: Final = 20
"""An answer of 20 groups with their events is some hundred kilobytes; more would make one failure dearer."""


@dataclass(slots=True)
class BatchSize:
    """Additive increase, multiplicative decrease."""

    size: int = FIRST

    def succeeded(self, roots: int) -> None:
        """A full batch was answered whole."""
        if roots >= self.size:
            self.size = min(MOST, self.size + 1)

    def failed(self) -> None:
        """A batch was not answered, or only in part."""
        self.size = max(1, self.size // 2)
