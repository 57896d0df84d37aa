"""The root of the repository is importable: the tests' own helpers are imported from there."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3]))
