"""What goes wrong in a soak: one random thing at a time, each counted."""

import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

from meetup_testkit.pipeline import Pipeline
from meetup_testkit.service_process import ServiceProcess, until
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.tcp_proxy import TcpProxy

_OUTAGE_SECONDS: Final = (0.5, 5.0)


class Trouble:
    """A stream and an enricher, and everything that happens to them. Both reach Meetup through the proxy."""

    def __init__(
        self,
        feed: str,
        folder: Path,
        pipeline: Pipeline,
        meetup: SimulatorProcess,
        to_meetup: TcpProxy,
        dice: random.Random,
    ) -> None:
        self._folder = folder
        self._feed = feed
        self._pipeline = pipeline
        self._meetup = meetup
        self._to_meetup = to_meetup
        self._dice = dice
        self._enricher = self._start_enricher(0)
        self._enricher_port = self._enricher.port
        self._stream = self._start_stream()
        self.struck: Counter[str] = Counter()
        """What happened, and how often."""

    @property
    def services(self) -> dict[str, ServiceProcess]:
        """The processes that run now."""
        return {"stream": self._stream, "enricher": self._enricher}

    def strike(self) -> None:
        """One thing, at random; an outage is over when this returns."""
        strikes = (self._end_stream, self._end_enricher, self._outage, self._store_outage, self._misbehave)
        self._dice.choice(strikes)()

    def end(self) -> None:
        """Nothing goes wrong any more."""
        self._meetup.faults.clear()
        self._to_meetup.heal()

    def _end_stream(self) -> None:
        self._end("stream", self._stream)
        self._stream = self._start_stream()

    def _end_enricher(self) -> None:
        self._end("enricher", self._enricher)
        self._enricher = self._start_enricher(self._enricher_port)

    def _end(self, name: str, process: ServiceProcess) -> None:
        if self._dice.random() < 0.5:
            process.kill()
            self.struck[f"SIGKILL of the {name}"] += 1
        else:
            process.process.send_signal(signal.SIGTERM)
            process.process.wait(60)
            self.struck[f"SIGTERM of the {name}"] += 1

    def _outage(self) -> None:
        kind = self._dice.choice(("refuse", "hang", "stall", "reset_open"))
        getattr(self._to_meetup, kind)()
        self.struck[f"network: {kind}"] += 1
        self._wait()
        self._to_meetup.heal()

    def _store_outage(self) -> None:
        if self._dice.random() < 0.5:
            self._objects_away()
        else:
            self._documents_locked()

    def _objects_away(self) -> None:
        """The directory vanishes and comes back. Not while a stream starts: that would make a new one."""
        objects, away = self._folder / "objects", self._folder / "objects-away"
        until(lambda: self._stream.port, "the stream's start")
        objects.rename(away)
        self.struck["objects: directory gone"] += 1
        self._wait()
        away.rename(objects)

    def _documents_locked(self) -> None:
        """Somebody else holds the database: nobody can write to it."""
        with closing(sqlite3.connect(self._folder / "documents.sqlite", isolation_level=None, timeout=30)) as database:
            database.execute("BEGIN IMMEDIATE")
            self.struck["documents: locked"] += 1
            self._wait()
            database.execute("ROLLBACK")

    def _wait(self) -> None:
        time.sleep(self._dice.uniform(*_OUTAGE_SECONDS))

    def _misbehave(self) -> None:
        faults = self._meetup.faults
        stream = ("reset", "cut", "end", "duplicate", "reorder", "stall")
        rest = ("throttle", "empty", "cut", "reset", "not_json")
        if self._dice.random() < 0.6:
            kind = self._dice.choice(stream)
            where = {"feed": self._feed, "times": 1, "after": self._dice.randrange(400)}
            if kind == "stall":
                where["seconds"] = self._dice.uniform(*_OUTAGE_SECONDS)
            self.struck[f"stream: {kind}"] += 1
            getattr(faults, kind)(**where)
            return
        kind = self._dice.choice(rest)
        path = self._dice.choice(("/2/members", "/2/groups"))
        armed = getattr(faults, kind)(path=path, times=self._dice.randint(1, 3))
        self._wait()
        # Once most ids are known calls are rare: left armed, the faults of half an hour would all meet one id.
        self.struck[f"REST: {kind}"] += armed.fired
        armed.disarm()

    def _start_stream(self) -> ServiceProcess:
        url = f"http://127.0.0.1:{self._to_meetup.port}/2/{self._feed}"
        enricher = f"http://127.0.0.1:{self._enricher_port}"
        return self._pipeline.stream(self._feed, url=url, enricher=enricher, STREAM_READ_TIMEOUT_SECONDS="10")

    def _start_enricher(self, port: int) -> ServiceProcess:
        return self._pipeline.enricher(
            port=port,
            ENRICHER_API_URL=f"http://127.0.0.1:{self._to_meetup.port}",
            ENRICHER_LEASE_SECONDS="10",
            ENRICHER_CALL_SECONDS="5",
            ENRICHER_BREAKER_SECONDS="5",
        )
