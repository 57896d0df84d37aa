"""``meetup-gateway``: wiring only. Settings -> service -> HTTP -> wait for a signal -> stop; and two commands."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from meetupkit import logs
from meetupkit.errors import MeetupError
from meetupkit.http.client import HttpClient
from meetupkit.http.listening import exit_unless_listening
from meetupkit.http.pages import PageApp
from meetupkit.http.server import HttpServer
from meetupkit.ops_pages import OpsPages
from meetupkit.progress import Progress
from meetupkit.settings import SettingsError, exit_with
from meetupkit.shutdown import Shutdown

from meetup_gateway import __version__
from meetup_gateway.calibration import Measured, calibrate
from meetup_gateway.follow import Follow
from meetup_gateway.follow_file import read_follow
from meetup_gateway.forgetting import forget
from meetup_gateway.metrics import Metrics
from meetup_gateway.parts import client_of, credentials_of, people_of
from meetup_gateway.service import Service
from meetup_gateway.settings import GatewaySettings
from meetup_gateway.source.api import Api
from meetup_gateway.source.budget import Budget, Price
from meetup_gateway.source.watch import ApiWatch
from meetup_gateway.storage.database import open_database
from meetup_gateway.storage.meta import Meta

log = logging.getLogger("meetup_gateway")

_IDLE_SECONDS: Final = 30
_DRAIN_SECONDS: Final = 3
_STOP_SECONDS: Final = 6.0


def main() -> None:
    """The command."""
    arguments = _arguments(sys.argv[1:])
    settings = GatewaySettings.or_exit(os.environ)
    logs.configure("meetup-gateway", version=__version__, level=settings.log_level)
    follow = _follow(settings)
    match arguments.command:
        case "calibrate":
            _calibrate(settings)
        case "forget":
            _forget(settings, arguments.member)
        case _:
            with Shutdown() as shutdown:
                in_order = _serve(settings, follow, shutdown)
            sys.exit(not in_order)


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="meetup-gateway", description="Today's Meetup API as the old one.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("calibrate", help="measure once what a query costs; uses up the points of some minutes")
    erase = commands.add_parser("forget", help="erase a member, for good")
    erase.add_argument("member", type=int, help="the member's id")
    return parser.parse_args(given)


def _follow(settings: GatewaySettings) -> Follow:
    try:
        follow = read_follow(settings.follow)
    except SettingsError as error:
        exit_with("wrong settings:\n" + "\n".join(f"  {mistake}" for mistake in error.mistakes))
    if follow.asks_the_api and not settings.has_credentials:
        exit_with("wrong settings:\n  GATEWAY_SIGNING_KEY or GATEWAY_REFRESH_TOKEN: required, to ask for groups")
    return follow


def _serve(settings: GatewaySettings, follow: Follow, shutdown: Shutdown) -> bool:
    progress = Progress()
    try:
        service = Service(settings, follow, progress=progress, stopping=shutdown.requested)
    except MeetupError as error:
        exit_with(f"GATEWAY_STORE: {error}")
    pages = OpsPages(service.metrics.registry, progress, service.not_ready, service.caveat)
    with exit_unless_listening(settings.host, settings.port):
        server = HttpServer(
            PageApp(pages, service.app()),
            host=settings.host,
            port=settings.port,
            connections=settings.connections,
            idle_seconds=_IDLE_SECONDS,
            drain_seconds=_DRAIN_SECONDS,
            on_failure=shutdown.request,
        )
    server.start()
    service.start()
    told = {"event": "listening", "host": settings.host, "port": server.port}
    log.info("listening on %s port %d", settings.host, server.port, extra=told)
    shutdown.wait()
    log.info("stopping", extra={"event": "stopping"})
    server.stop()
    service.wakeup.stop()
    server.join(_DRAIN_SECONDS + 1)
    service.stop(_STOP_SECONDS)
    log.info("stopped", extra={"event": "stopped"})
    return not server.failed


def _calibrate(settings: GatewaySettings) -> None:
    with closing(open_database(settings.path)) as file, closing(client_of(settings)) as client:
        try:
            price, one, many = _measure(settings, Meta(file), client)
        except MeetupError as error:
            exit_with(f"cannot calibrate: {error}")
    sys.stdout.write(f"{_in_words(one)}\n{_in_words(many)}\n")
    sys.stdout.write(
        f"{price.per_request:.3g} points a request, {price.per_root:.3g} points for each root field; kept\n"
    )


def _measure(settings: GatewaySettings, meta: Meta, client: HttpClient) -> tuple[Price, Measured, Measured]:
    credentials = credentials_of(settings, client, meta)
    watch = ApiWatch(Metrics(), removed=meta.removed_fields(), keep_removed=meta.keep_removed)

    def api(budget: Budget) -> Api:
        return Api(
            url=settings.api_url,
            exchange=client.send,
            credentials=credentials,
            budget=budget,
            watch=watch,
            now=time.time,
            seconds=settings.call_seconds,
            fixed_batch=True,
        )

    price, one, many = calibrate(api, settings.points_per_minute, now=time.time, rest=time.sleep)
    budget = Budget(meta.budget(price), points=settings.points_per_minute)
    budget.measured(price, time.time())
    meta.keep_budget(budget.state)
    return price, one, many


def _in_words(measured: Measured) -> str:
    end = "then refused" if measured.refused else "none refused within the window"
    return f"{measured.answered} requests with {measured.roots} root fields each were answered, {end}"


def _forget(settings: GatewaySettings, member: int) -> None:
    with closing(open_database(settings.path)) as file:
        try:
            erased = forget(file, people_of(settings, Meta(file)), member)
        except MeetupError as error:
            exit_with(f"not forgotten: {error}")
    sys.stdout.write(f"erased {erased} rows; the next poll does not bring them back\n")


if __name__ == "__main__":
    main()
