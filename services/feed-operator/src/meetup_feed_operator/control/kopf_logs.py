"""kopf's log lines, brought to our terms: ERROR means that operator action is required, and a line holds its subject.

kopf says several times that its watches ended, and each time as an ERROR; ``Watch`` says it once, with the severity
that it has, and sets them up again. Lines are recognised at the handlers by the name of the package, ``kopf``, so that
it does not matter how kopf names its own loggers.
"""

import logging
from typing import Final

_PACKAGE: Final = "kopf"
_NOT_FOR_A_LINE: Final = ("settings", "k8s_skip")
"""What kopf gives each line as ``extra``: all its settings, and a mark for its own posting of events."""


def configure() -> None:
    """For the whole process; after ``logs.configure``."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_in_our_terms)
    if not logging.getLogger().isEnabledFor(logging.DEBUG):  # a line for each event would be made to be dropped
        logging.getLogger(_PACKAGE).setLevel(logging.CRITICAL)


def _in_our_terms(record: logging.LogRecord) -> bool:
    """DEBUG, whatever it is to kopf: ``Watch`` logs what goes wrong."""
    if record.name.partition(".")[0] != _PACKAGE:
        return True
    for name in _NOT_FOR_A_LINE:
        vars(record).pop(name, None)
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    return logging.getLogger().isEnabledFor(logging.DEBUG)
