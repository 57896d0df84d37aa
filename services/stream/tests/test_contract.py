"""What the stream expects of its upstream, of the simulator; the gateway's tests are the same ones."""

import pytest
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.simulator_process import SimulatorProcess
from meetup_testkit.upstream_contract import StartUpstream, StreamContract


class TestTheSimulator(StreamContract):
    @pytest.fixture
    def start_upstream(self, simulator: StartSimulator) -> StartUpstream:
        def start(*, records: int, rate: int, venues: int = 1) -> SimulatorProcess:
            return simulator("--rate", str(rate), "--count", str(records), "--venues", str(max(1, venues)))

        return start
