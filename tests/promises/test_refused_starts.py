"""Bad credentials, a missing bucket, a taken port: one line that says what is wrong, and exit code 2."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from meetup_testkit.child_process import Ended, run_to_end
from meetup_testkit.emulators.pytest_plugin import Bucket
from meetup_testkit.simulator_plugin import StartHttpFaultProxy

from .grpc_faults import GrpcFaultProxy
from .signalled import MODULES, Service

STREAM = ("meetup_stream", {"STREAM_FEED": "rsvps", "STREAM_OBJECTS": "gs://no-such-bucket", "STREAM_PORT": "0"})
ENRICHER = ("meetup_enricher", {"ENRICHER_DOCUMENTS": "firestore://p", "ENRICHER_API_KEY": "k", "ENRICHER_PORT": "0"})
NOWHERE = 9
"""A port of which nothing is asked, because a proxy before it answers all."""


def run(service: tuple[str, Mapping[str, str]], **environ: str) -> Ended:
    """Start the service with nothing of this process's environment but the path."""
    module, settings = service
    return run_to_end([sys.executable, "-m", module], {"PATH": os.environ["PATH"], **settings, **environ})


def assert_one_line(ended: Ended, *words: str) -> None:
    assert ended.code == 2, ended.said
    assert ended.said.count("\n") == 1, ended.said
    for word in words:
        assert word in ended.said


def test_a_missing_bucket_is_one_line_that_says_how_to_create_it(cloud_storage: Bucket) -> None:
    ended = run(STREAM, STORAGE_EMULATOR_HOST=cloud_storage.emulator.host)
    assert_one_line(ended, "STREAM_OBJECTS=gs://no-such-bucket", "gcloud storage buckets create gs://no-such-bucket")


@pytest.mark.parametrize(("status", "advice"), [(403, "grant roles/storage.objectUser"), (401, "credentials")])
def test_a_bucket_that_is_not_this_identity_s_is_one_line_that_says_what_to_grant(
    status: int, advice: str, http_fault_proxy: StartHttpFaultProxy
) -> None:
    proxy = http_fault_proxy(NOWHERE)
    proxy.answer(status)
    assert_one_line(run(STREAM, STORAGE_EMULATOR_HOST=proxy.url), advice)
    assert proxy.fired == 1


@pytest.mark.parametrize(
    ("code", "detail", "advice"),
    [
        (
            grpc.StatusCode.NOT_FOUND,
            "The database (default) does not exist for project p.",
            "gcloud firestore databases create --project=p",
        ),
        (
            grpc.StatusCode.PERMISSION_DENIED,
            "Missing or insufficient permissions.",
            "grant it roles/datastore.user on the project p",
        ),
    ],
)
def test_a_missing_database_or_permission_is_one_line_that_says_what_to_create_or_grant(
    code: grpc.StatusCode, detail: str, advice: str, grpc_fault_proxy: Callable[[int], GrpcFaultProxy]
) -> None:
    proxy = grpc_fault_proxy(NOWHERE)
    proxy.answer(code, detail=detail)
    assert_one_line(run(ENRICHER, FIRESTORE_EMULATOR_HOST=f"127.0.0.1:{proxy.port}"), "ENRICHER_DOCUMENTS", advice)
    assert proxy.fired == 1


@pytest.mark.parametrize("service", [STREAM, ENRICHER], ids=["stream", "enricher"])
def test_missing_credentials_are_one_line_that_says_where_to_get_them(
    service: tuple[str, Mapping[str, str]], tmp_path: Path
) -> None:
    ended = run(service, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "absent.json"))
    assert_one_line(ended, "gcloud auth application-default login")


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.mark.parametrize("service", [STREAM, ENRICHER], ids=["stream", "enricher"])
def test_a_key_that_was_revoked_is_one_line_that_does_not_show_it(
    service: tuple[str, Mapping[str, str]], private_key: str, tmp_path: Path, http_fault_proxy: StartHttpFaultProxy
) -> None:
    token_server = http_fault_proxy(NOWHERE)
    token_server.answer(400)
    account = {
        "type": "service_account",
        "project_id": "p",
        "client_email": "meetup@p.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": private_key,
        "token_uri": f"{token_server.url}/token",
    }
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps(account))
    ended = run(service, GOOGLE_APPLICATION_CREDENTIALS=str(key_file))
    assert_one_line(ended, "credentials")
    assert private_key.splitlines()[1] not in ended.said
    assert token_server.fired == 1


@pytest.mark.parametrize("module", MODULES)
def test_a_port_that_is_taken_is_one_line_that_names_it(module: str, service: Service, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as neighbour:
        port = neighbour.getsockname()[1]
        prefix = module.removeprefix("meetup_").upper()
        address = {f"{prefix}_HOST": "127.0.0.1", f"{prefix}_PORT": str(port)}
        command = [sys.executable, "-m", module, *service.arguments]
        environ = {"PATH": os.environ["PATH"], **service.environ(tmp_path), **address}
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    said = [line for line in (ended.stdout + ended.stderr).splitlines() if not line.startswith("{")]
    assert said == [f"cannot listen on 127.0.0.1 port {port}: Address already in use"]
