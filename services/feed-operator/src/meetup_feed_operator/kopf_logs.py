"""kopf's log lines, brought to our terms: ERROR is what a person must look at, and a line holds only what it is about.

kopf says that its watches ended once a watch and more, and each time as an ERROR; ``__main__`` says it once, with the
severity that it has, and sets them up anew. Of each event, kopf says that the handler succeeded.
"""

import logging
from typing import Final

_TELL_OF_WATCHES: Final = ("kopf._core.reactor.orchestration", "kopf._core.reactor.running")
_NOT_FOR_A_LINE: Final = ("settings", "k8s_skip")
"""What kopf gives each line as ``extra``: all its settings, and a mark for its own posting of events."""


def tame() -> None:
    """For the whole process; after ``logs.configure``."""
    objects = logging.getLogger("kopf.objects")
    objects.setLevel(logging.WARNING)
    objects.addFilter(_without_what_no_line_is_about)
    for name in _TELL_OF_WATCHES:
        logging.getLogger(name).addFilter(_as_warning)
    logging.getLogger("asyncio").addFilter(_ends_of_kopfs_tasks_as_warning)


def _without_what_no_line_is_about(record: logging.LogRecord) -> bool:
    for name in _NOT_FOR_A_LINE:
        vars(record).pop(name, None)
    return True


def _as_warning(record: logging.LogRecord) -> bool:
    if record.levelno == logging.ERROR:
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    return True


def _ends_of_kopfs_tasks_as_warning(record: logging.LogRecord) -> bool:
    """When watches end by an error, kopf leaves tasks whose error nobody asks for; asyncio tells of each."""
    error = record.exc_info[1] if record.exc_info else None
    return _as_warning(record) if type(error).__module__.startswith("kopf.") else True
