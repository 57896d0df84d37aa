import urllib.error
import urllib.request

import pytest
from meetup_testkit.emulators.process import EmulatorError, EmulatorProcess, free_port
from meetup_testkit.emulators.pytest_plugin import Bucket


def upload(bucket: Bucket, name: str, timeout: float = 60) -> None:
    address = f"{bucket.emulator.host}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name={name}"
    with urllib.request.urlopen(urllib.request.Request(address, b"body"), timeout=timeout):
        pass


def download(bucket: Bucket, name: str) -> bytes:
    address = f"{bucket.emulator.host}/download/storage/v1/b/{bucket.name}/o/{name}?alt=media"
    with urllib.request.urlopen(address, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def test_a_stopped_emulator_refuses_and_a_started_one_has_its_objects_at_its_address(cloud_storage: Bucket) -> None:
    upload(cloud_storage, "before")
    cloud_storage.process.stop()
    with pytest.raises(urllib.error.URLError, match="refused"):
        upload(cloud_storage, "meanwhile")
    cloud_storage.process.start()
    upload(cloud_storage, "after")
    assert download(cloud_storage, "before") == download(cloud_storage, "after") == b"body"


def test_a_paused_emulator_takes_connections_and_does_not_answer_until_it_is_resumed(cloud_storage: Bucket) -> None:
    cloud_storage.process.pause()
    with pytest.raises(TimeoutError):
        upload(cloud_storage, "paused", timeout=0.2)
    cloud_storage.process.resume()
    upload(cloud_storage, "resumed")
    assert download(cloud_storage, "resumed") == b"body"


def test_an_emulator_that_ends_at_once_is_an_error_with_what_it_wrote(tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("emulator") / "log"
    process = EmulatorProcess(["sh", "-c", "echo no such flag; exit 1"], free_port(), log)
    with pytest.raises(EmulatorError, match="did not start:\nno such flag"):
        process.start()
