"""Which processes run, with which environment."""

from pathlib import Path

import pytest
from meetup_local.plan import Address, Keys, Process, arguments_of, environment_of, plan, waves_of_stop
from meetup_local.settings import Options, read_options
from pydantic import SecretStr

KEY = "a-key-that-nobody-may-see"
ADDRESSES = {
    "simulator": "http://127.0.0.1:1111",
    "enricher": "http://127.0.0.1:2222",
    "slack": "http://127.0.0.1:3333",
}
NODE = {"PATH": "/bin", "HOME": "/home/me", "STREAM_FEED": "mine", "AWS_SECRET_ACCESS_KEY": "secret", "EDITOR": "vi"}


def options(*arguments: str) -> Options:
    return read_options(["--data", "/data", *arguments])


def processes(*arguments: str) -> dict[str, Process]:
    return {process.name: process for process in plan(options(*arguments), Keys(SecretStr(KEY), SecretStr(KEY)))}


def test_a_stream_is_told_what_a_pod_is_told_and_nothing_else() -> None:
    environ = environment_of(processes()["stream-rsvps"], ADDRESSES, 0, NODE)

    assert environ == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "STREAM_FEED": "rsvps",
        "STREAM_URL": "http://127.0.0.1:1111/2/rsvps",
        "STREAM_OBJECTS": "file:///data/objects",
        "STREAM_LABEL": "rsvps",
        "STREAM_ENRICHER_URL": "http://127.0.0.1:2222",
        "STREAM_PORT": "0",
    }


def test_the_enricher_is_told_what_a_pod_is_told() -> None:
    environ = environment_of(processes()["enricher"], ADDRESSES, 0, {})

    assert {name: value for name, value in environ.items() if name.startswith("ENRICHER_")} == {
        "ENRICHER_API_URL": "http://127.0.0.1:1111",
        "ENRICHER_API_KEY": KEY,
        "ENRICHER_DOCUMENTS": "sqlite:////data/documents.sqlite",
        "ENRICHER_PORT": "0",
    }


def test_the_alert_webhook_speaks_to_the_stand_in_for_slack_and_asks_for_a_token() -> None:
    environ = environment_of(processes()["alert-webhook"], ADDRESSES, 0, {})

    assert environ["ALERT_WEBHOOK_SLACK_API_URL"] == "http://127.0.0.1:3333/api"
    assert environ["ALERT_WEBHOOK_TOKEN"] == KEY
    assert environ["ALERT_WEBHOOK_STATE"] == "sqlite:////data/documents.sqlite"


def test_there_is_a_stream_for_each_of_the_five_feeds() -> None:
    assert {process.feed for process in processes().values() if process.feed} == {
        "open_events",
        "open_venues",
        "event_comments",
        "photos",
        "rsvps",
    }


def test_open_venues_keeps_its_trickle() -> None:
    environ = environment_of(processes()["stream-open_venues"], ADDRESSES, 0, {})

    assert environ["STREAM_URL"] == "http://127.0.0.1:1111/2/open_venues?trickle"


def test_the_back_ends_of_google_are_one_setting_away() -> None:
    emulators = {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9023", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:8080"}
    told = processes("--objects", "gs://bucket/prefix", "--documents", "firestore://project")

    stream = environment_of(told["stream-photos"], ADDRESSES, 0, emulators)
    enricher = environment_of(told["enricher"], ADDRESSES, 0, emulators)

    assert stream["STREAM_OBJECTS"] == "gs://bucket/prefix"
    assert enricher["ENRICHER_DOCUMENTS"] == "firestore://project"
    assert emulators.items() <= stream.items()
    assert emulators.items() <= enricher.items()


def test_a_proxy_is_handed_on_but_never_used_for_this_machine() -> None:
    node = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "metadata.google.internal"}

    environ = environment_of(processes()["enricher"], ADDRESSES, 0, node)

    assert environ["HTTPS_PROXY"] == "http://proxy:3128"
    assert environ["NO_PROXY"] == environ["no_proxy"] == "metadata.google.internal,127.0.0.1,localhost"


def test_the_key_stands_in_no_argument_and_no_repr() -> None:
    for process in processes().values():
        assert KEY not in repr(process)
        assert not any(KEY in argument for argument in arguments_of(process, ADDRESSES, 0))


def test_the_simulator_gets_its_own_flags_as_they_were_given(tmp_path: Path) -> None:
    file = tmp_path / "records.ndjson"
    file.touch()
    asked = ["--replay", f"rsvps={file}", "--replay", f"photos={file}", "--members", str(file), "--groups", str(file)]

    simulator = processes(*asked, "--rate", "2.5", "--seed", "7")["simulator"]

    assert arguments_of(simulator, {}, 0) == ["--port", "0", "--rate", "2.5", "--seed", "7", *asked]


def test_a_restarted_process_takes_its_former_port() -> None:
    told = processes()

    assert environment_of(told["stream-rsvps"], ADDRESSES, 4444, {})["STREAM_PORT"] == "4444"
    assert arguments_of(told["simulator"], {}, 4444)[:2] == ["--port", "4444"]


def test_nothing_needs_a_process_that_is_not_there() -> None:
    told = processes()

    assert all(process.needs <= told.keys() for process in told.values())


def test_streams_stop_before_the_enricher_and_that_before_the_simulator() -> None:
    waves = [{process.name for process in wave} for wave in waves_of_stop(list(processes().values()))]

    (streams,) = [number for number, wave in enumerate(waves) if "stream-rsvps" in wave]
    (enricher,) = [number for number, wave in enumerate(waves) if "enricher" in wave]
    (simulator,) = [number for number, wave in enumerate(waves) if "simulator" in wave]
    assert streams < enricher < simulator


def test_processes_that_need_each_other_are_refused() -> None:
    circle = [Process("a", "x", environ={"B": Address("b")}), Process("b", "x", environ={"A": Address("a")})]

    with pytest.raises(ValueError, match="need each other: a, b"):
        list(waves_of_stop(circle))
