"""Mount namespaces, in which a test gives one process a file system of its own."""

import shutil
import subprocess
from functools import cache
from typing import Final

IN_NAMESPACE: Final = ("unshare", "--mount", "--map-root-user")
"""What a command begins with that may mount, and whose mounts nobody else sees."""
ABSENT: Final = "part absent: this user may not mount in a namespace of its own (unshare --mount --map-root-user)"
"""The reason of a skip."""


@cache
def can_mount() -> bool:
    """Whether this user may."""
    unshare = shutil.which(IN_NAMESPACE[0])
    if unshare is None:
        return False
    tried = [unshare, *IN_NAMESPACE[1:], "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0  # noqa: S603  (our own words)
