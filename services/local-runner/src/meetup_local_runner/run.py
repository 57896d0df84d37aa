"""One run: start in order, watch, stop in order, sum up."""

import contextlib
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from meetupkit.settings import EXIT_CODE
from pydantic import SecretStr

from meetup_local_runner import signals
from meetup_local_runner.alerts import Alerts
from meetup_local_runner.board import Board, missing
from meetup_local_runner.data_folder import DataFolderRefused, prepared
from meetup_local_runner.monitoring import Monitoring, MonitoringAbsent, found
from meetup_local_runner.pipeline import STOP_SECONDS, ChildFailed, ChildRefused, Pipeline
from meetup_local_runner.plan import Keys, plan
from meetup_local_runner.screen import Screen
from meetup_local_runner.settings import Options

START_SECONDS: Final = 120.0
"""Seven interpreters start in a few seconds; a cold disk or a machine that does much else needs longer."""
_STARTING_TICK_SECONDS: Final = 0.1
_TICK_SECONDS: Final = 1.0
"""How often the processes are asked: thirteen small answers over loopback."""
_LAST_LOOK_SECONDS: Final = 0.5
"""For last figures, before the stop; processes that do not answer take a second each, and a person waits."""
_FAILED: Final = 1


def run(options: Options, screen: Screen, environ: Mapping[str, str]) -> int:
    """The exit code: 2 for wrong settings, 1 if a process failed or, with ``--seconds``, something did not arrive."""
    try:
        with signals.blocked(), prepared(options):
            return _run(options, screen, environ)
    except DataFolderRefused as error:
        _say(str(error))
        return EXIT_CODE


def _run(options: Options, screen: Screen, environ: Mapping[str, str]) -> int:
    keys = Keys(api=SecretStr(secrets.token_hex(16)), alerts=SecretStr(secrets.token_hex(16)))
    pipeline = Pipeline(plan(options, keys, _monitoring(options)), logs=options.logs, environ=environ)
    watch = Watch(pipeline, screen, keys.alerts)
    failure: ChildFailed | None = None
    screen.open((("objects", options.objects), ("documents", options.documents), ("logs", str(options.logs))))
    try:
        if watch.until_ready():
            watch.until(options.seconds)
    except ChildFailed as error:
        failure = error
    finally:
        watch.until_stopped()
    return _sum_up(watch, failure, options, screen, pipeline.killed)


def _monitoring(options: Options) -> Monitoring | None:
    """What was asked for, as far as it is there: a pipeline without it is better than none."""
    if not options.monitoring:
        return None
    try:
        return found(Path.cwd(), options.data / "monitoring")
    except MonitoringAbsent as error:
        _say(f"without monitoring, {error}")
        return None


def _sum_up(watch: "Watch", failure: ChildFailed | None, options: Options, screen: Screen, killed: list[str]) -> int:
    board = watch.board()
    gaps = missing(board) if watch.was_ready else []
    screen.close(board if watch.was_ready else None, gaps)
    for name in killed:
        _say(f"{name} was killed before it had stopped; what it had not stored is read again by the next run")
    if failure:
        _say(str(failure))
        return EXIT_CODE if isinstance(failure, ChildRefused) else _FAILED
    if options.seconds is None or screen.reader_left:
        return 0
    return _FAILED if gaps or not watch.was_ready else 0


class Watch:
    """Leads the pipeline through its phases and shows it meanwhile."""

    def __init__(
        self, pipeline: Pipeline, screen: Screen, alert_token: SecretStr, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pipeline = pipeline
        self._alerts = Alerts()
        self._alert_token = alert_token
        self._screen = screen
        self._clock = clock
        self._ready_at: float | None = None
        self._ran_seconds: float | None = None

    @property
    def was_ready(self) -> bool:
        """Whether everything was ready once."""
        return self._ready_at is not None

    def board(self, phase: str | None = None) -> Board:
        """What is to be shown now."""
        return self._pipeline.board(phase, self._seconds())

    def until_ready(self) -> bool:
        """Start everything; false if a signal came first. Raises ``ChildFailed``."""
        until = self._clock() + START_SECONDS
        while True:
            self._pipeline.start_next()
            if self._pipeline.all_ready:
                break
            if self._clock() > until:
                raise ChildFailed(self._pipeline.why_late(START_SECONDS))
            self._screen.show(self.board("starting"))
            if self._screen.reader_left or signals.stop_asked(within=_STARTING_TICK_SECONDS):
                return False
        self._ready_at = self._clock()
        self._screen.ready(self._pipeline.statuses())
        return True

    def until(self, seconds: float | None) -> None:
        """Watch for so many seconds, or until a signal. Raises ``ChildRefused``."""
        until = self._clock() + seconds if seconds is not None else float("inf")
        next_ask = self._clock()
        stop = False
        while not stop and self._clock() < until:
            self._pipeline.tend()
            if self._clock() >= next_ask:
                self._pipeline.ask()
                next_ask = self._clock() + _TICK_SECONDS
            self._alerts.observe(self._pipeline.statuses())
            self._alerts.deliver(lambda alert: self._pipeline.send_alert(alert, self._alert_token))
            self._screen.show(self.board())
            stop = self._screen.reader_left or signals.stop_asked(within=min(next_ask, until) - self._clock())

    def until_stopped(self) -> None:
        """Stop everything in order; another request to stop while it lasts ends it at once."""
        began, self._ran_seconds = self._clock(), self._seconds()
        self._pipeline.ask_figures(within=_LAST_LOOK_SECONDS)

        def wait(seconds: float) -> None:
            if signals.stop_asked(within=seconds):
                self._pipeline.kill()

        left = STOP_SECONDS - (self._clock() - began)
        self._pipeline.stop(lambda phase: self._screen.show(self.board(phase)), wait, left)

    def _seconds(self) -> float:
        if self._ran_seconds is not None:
            return self._ran_seconds
        return self._clock() - self._ready_at if self._ready_at is not None else 0.0


def _say(text: str) -> None:
    if sys.stderr:  # None if it was closed from the start
        with contextlib.suppress(OSError):
            sys.stderr.write(f"meetup-local-runner: {text}\n")
