"""What the enricher expects of its upstream, of the simulator; the gateway's tests are the same ones."""

import pytest
from meetup_testkit.simulator_plugin import StartSimulator
from meetup_testkit.upstream_contract import RestContract, RestUpstream

KEY = "simulated-key-0123456789abcdef"
_EVERY = 7


class TestTheSimulator(RestContract):
    @pytest.fixture
    def rest(self, simulator: StartSimulator) -> RestUpstream:
        meetup = simulator("--rate-limit", "0/1", "--unknown-every", str(_EVERY), api_key=KEY)
        ids = range(5000, 5010)
        known = tuple(number for number in ids if number % _EVERY)
        unknown = tuple(number for number in ids if not number % _EVERY)
        return RestUpstream(meetup.base_url, KEY, known, known, unknown)
