"""Builds one after another, each in a process of its own: the page stays quick, and a build's memory is given back."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final

from meetupkit.foreign_text import printable
from meetupkit.progress import Progress

from meetup_insight.publishing.bundle import Manifest, current
from meetup_insight.serving.metrics import Metrics
from meetup_insight.settings import InsightSettings

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0
"""How often it is seen to that the build goes on."""
_LATE_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0
"""What a build gets to end at a stop; then it is killed, which costs nothing that is loaded."""
_RETRY_SECONDS: Final = 60.0
"""After a failure, unless builds follow faster anyway."""


class Schedule:
    """Runs builds until it is stopped."""

    def __init__(
        self,
        settings: InsightSettings,
        metrics: Metrics,
        progress: Progress,
        stopping: threading.Event,
        *,
        on_published: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_published = on_published
        self._settings = settings
        self._metrics = metrics
        metrics.rebuild.set(settings.rebuild_seconds)
        self._progress = progress
        self._stopping = stopping
        self._thread = threading.Thread(target=self._run, name="schedule")
        self.failure = ""
        """Why the last build failed, in a sentence; empty if it did not."""

    def start(self) -> None:
        """The first build begins at once; what was published before is shown meanwhile."""
        self._note_published()
        self._thread.start()

    def join(self) -> None:
        """After ``stopping``: a build under way is ended."""
        self._thread.join()

    def why_none(self) -> str:
        """Why nothing is published."""
        return f"the last build failed: {self.failure}" if self.failure else "the first build is under way."

    def _run(self) -> None:
        while not self._stopping.is_set():
            failure = self._build()
            if self._stopping.is_set():
                return
            self.failure = failure
            self._metrics.last_failed.set(bool(failure))
            self._metrics.builds.labels("failed" if failure else "published").inc()
            if failure:
                log.error("the build failed: %s", failure, extra={"event": "build_failed"})
            self._note_published()
            pause = self._settings.rebuild_seconds
            pause = min(pause, _RETRY_SECONDS) if failure else pause
            self._progress.moving("schedule", pause + _LATE_SECONDS)
            self._stopping.wait(pause)

    def _build(self) -> str:
        """Why it failed; empty if it did not."""
        command = [sys.executable, "-m", "meetup_insight", "build"]
        with subprocess.Popen(  # noqa: S603  (this program itself)
            command, stderr=subprocess.PIPE, env=dict(os.environ), text=True, errors="replace"
        ) as build:
            lines = _Tail(build)
            while build.poll() is None:
                self._progress.moving("schedule", _LATE_SECONDS)
                if self._stopping.wait(_LOOK_SECONDS):
                    build.terminate()
                    try:
                        build.wait(_STOP_SECONDS)
                    except subprocess.TimeoutExpired:
                        build.kill()
        lines.join()
        return "" if build.returncode == 0 else lines.last or f"exit code {build.returncode}"

    def _note_published(self) -> None:
        folder = current(self._settings.published_folder)
        manifest = Manifest.read(folder) if folder else None
        if manifest:
            self._metrics.published(manifest)
            self._on_published()


class _Tail:
    """Passes on what a build logs, and keeps its last line."""

    def __init__(self, build: subprocess.Popen[str]) -> None:
        self._lines = build.stderr
        self.last = ""
        self._thread = threading.Thread(target=self._read, name="build-log", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """When the build has ended."""
        self._thread.join()

    def _read(self) -> None:
        for line in self._lines or ():
            sys.stderr.write(line)
            self.last = printable(line) or self.last
