"""``meetup-gateway calibrate`` prints and keeps what a query costs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from meetup_gateway.calibration import calibrate
from meetup_gateway.source.api import Api
from meetup_gateway.source.budget import Budget, Price
from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.meta import Meta
from meetup_simulator.graphql_api.api import GRAPHQL_PATH
from meetup_simulator.graphql_api.dials import PRICES
from meetup_simulator.graphql_api.living_world import Size
from meetup_testkit.graphql_process import GraphqlProcess

from services.gateway.tests.gateway_process import environ_of
from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all

SAID = re.compile(r"([\d.]+) points a request, ([\d.]+) points for each root field; kept\n")


def measured(tmp_path: Path, meetup: Meetup) -> Price:
    gateway = Gateway(meetup, tmp_path / "g.db", follow_all(meetup))

    def api(budget: Budget) -> Api:
        return Api(
            url=GRAPHQL_PATH,
            exchange=meetup,
            credentials=gateway.credentials,
            budget=budget,
            watch=gateway.watch,
            now=meetup.now,
            seconds=30,
            fixed_batch=True,
        )

    def rest(seconds: float) -> None:
        meetup.seconds += seconds

    try:
        return calibrate(api, 500, now=meetup.now, rest=rest)[0]
    finally:
        gateway.close()


@pytest.mark.parametrize("rolling", [True, False], ids=["rolling", "fixed"])
@pytest.mark.parametrize(("price", "expected"), PRICES.items())
def test_each_price_is_measured(tmp_path: Path, price: str, expected: tuple[float, float], *, rolling: bool) -> None:
    meetup = Meetup(1, Size(groups=1), latency=0.02, price=price, rolling=rolling)
    found = measured(tmp_path, meetup)
    assert (found.per_request, found.per_root) == pytest.approx(expected, abs=0.05)


def test_calls_that_failed_make_nothing_cheaper(tmp_path: Path) -> None:
    meetup = Meetup(1, Size(groups=1), latency=0.02, price="H3", http="504", http_share=0.3)
    found = measured(tmp_path, meetup)
    assert found.of(1) == pytest.approx(5, abs=0.5)


@pytest.mark.faults
@pytest.mark.timeout(300)
def test_the_command_prints_the_price_and_keeps_it(tmp_path: Path) -> None:
    """All four at once: each waits a real window of a minute between its two sums."""
    started = []
    try:
        for price in PRICES:
            (folder := tmp_path / price).mkdir()
            meetup = GraphqlProcess(folder, "--groups", "1")
            started.append(meetup)
            meetup.turn(price=price)
        commands = {price: command(tmp_path / price, each) for price, each in zip(PRICES, started, strict=True)}
        for price, process in commands.items():
            out, _ = process.communicate(timeout=240)
            assert process.returncode == 0, out
            said = SAID.search(out)
            assert said is not None, out
            assert (float(said[1]), float(said[2])) == pytest.approx(PRICES[price], abs=0.1), out
            assert kept(tmp_path / price).of(10) == pytest.approx(Price(*PRICES[price]).of(10), rel=0.05)
    finally:
        for meetup in started:
            meetup.stop()


def command(folder: Path, meetup: GraphqlProcess) -> "subprocess.Popen[str]":
    environ = {"PATH": os.environ["PATH"], **environ_of(folder, meetup)}
    return subprocess.Popen(
        [sys.executable, "-m", "meetup_gateway", "calibrate"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kept(folder: Path) -> Price:
    file = open_database(folder / "gateway.db")
    try:
        return Meta(file).budget(Price(0, 99)).price
    finally:
        file.close()
