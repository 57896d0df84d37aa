"""Insight's own errors, below the tree of ``meetupkit.errors``.

::

    PermanentError
    ├── UnreadableFile      a file of the person's that is missing, no CSV, or without its columns
    └── WarehouseRefused    the warehouse is another key's, another version's, or not to be opened
    TransientError
    └── WarehouseUnavailable  another process writes to it now
"""

from meetupkit.errors import PermanentError, TransientError


class UnreadableFile(PermanentError):
    """A file that a person named cannot be read or written."""


class WarehouseRefused(PermanentError):
    """The warehouse cannot be used with these settings."""


class WarehouseUnavailable(TransientError):
    """Another process holds the warehouse."""
