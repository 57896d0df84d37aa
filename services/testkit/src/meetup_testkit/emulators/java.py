"""How Java runs Google's emulators."""

from typing import Final

SHORT_LIFE: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""They live for seconds: a compiler and a collector for days of work took half of the processor time of a start and
some thousand calls (9.7 s, 5.2 s without)."""
