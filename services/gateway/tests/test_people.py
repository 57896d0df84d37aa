"""What of people is kept: as the setting says, and nothing after they are forgotten."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from meetup_gateway.forgetting import forget
from meetup_gateway.polling.context import Options
from meetup_gateway.privacy.people import Members
from meetup_gateway.storage.erasure import purge_members
from meetup_gateway.storage.profiles import Profiles
from meetup_simulator.graphql_api.living_world import Size

from services.gateway.tests.gateway_world import Gateway, Meetup, follow_all
from services.gateway.tests.test_settings import ENVIRON

HOUR = 3600
BUSY = Size(groups=2, members=8, events_per_group=2, changes_per_hour=40)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    running: list[Gateway] = []

    def begin(members: Members = Members.FULL) -> Gateway:
        meetup = Meetup(11, BUSY, price="H1")
        gateway = Gateway(
            meetup, tmp_path / "g.db", follow_all(meetup), members=members, options=Options(floor_seconds=300)
        )
        running.append(gateway)
        gateway.wait(2 * HOUR)
        return gateway

    yield begin
    for gateway in running:
        gateway.close()


def named(gateway: Gateway) -> list[int]:
    records = (record for each in gateway.emitted("rsvps").values() for record in each)
    return sorted({record["member"]["member_id"] for record in records})


def bytes_of(gateway: Gateway) -> bytes:
    """Everything on the disk."""
    return b"".join(file.read_bytes() for file in gateway.path.parent.iterdir() if file.is_file())


def forms_of(number: int) -> list[bytes]:
    """How an id may stand in a file: as text, and as SQLite writes a whole number of this size."""
    return [str(number).encode(), number.to_bytes(4, "big")]


def test_after_forget_no_byte_of_the_member_is_left_and_the_next_poll_brings_none_back(
    start: Callable[..., Gateway],
) -> None:
    gateway = start()
    member = named(gateway)[0]
    assert any(form in bytes_of(gateway) for form in forms_of(member))
    assert forget(gateway.file, gateway.people, member) > 0
    assert not any(form in bytes_of(gateway) for form in forms_of(member))
    gateway.wait(4 * HOUR)
    assert len(gateway.emitted("rsvps")) > 3
    assert member not in named(gateway)
    assert not any(form in bytes_of(gateway) for form in forms_of(member))
    assert member not in Profiles(gateway.file).members([member])


def test_a_member_whom_meetup_removed_is_forgotten_too(start: Callable[..., Gateway]) -> None:
    gateway = start()
    number = named(gateway)[0]
    members = gateway.meetup.world.members
    index = next(index for index, each in enumerate(members) if each.id == str(number))
    removed = type(members[index])(
        **{name: getattr(members[index], name) for name in members[index].__slots__} | {"status": "REMOVED"}
    )
    for rsvp in gateway.meetup.world.rsvps:
        if rsvp.member is members[index]:
            rsvp.member = removed
    members[index] = removed
    gateway.wait(4 * HOUR)
    assert number not in named(gateway)


def test_under_pseudonyms_nothing_names_a_person(start: Callable[..., Gateway]) -> None:
    gateway = start(Members.PSEUDONYMOUS)
    real = {int(member.id): member for member in gateway.meetup.world.members}
    told = named(gateway)
    assert told
    assert not set(told) & set(real)
    everything = bytes_of(gateway)
    for number, member in real.items():
        assert str(number).encode() not in everything
        assert len(member.name) < 4 or b'"member_name":"' + member.name.encode() not in everything
    profile = json.loads(Profiles(gateway.file).members(told[:1])[told[0]])
    assert profile["id"] == told[0]
    assert not {"name", "photo", "bio", "link"} & set(profile)
    assert gateway.people.told_id(next(iter(real))) == gateway.people.told_id(next(iter(real)))


def test_forget_takes_the_real_id_under_pseudonyms(start: Callable[..., Gateway]) -> None:
    gateway = start(Members.PSEUDONYMOUS)
    told = named(gateway)[0]
    real = next(int(each.id) for each in gateway.meetup.world.members if gateway.people.told_id(int(each.id)) == told)
    assert forget(gateway.file, gateway.people, real) > 0
    gateway.wait(HOUR)
    assert told not in named(gateway)


def test_without_members_no_record_holds_one(start: Callable[..., Gateway]) -> None:
    gateway = start(Members.NONE)
    records = [record for each in gateway.emitted("rsvps").values() for record in each]
    assert records
    assert all("member" not in record for record in records)
    with gateway.file.reading() as connection:
        assert connection.execute("SELECT COUNT(*) FROM members").fetchone() == (0,)


def test_profiles_that_nobody_named_for_long_are_purged(start: Callable[..., Gateway]) -> None:
    gateway = start()
    assert purge_members(gateway.file, 0) == 0
    assert purge_members(gateway.file, gateway.context.now() + 1) > 0
    assert not Profiles(gateway.file).members(named(gateway))


def test_the_command_forgets_and_says_how_much(start: Callable[..., Gateway], tmp_path: Path) -> None:
    gateway = start()
    member = named(gateway)[0]
    follow = tmp_path.parent / f"{tmp_path.name}-follow.yaml"
    follow.write_text("groups: [a-group]\n")
    environ = ENVIRON | {"GATEWAY_FOLLOW": str(follow), "GATEWAY_STORE": str(gateway.path)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    command = [sys.executable, "-m", "meetup_gateway", "forget", str(member)]
    done = subprocess.run(command, env=kept | environ, capture_output=True, text=True, timeout=110, check=True)
    assert done.stdout.startswith("erased ")
    assert str(member) not in done.stdout + done.stderr
    assert member not in named(gateway)
