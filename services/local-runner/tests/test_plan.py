"""Which processes run, with which environment."""

import json
from pathlib import Path

import pytest
from meetup_local_runner.monitoring import Monitoring
from meetup_local_runner.plan import Address, Keys, Process, arguments_of, environment_of, plan, waves_of_stop
from meetup_local_runner.settings import Options, read_options
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
        "ENRICHER_LINGER_SECONDS": "2",
        "ENRICHER_PORT": "0",
    }


def test_the_alert_webhook_speaks_to_the_stand_in_for_slack_and_asks_for_a_token() -> None:
    environ = environment_of(processes()["alert-webhook"], ADDRESSES, 0, {})

    assert environ["ALERT_WEBHOOK_SLACK_API_URL"] == "http://127.0.0.1:3333/api"
    assert environ["ALERT_WEBHOOK_TOKEN"] == KEY
    assert environ["ALERT_WEBHOOK_STATE"] == "sqlite:////data/documents.sqlite"


def test_the_page_is_in_the_plan_only_if_asked_for_and_reads_what_the_others_write(tmp_path: Path) -> None:
    assert "insight" not in processes()
    page = processes("--insight", "--data", str(tmp_path))["insight"]
    assert page.environ["INSIGHT_OBJECTS"] == f"file://{tmp_path}/objects"
    assert page.environ["INSIGHT_DOCUMENTS"] == f"sqlite:///{tmp_path}/documents.sqlite"
    (key,) = page.files
    key.path.write_text(key.render({}))
    assert len(key.path.read_text()) == 32
    (again,) = processes("--insight", "--data", str(tmp_path))["insight"].files
    key.path.write_text("")  # as it is while it is written
    assert again.render({}) == key.render({})  # the warehouse of an earlier run belongs to it


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

    world = "/data/world"
    assert arguments_of(simulator, {}, 0) == ["--port", "0", "--rate", "2.5", "--seed", "7", "--world", world, *asked]


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


def monitored(*more: str) -> dict[str, Process]:
    routes = "url: http://somewhere/v1/alertmanager\n    credentials_file: /etc/token\n"
    here = Monitoring("/bin/prometheus", "/bin/alertmanager", (Path("/rules/feeds.yaml"),), routes, Path("/data/m"))
    keys = Keys(SecretStr(KEY), SecretStr(KEY))
    return {process.name: process for process in plan(options("--monitoring", *more), keys, here)}


def test_prometheus_reads_every_service_and_tells_alertmanager() -> None:
    prometheus = monitored()["prometheus"]
    scraped = {"enricher", "alert-webhook"} | {name for name, process in processes().items() if process.feed}
    everything = monitored("--insight", "--source", "graphql")["prometheus"]
    assert everything.needs == scraped | {"alertmanager", "gateway", "insight"}
    assert prometheus.needs == scraped | {"alertmanager"}
    addresses = {name: f"http://127.0.0.1:{port}" for port, name in enumerate(sorted(prometheus.needs), 4000)}
    config = json.loads(prometheus.files[0].render(addresses))
    targets = {scrape["job_name"]: scrape["static_configs"][0]["targets"] for scrape in config["scrape_configs"]}
    assert targets == {name: [addresses[name].removeprefix("http://")] for name in scraped}
    assert config["rule_files"] == ["/rules/feeds.yaml"]
    told = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert told == [addresses["alertmanager"].removeprefix("http://")]


def test_alertmanager_has_the_routes_of_a_cluster_and_the_token_in_a_file() -> None:
    alertmanager = monitored()["alertmanager"]
    texts = {file.path.name: file.render({"alert-webhook": "http://127.0.0.1:5555"}) for file in alertmanager.files}
    assert texts == {
        "token": KEY,
        "alertmanager.yaml": "url: http://127.0.0.1:5555/v1/alertmanager\n    credentials_file: /data/m/token\n",
    }
    assert KEY not in arguments_of(alertmanager, {}, 0)
    assert arguments_of(alertmanager, {}, 9093)[-1] == "127.0.0.1:9093"


def test_silence_is_watched_for_only_where_a_prometheus_could_be_silent() -> None:
    watched, unwatched = monitored()["alert-webhook"], processes()["alert-webhook"]
    assert "ALERT_WEBHOOK_SILENCE_SECONDS" not in watched.environ
    assert unwatched.environ["ALERT_WEBHOOK_SILENCE_SECONDS"] == "0"


def test_with_todays_meetup_streams_and_enricher_are_pointed_at_the_gateway() -> None:
    found = processes("--source", "graphql")
    addresses = ADDRESSES | {"gateway": "http://127.0.0.1:4444"}

    assert "simulator" not in found
    assert found["gateway"].needs == {"graphql-stand-in"}
    environ = environment_of(found["stream-rsvps"], addresses, 0, {})
    assert environ["STREAM_URL"] == "http://127.0.0.1:4444/2/rsvps"
    environ = environment_of(found["enricher"], addresses, 0, {})
    assert environ["ENRICHER_API_URL"] == "http://127.0.0.1:4444"
    told = environment_of(found["gateway"], addresses | {"graphql-stand-in": "http://127.0.0.1:5555"}, 0, {})
    assert told["GATEWAY_KEY"] == environ["ENRICHER_API_KEY"]
