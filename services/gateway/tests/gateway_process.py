"""``meetup-gateway`` as a process, between a stand-in for Meetup and the services that read it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from meetup_gateway.failpoints import Failpoint
from meetup_testkit.graphql_process import GraphqlProcess
from meetup_testkit.service_process import ServiceProcess

KEY = "a-shared-key"
_KILLER = Path(__file__).parents[3] / "tests" / "promises" / "kill_at_failpoint.py"


def environ_of(folder: Path, meetup: GraphqlProcess, **settings: str) -> dict[str, str]:
    """Its variables; all five groups of the stand-in's world are followed."""
    follow = folder / "follow.yaml"
    if not follow.exists():
        follow.write_text("networks: [simulated-network]\n")
    return {
        "GATEWAY_FOLLOW": str(follow),
        "GATEWAY_STORE": str(folder / "gateway.db"),
        "GATEWAY_KEY": KEY,
        "GATEWAY_CONTACT": "mailto:test@example.org",
        **meetup.client(),
        "GATEWAY_FLOOR_SECONDS": "1",
        "GATEWAY_PORT": "0",
        **{f"GATEWAY_{name.upper()}": value for name, value in settings.items()},
    }


@contextmanager
def running(folder: Path, environ: Mapping[str, str], *, name: str = "gateway") -> Iterator[ServiceProcess]:
    """The process; its log is in the folder."""
    with ServiceProcess("meetup_gateway", environ, folder / f"{name}.log") as process:
        yield process


@contextmanager
def killed_at(failpoint: Failpoint, times: int, folder: Path, environ: Mapping[str, str]) -> Iterator[ServiceProcess]:
    """The process; it is killed when it is there that many times, and dead after this."""
    proof = folder / "proof"
    command = [str(_KILLER), failpoint.value, str(times), str(proof), "meetup_gateway"]
    with ServiceProcess("meetup_gateway", environ, folder / "killed.log", command=command) as process:
        yield process
        process.process.wait(60)
    assert proof.read_text() == f"{failpoint.value} {times}"
