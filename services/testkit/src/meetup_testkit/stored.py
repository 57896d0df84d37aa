"""What a stream has stored in a directory, for tests that compare it with what was sent."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stored:
    """What lies in the directory under a feed's label."""

    directory: Path
    label: str

    def objects(self) -> dict[str, bytes]:
        """The records' objects by file name."""
        return {path.name: path.read_bytes() for path in (self.directory / self.label).glob("*.json")}

    def bodies(self) -> list[bytes]:
        """The records, sorted."""
        return sorted(self.objects().values())

    def rejected(self) -> dict[str, bytes]:
        """The quarantine, by file name."""
        return {path.name: path.read_bytes() for path in (self.directory / self.label / "_rejected").glob("*.json")}
